"""The operator that writes one whole vector."""

from __future__ import annotations

from typing import Any

from airflow_provider_upstash_vector.bulk.operations.upsert import Upsert
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import Data, Vector
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.base.one_vector import OneVectorOperator


class UpsertVectorOperator(OneVectorOperator):
    """Write one whole vector, new or in place of the stored one with its id; return the upserted count, 1.

    An upsert replaces the whole vector: data and metadata that are not given are gone. At least one of ``vector``
    and ``sparse_vector`` is required; or, if the index embeds it, only ``data``. Non-retryable errors fail the
    task immediately; others use the task's ``retries``.

    :param vector_id: the id of the vector.
    :param vector: a number for each dimension of the index: a list, a numpy array, an XComArg, or a template that
        renders to a JSON or Python list.
    :param sparse_vector: ``{"indices": [...], "values": [...]}``, up to 1,000 of each.
    :param data: the raw text, up to 1 MB; without a vector, an index with an embedding model embeds it.
    :param metadata: a JSON object of up to 48 KB.
    :param namespace: ``None`` for the connection's, ``""`` for the index's default one; it is created if needed.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    :param wait_until_indexed: after the upsert, wait until nothing is pending in the namespace, so that queries
        find the vector.
    :param deferrable: wait in the triggerer, without a worker; ``[operators] default_deferrable`` by default.
    :param poke_interval: seconds between two checks of that wait; in deferrable mode the first check happens no
        sooner than 10 s.
    :param wait_timeout: seconds after which that wait fails the task.
    """

    operation = Upsert

    def send(self, hook: UpstashVectorHook, id: str, parts: dict[str, Any], namespace: str) -> int:
        """Send the vector, or only its data; return the upserted count."""
        if parts["vector"] is not None or parts["sparse_vector"] is not None:
            return hook.upsert([Vector(id=id, **parts)], namespace)
        if parts["data"] is None:
            raise InvalidRequest("vector", "set vector, sparse_vector or both; or data, if the index embeds it")
        return hook.upsert_data([Data(id=id, data=parts["data"], metadata=parts["metadata"])], namespace)
