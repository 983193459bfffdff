"""Check new vectors before they are used; one of the checks is written here."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_upstash_vector.bulk.checking import (
    Check,
    CheckedNamespace,
    CheckResult,
    CountBetween,
    MetadataHas,
    NoZeroVectors,
    SelfRecall,
)
from airflow_provider_upstash_vector.operators.upstash_vector import CheckVectorsOperator


class TextsAreLong(Check):
    """The sampled texts have at least 20 characters."""

    uses = ("data",)

    def run(self, index: CheckedNamespace) -> CheckResult:
        """Count the short texts."""
        short = [vector.id for vector in index.sample if len(vector.data or "") < 20]
        sentence = f"{len(short)} of {len(index.sample)} sampled texts are short."
        return self.result(passed=not short, value=len(short), sentence=sentence, examples=short)


with DAG(
    "example_check",
    schedule=None,
    params={
        "new": Param("movies__new", type="string", minLength=1, description="The namespace to check"),
        "old": Param("movies", type="string", minLength=1, description="The namespace in use"),
    },
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:
    CheckVectorsOperator(
        task_id="check",
        namespace="{{ params.new }}",
        baseline="{{ params.old }}",
        sample=2_000,
        seed=7,
        checks=[
            CountBetween("95%", None),
            NoZeroVectors(),
            MetadataHas("genre", "year"),
            SelfRecall(at=1, least=0.98),
            TextsAreLong(),
        ],
    )
