"""Update one vector from the "Trigger DAG" form; empty fields change nothing."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorOperator

with DAG(
    dag_id="example_trigger_from_ui",
    schedule=None,
    render_template_as_native_obj=True,  # objects and arrays keep their types
    params={
        "id": Param("movie-1", type="string", minLength=1, title="Id", description="Id of a stored vector."),
        "metadata": Param(
            {"genre": "comedy"},
            type=["object", "null"],
            title="Metadata",
            description="A JSON object. Empty: stays as it is.",
        ),
        "metadata_update_mode": Param(
            "PATCH",
            type="string",
            enum=["PATCH", "OVERWRITE"],
            title="Mode",
            description="PATCH changes the fields given, or deletes them if null; OVERWRITE removes all others.",
        ),
        "vector": Param(
            None,
            type=["array", "null"],
            items={"type": "number"},
            title="Vector",
            description="As many numbers as the index has dimensions, e.g. [0.1, 0.9]. Empty: stays as it is.",
        ),
        "data": Param(
            None,
            type=["string", "null"],
            format="multiline",
            title="Data",
            description="The raw text. Empty: stays as it is.",
        ),
        "namespace": Param(
            None, type=["string", "null"], title="Namespace", description="Empty: the connection's namespace."
        ),
    },
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:
    UpdateVectorOperator(
        task_id="update",
        vector_id="{{ params.id }}",
        # the form gives null, "", [] or {} for a field that was emptied
        vector="{{ params.vector or none }}",
        data="{{ params.data or none }}",
        metadata="{{ params.metadata or none }}",
        metadata_update_mode="{{ params.metadata_update_mode }}",
        namespace="{{ params.namespace or none }}",
        on_missing="fail",
    )
