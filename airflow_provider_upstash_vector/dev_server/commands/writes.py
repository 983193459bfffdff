"""Commands that change vectors and namespaces."""

from __future__ import annotations

from airflow_provider_upstash_vector.dev_server import payloads
from airflow_provider_upstash_vector.dev_server.commands.base import Request, ServerState
from airflow_provider_upstash_vector.dev_server.responses import bad_request


def update(state: ServerState, request: Request) -> dict[str, int]:
    """Update one vector."""
    change, mode = payloads.update_record(request.json_object(), state.index.spec)
    return {"updated": state.index.update(request.namespace, change, mode)}


def upsert(state: ServerState, request: Request) -> str:
    """Upsert up to 1,000 vectors."""
    items, spec = payloads.items_of(request.json()), state.index.spec
    state.index.upsert(request.namespace, [payloads.upsert_record(item, spec) for item in items])
    return "Success"


def upsert_data(state: ServerState, request: Request) -> str:
    """Upsert up to 1,000 texts, which are embedded."""
    items, spec = payloads.items_of(request.json()), state.index.spec
    state.index.upsert(request.namespace, [payloads.upsert_data_record(item, spec) for item in items])
    return "Success"


def delete(state: ServerState, request: Request) -> dict[str, int]:
    """Delete vectors by ids, prefix or filter; a body that is an array holds ids (assumed)."""
    content = request.json()
    body = {"ids": content} if isinstance(content, list) else payloads.object_of(content)
    message = "Only and only one of the ids, prefix, or filter must be provided."
    selector = payloads.only_one_of(body, ("ids", "prefix", "filter"), message)
    if selector == "ids":
        deleted = state.index.delete(request.namespace, ids=payloads.ids_of(body["ids"]))
    elif selector == "prefix":
        deleted = state.index.delete(request.namespace, prefix=payloads.text_of(body, "prefix"))
    else:
        deleted = state.index.delete(request.namespace, filter=payloads.text_of(body, "filter"))
    return {"deleted": deleted}


def reset(state: ServerState, request: Request) -> str:
    """Delete the vectors of one namespace, or of all."""
    if "all" in (part.partition("=")[0] for part in request.query.split("&")):
        state.index.reset_all()
    else:
        state.index.reset(request.namespace)
    return "Success"


def delete_namespace(state: ServerState, request: Request) -> str:
    """Delete a namespace and its vectors."""
    if not request.namespace:
        raise bad_request("The default namespace cannot be deleted")
    state.index.delete_namespace(request.namespace)
    return "Success"


def rename_namespace(state: ServerState, request: Request) -> dict[str, bool]:
    """Rename a namespace."""
    body = request.json_object()
    name, new_name = payloads.text_of(body, "namespace"), payloads.text_of(body, "newNamespace")
    if not name or not new_name:
        raise bad_request("The default namespace can be neither renamed nor the new name")
    delete_existing = payloads.flag(body, "deleteExisting")
    return {"renamed": state.index.rename_namespace(name, new_name, delete_existing=delete_existing)}
