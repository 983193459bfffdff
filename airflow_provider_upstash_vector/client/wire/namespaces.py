"""Calls on the index and its namespaces."""

from __future__ import annotations

from pydantic import TypeAdapter

from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import IndexInfo
from airflow_provider_upstash_vector.client.wire.call import Call, json_body, member, name, path, success

_INFO = TypeAdapter(IndexInfo)
_NAMES = TypeAdapter(list[str])


def info() -> Call[IndexInfo]:
    """Read the counts and properties of the index. Safe to send again."""
    return Call("info", "/info", b"", _INFO.validate_python)


def list_namespaces() -> Call[list[str]]:
    """Read the names of all namespaces, including ``""``, the default one. Safe to send again."""
    return Call("list_namespaces", "/list-namespaces", b"", _NAMES.validate_python)


def delete_namespace(namespace: str) -> Call[None]:
    """Delete a namespace with its vectors. Raises ``NotFound`` if it does not exist.

    Not sent again after a lost response: the second request would not find it.
    """
    deleted = name(namespace)
    if not deleted:
        raise InvalidRequest("namespace", "the default namespace cannot be deleted")
    return delete_call(deleted, idempotent=False)


def delete_call(namespace: str, *, idempotent: bool) -> Call[None]:
    """Return the call of :func:`delete_namespace` for a checked name."""
    call_path = path("delete-namespace", namespace)
    return Call("delete_namespace", call_path, b"", success, namespace, idempotent=idempotent)


def rename_namespace(namespace: str, new_namespace: str, *, delete_existing: bool = False) -> Call[bool]:
    """Rename a namespace; return ``False`` if another one has the new name already.

    With ``delete_existing``, that one is deleted first. Not sent again after a lost response: the second request
    would return ``False`` although the first succeeded.
    """
    namespace = validation.identifier(namespace, "namespace")
    new_namespace = validation.identifier(new_namespace, "new_namespace")
    for field, renamed in (("namespace", namespace), ("new_namespace", new_namespace)):
        if not renamed:
            raise InvalidRequest(field, "the default namespace can be neither renamed nor replaced")
    validation.flag(delete_existing, "delete_existing")
    return rename_call(namespace, new_namespace, delete_existing=delete_existing, idempotent=False)


def rename_call(
    namespace: str, new_namespace: str, *, delete_existing: bool | None = None, idempotent: bool
) -> Call[bool]:
    """Return the call of :func:`rename_namespace` for checked names."""
    return Call(
        "rename_namespace",
        "/rename-namespace",
        json_body({"namespace": namespace, "newNamespace": new_namespace, "deleteExisting": delete_existing}),
        lambda result: member(result, "renamed", bool),
        namespace,
        idempotent=idempotent,
    )
