"""Names of namespaces that are changed as a whole, and whether one has been renamed. Pure."""

from __future__ import annotations

from collections.abc import Collection

from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.validation import identifier


def named(value: object, field: str) -> str:
    """Return the name of a namespace, which must be set: none is taken from the connection."""
    if value is None:
        raise InvalidRequest(field, "must be set: here it is not that of the connection by default")
    return identifier(value, field)


def not_default(value: object, field: str) -> str:
    """Return the name of a namespace other than the default one."""
    name = named(value, field)
    if not name:
        raise InvalidRequest(field, "must not be empty: the default namespace can be neither deleted nor renamed")
    return name


def different(namespace: object, new_namespace: object) -> tuple[str, str]:
    """Return the checked old and new name of a namespace that is renamed."""
    names = not_default(namespace, "namespace"), not_default(new_namespace, "new_namespace")
    if names[0] == names[1]:
        raise InvalidRequest("new_namespace", f"must differ from namespace, got {names[0]!r} twice")
    return names


def is_renamed(
    names: Collection[str], namespace: str, new_namespace: str, *, delete_existing: bool, sent_before: bool
) -> bool:
    """Return whether a request that was ``sent_before`` has renamed the namespace.

    Raises ``InvalidRequest`` if it can be renamed neither before nor now.
    """
    if namespace in names:
        if new_namespace in names and not delete_existing:
            reason = f"there is a namespace {new_namespace!r} already; delete_existing=True deletes it first"
            raise InvalidRequest("new_namespace", reason)
        return False
    if sent_before and new_namespace in names:
        return True
    raise InvalidRequest("namespace", f"there is no namespace {namespace!r}")
