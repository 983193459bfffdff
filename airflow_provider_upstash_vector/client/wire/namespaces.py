"""The calls on the index and its namespaces as a whole."""

from __future__ import annotations

from pydantic import TypeAdapter

from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import IndexInfo
from airflow_provider_upstash_vector.client.wire.call import Call, json_body, member, path, success

_INFO = TypeAdapter(IndexInfo)
_NAMES = TypeAdapter(list[str])


def info() -> Call[IndexInfo]:
    """Read the counts and properties of the index. Safe to send again."""
    return Call("info", "/info", b"", _INFO.validate_python)


def list_namespaces() -> Call[list[str]]:
    """Read the names of all namespaces, ``""`` for the default one among them. Safe to send again."""
    return Call("list_namespaces", "/list-namespaces", b"", _NAMES.validate_python)


def delete_namespace(namespace: str) -> Call[None]:
    """Delete a namespace with its vectors; ``NotFound`` where there is none.

    Not sent again after a lost answer: the second time it would not be found.
    """
    if not namespace:
        raise InvalidRequest("namespace", "the default namespace cannot be deleted")
    call_path = path("delete-namespace", namespace)
    return Call("delete_namespace", call_path, b"", success, namespace, idempotent=False)


def rename_namespace(namespace: str, new_namespace: str, *, delete_existing: bool = False) -> Call[bool]:
    """Give a namespace another name; return whether that was possible.

    A namespace that has the name already is in the way, unless ``delete_existing`` deletes it. Not sent again
    after a lost answer: the second time it would say ``False``, though it was renamed.
    """
    for field, name in (("namespace", namespace), ("new_namespace", new_namespace)):
        if not validation.text(name, field):
            raise InvalidRequest(field, "the default namespace cannot be renamed, nor be the new name")
    body = json_body(
        {
            "namespace": namespace,
            "newNamespace": new_namespace,
            "deleteExisting": validation.flag(delete_existing, "delete_existing"),
        }
    )
    return Call(
        "rename_namespace",
        "/rename-namespace",
        body,
        lambda result: member(result, "renamed", bool),
        namespace,
        idempotent=False,
    )
