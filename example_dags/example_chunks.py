"""Load the chunks of common-ai's ``LlamaIndexEmbeddingOperator``; a chunk's id is its file and its place in it."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_upstash_vector.operators.upstash_vector import BulkUpsertVectorsOperator


@task
def embed() -> dict[str, Any]:
    """Stand in for ``LlamaIndexEmbeddingOperator(task_id="embed", documents=…, embed_model=…)``."""
    texts = {"guide.md": ["Install the provider.", "Create a connection."], "faq.md": ["Is it free?"]}
    return {
        "chunks": [
            {"text": text, "metadata": {"file_path": path}, "vector": [len(text) / 100, text.count(" ") / 10]}
            for path, parts in texts.items()
            for text in parts
        ]
    }


with DAG("example_chunks", schedule=None, doc_md=__doc__, tags=["example", "upstash-vector"]) as dag:
    BulkUpsertVectorsOperator(
        task_id="upsert",
        rows=embed(),
        rows_field="chunks",
        id_template="{metadata.file_path}#{index}",
        data_field="text",
    )
