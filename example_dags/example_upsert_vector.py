"""Write one vector from the "Trigger DAG" form; it replaces a stored vector with the same id."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_upstash_vector.operators.upstash_vector import UpsertVectorOperator

with DAG(
    dag_id="example_upsert_vector",
    schedule=None,
    render_template_as_native_obj=True,  # objects and arrays keep their types
    params={
        "id": Param("movie-1", type="string", minLength=1, title="Id"),
        "vector": Param(
            [0.1, 0.9],
            type="array",
            items={"type": "number"},
            minItems=1,
            title="Vector",
            description="As many numbers as the index has dimensions.",
        ),
        "metadata": Param(
            {"genre": "comedy"}, type=["object", "null"], title="Metadata", description="Empty: none."
        ),
        "data": Param(
            None, type=["string", "null"], format="multiline", title="Data", description="Empty: no raw text."
        ),
        "namespace": Param(
            None, type=["string", "null"], title="Namespace", description="Empty: the connection's namespace."
        ),
    },
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:
    UpsertVectorOperator(
        task_id="upsert",
        vector_id="{{ params.id }}",
        vector="{{ params.vector }}",
        # the form gives null, "" or {} for a field that was emptied
        metadata="{{ params.metadata or none }}",
        data="{{ params.data or none }}",
        namespace="{{ params.namespace or none }}",
    )
