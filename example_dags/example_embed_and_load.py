"""Embed the texts of a file and load them into an index in one task; no vector goes through XCom."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_upstash_vector.operators.upstash_vector import BulkUpsertVectorsOperator


def embed(texts: list[str]) -> list[list[float]]:
    """Return a vector for each text; a model, or a request to its API, stands here in a DAG of yours."""
    return [[float(len(text.split())), float(len(text))] for text in texts]


with DAG(
    "example_embed_and_load",
    schedule=None,
    params={
        "rows": Param(
            "documents.jsonl",
            type="string",
            minLength=1,
            description="Parquet, JSON, JSON Lines or CSV with the columns id and text, also s3:// or gs://",
        ),
        "dry_run": Param(False, type="boolean", description="Count the texts; embed and write nothing"),
    },
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:
    BulkUpsertVectorsOperator(
        task_id="load",
        rows="{{ params.rows }}",
        data_field="text",
        metadata_fields="*",  # all columns that are no other field
        embed=embed,  # or "package.module:function"
        embed_batch_size=100,
        embed_concurrency=4,
        dry_run="{{ params.dry_run }}",
        failures_path="{{ params.rows }}.failures.jsonl",
        wait_until_indexed=True,
        retries=3,
        retry_delay=timedelta(minutes=5),
    )
