"""The operator that updates one vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.common.compat.sdk import XComArg

from airflow_provider_upstash_vector.airflow_errors import fail_or_skip
from airflow_provider_upstash_vector.bulk.operations.update import OnMissing, Update
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.base.arguments import literal_choice, literal_mode, optional_text
from airflow_provider_upstash_vector.operators.base.one_vector import OneVectorOperator


class UpdateVectorOperator(OneVectorOperator):
    """Change the vector, the raw text or the metadata of one stored vector; return the updated count, 1 or 0.

    At least one of ``vector``, ``sparse_vector``, ``data`` and ``metadata`` is required. Non-retryable errors fail
    the task immediately; others use the task's ``retries``.

    :param vector_id: the id of the vector.
    :param vector: a number for each dimension of the index: a list, a numpy array, an XComArg, or a template that
        renders to a JSON or Python list.
    :param sparse_vector: ``{"indices": [...], "values": [...]}``, up to 1,000 of each.
    :param data: the raw text, up to 1 MB; an index with an embedding model embeds it again.
    :param metadata: a JSON object of up to 48 KB; ``None`` in it deletes a field under ``PATCH``.
    :param metadata_update_mode: ``"OVERWRITE"``, the service's default, removes all metadata that is not in
        ``metadata``, also what other tools keep there; ``"PATCH"`` (RFC 7396) changes only the fields in it.
        Without ``metadata`` it has no effect.
    :param namespace: ``None`` for the connection's, ``""`` for the index's default one.
    :param on_missing: what to do if there is no such id: ``"ignore"`` it and return 0, ``"fail"`` or
        ``"skip"``.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    :param wait_until_indexed: after the update, wait until nothing is pending in the namespace, so that queries
        find the change.
    :param deferrable: wait in the triggerer, without a worker; ``[operators] default_deferrable`` by default.
    :param poke_interval: seconds between two checks of that wait; in deferrable mode the first check happens no
        sooner than 10 s.
    :param wait_timeout: seconds after which that wait fails the task.
    """

    operation = Update
    template_fields: Sequence[str] = (*OneVectorOperator.template_fields, "metadata_update_mode")

    def __init__(
        self,
        *,
        metadata_update_mode: str | XComArg | None = None,
        on_missing: OnMissing = "ignore",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        literal_choice(on_missing, "on_missing", "ignore", "fail", "skip")
        literal_mode(metadata_update_mode)  # a wrong one fails when the DAG is parsed
        self.metadata_update_mode = metadata_update_mode
        self.on_missing = on_missing

    def send(self, hook: UpstashVectorHook, id: str, parts: dict[str, Any], namespace: str) -> int:
        """Send the update; return the updated count."""
        return hook.update(id, **parts, metadata_update_mode=self._mode, namespace=namespace)

    def described(self, part: str) -> str:
        """Return the name of a part, and how the metadata are changed."""
        return f"{part} ({(self._mode or 'OVERWRITE').upper()})" if part == "metadata" else part

    def handle_missing(self, message: str) -> None:
        """Warn, fail or skip, as ``on_missing`` says."""
        fail_or_skip(self.on_missing, message)

    @property
    def _mode(self) -> str | None:
        return optional_text(self.metadata_update_mode, "metadata_update_mode")
