"""The results of calls that change several namespaces."""

from __future__ import annotations

from airflow_provider_upstash_vector.client.models.base import ResponseModel


class NamespaceSwap(ResponseModel):
    """The names of a swap or a rollback; that of a namespace which does not exist after it is ``None``.

    ``namespace`` is the name in use, ``replacement`` that of the namespace which a swap puts in its place, and
    ``previous`` that of the one which a rollback brings back.
    """

    namespace: str
    replacement: str | None = None
    previous: str | None = None


class ExpiredNamespaces(ResponseModel):
    """The names that match a pattern: those ``deleted``, and those ``kept``, each from the oldest to the newest.

    After a ``dry_run``, those to be deleted are in ``deleted`` too.
    """

    deleted: list[str]
    kept: list[str]
    dry_run: bool = False
