"""Commands on namespaces as a whole."""

from __future__ import annotations

from airflow_provider_upstash_vector.dev_server import payloads
from airflow_provider_upstash_vector.dev_server.commands.base import Request, Server
from airflow_provider_upstash_vector.dev_server.errors import bad_request


def list_namespaces(server: Server, _: Request) -> list[str]:
    """Name all namespaces."""
    return server.index.store.namespaces()


def delete_namespace(server: Server, request: Request) -> str:
    """Delete a namespace with its vectors."""
    if not request.namespace:
        raise bad_request("The default namespace cannot be deleted")
    server.index.delete_namespace(request.namespace)
    return "Success"


def rename_namespace(server: Server, request: Request) -> dict[str, bool]:
    """Give a namespace another name."""
    body = request.json_object()
    name, new_name = payloads.text_of(body, "namespace"), payloads.text_of(body, "newNamespace")
    if not name or not new_name:
        raise bad_request("The default namespace cannot be renamed, nor be the new name")
    delete_existing = payloads.flag(body, "deleteExisting")
    return {"renamed": server.index.rename_namespace(name, new_name, delete_existing=delete_existing)}
