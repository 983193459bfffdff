"""Commands that change vectors."""

from __future__ import annotations

from airflow_provider_upstash_vector.dev_server import payloads
from airflow_provider_upstash_vector.dev_server.commands.base import Request, Server


def update(server: Server, request: Request) -> dict[str, int]:
    """Change one vector."""
    change, mode = payloads.update_record(request.json_object(), server.index.spec)
    return {"updated": server.index.update(request.namespace, change, mode)}


def upsert(server: Server, request: Request) -> str:
    """Write one vector, or up to 1,000."""
    items, spec = payloads.items_of(request.json()), server.index.spec
    server.index.upsert(request.namespace, [payloads.upsert_record(item, spec) for item in items])
    return "Success"


def upsert_data(server: Server, request: Request) -> str:
    """Write one text, or up to 1,000, as vectors."""
    items, spec = payloads.items_of(request.json()), server.index.spec
    server.index.upsert(request.namespace, [payloads.upsert_data_record(item, spec) for item in items])
    return "Success"


def delete(server: Server, request: Request) -> dict[str, int]:
    """Delete vectors by ids, prefix or filter; an array as the whole body is taken for ids (assumed)."""
    content = request.json()
    body = {"ids": content} if isinstance(content, list) else payloads.object_of(content)
    given = payloads.only_one_of(body, "ids", "prefix", "filter")
    if given == "ids":
        deleted = server.index.delete(request.namespace, ids=payloads.ids_of(body["ids"]))
    elif given == "prefix":
        deleted = server.index.delete(request.namespace, prefix=payloads.text_of(body, "prefix"))
    else:
        deleted = server.index.delete(request.namespace, filter=payloads.text_of(body, "filter"))
    return {"deleted": deleted}


def reset(server: Server, request: Request) -> str:
    """Empty one namespace, or all."""
    if "all" in (part.partition("=")[0] for part in request.query.split("&")):
        server.index.reset_all()
    else:
        server.index.reset(request.namespace)
    return "Success"
