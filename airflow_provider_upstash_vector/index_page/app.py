"""The pages and their paths, as Starlette routes.

Who mounts the routes puts an :class:`~.reader.IndexReader` into each request's scope with ``use_reader``, after
checking the rights of the person who asks; the id of the connection is in the path for that.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from airflow_provider_upstash_vector.index_page.formats import query_string
from airflow_provider_upstash_vector.index_page.reader import IndexFacts, IndexReader, ReadFailed, Search
from airflow_provider_upstash_vector.index_page.rendering import (
    SecureHeaders,
    html_response,
    message_page,
    static_files,
)
from airflow_provider_upstash_vector.index_page.search_form import read_search

_READER = "upstash_vector.index_reader"
_MAX_FORM_BYTES = 1024 * 1024
# more than the service has in one vector, but few enough to be sent in a second; namespaces have no limit
_MAX_NAMESPACES = 500
_MAX_VALUES = 5_000

Endpoint = Callable[[Request], Awaitable[Response]]


def use_reader(scope: Scope, reader: IndexReader) -> None:
    """Set the reader of a request."""
    scope[_READER] = reader


def base_of(scope: Scope) -> str:
    """Return the path that the pages are mounted at, without a trailing slash."""
    return str(scope.get("root_path", "")).rstrip("/")


async def overview(request: Request) -> Response:
    """Return a card for each index; of a single one that is all there is, its own page."""
    reader = _reader(request)
    ids = await reader.connections()
    if len(ids) == 1 and not reader.opens_by_name:
        return await _index(request, ids[0])
    facts = await asyncio.gather(*(_facts_or_error(reader, id) for id in ids))
    values = {"cards": [*zip(ids, facts, strict=True)], "opens_by_name": reader.opens_by_name}
    return html_response("overview.html", {**_common(request), **values})


async def open_by_name(request: Request) -> Response:
    """Redirect from the form with an id to the page of the connection."""
    id = request.query_params.get("connection_id", "").strip()
    path = f"/connections/{quote(id, safe='', errors='replace')}" if id else "/"
    return RedirectResponse(f"{base_of(request.scope)}{path}", 303)


async def index(request: Request) -> Response:
    """Return the page of an index: facts, namespaces, and the tasks that wrote to it."""
    return await _index(request, request.path_params["connection_id"])


async def _index(request: Request, id: str) -> Response:
    reader = _reader(request)
    facts, runs = await asyncio.gather(_facts_or_error(reader, id), reader.runs(id))
    error = facts if isinstance(facts, ReadFailed) else None
    prefix = request.query_params.get("prefix", "")
    found = [] if isinstance(facts, ReadFailed) else [n for n in facts.namespaces if n.name.startswith(prefix)]
    values = {
        "connection_id": id,
        "facts": None if error else facts,
        "prefix": prefix,
        "namespaces": found[:_MAX_NAMESPACES],
        "not_listed": max(0, len(found) - _MAX_NAMESPACES),
        "error": error,
        "runs": runs,
        "shows_contents": reader.shows_contents,
        "crumbs": _crumbs(reader, request, id)[:-1],
    }
    return html_response("index.html", {**_common(request), **values}, _status(error))


async def namespace(request: Request) -> Response:
    """Return the vectors of a namespace by page and prefix, or the results of a search."""
    reader, id = _contents_reader(request), request.path_params["connection_id"]
    form = await _form(request)
    name, prefix, cursor = form.get("namespace", ""), form.get("prefix", ""), form.get("cursor", "")
    values: dict[str, Any] = {
        "connection_id": id,
        "namespace": name,
        "form": {field: form.get(field, "") for field in ("q", "filter", "prefix", "like")},
        "cursor": cursor,
        "crumbs": _crumbs(reader, request, id),
        "vectors": [],
        "next_cursor": "",
        "error": None,
        "searched": False,
    }
    try:
        search = await _search_of(reader, id, name, form)
        values["searched"] = search is not None
        if search is not None:
            values["vectors"] = await reader.search(id, name, search)
        else:
            page = await reader.vectors(id, name, prefix, cursor)
            values |= {"vectors": page.vectors, "next_cursor": page.next_cursor}
    except ReadFailed as error:
        values |= {"error": error, "searched": "q" in form}
    return html_response("namespace.html", {**_common(request), **values}, _status(values["error"]))


async def _search_of(reader: IndexReader, id: str, namespace: str, form: Mapping[str, str]) -> Search | None:
    if like := form.get("like"):
        stored = await reader.vector(id, namespace, like)
        if stored is None:
            raise ReadFailed(f"There is no vector {like!r} in this namespace any more.", 404)
        return Search(vector=stored.vector, sparse=stored.sparse, filter=form.get("filter", "").strip())
    try:
        return read_search(form)
    except ValueError as error:
        raise ReadFailed(str(error), 400) from None


async def vector(request: Request) -> Response:
    """Return the page of one vector, in full."""
    reader, id = _contents_reader(request), request.path_params["connection_id"]
    name, vector_id = request.query_params.get("namespace", ""), request.query_params.get("id", "")
    values: dict[str, Any] = {"connection_id": id, "namespace": name, "id": vector_id, "error": None}
    values |= {"vector": None, "crumbs": _crumbs(reader, request, id, name)}
    try:
        values["vector"] = await reader.vector(id, name, vector_id)
        if values["vector"] is None:
            raise ReadFailed(f"There is no vector {vector_id!r} in this namespace.", 404)
        values["norm"] = math.hypot(*(values["vector"].vector or ()))
        values["values"] = (values["vector"].vector or ())[:_MAX_VALUES]
        values["sparse"] = [*zip(*(values["vector"].sparse or ()), strict=False)][:_MAX_VALUES]
    except ReadFailed as error:
        values["error"] = error
    return html_response("vector.html", {**_common(request), **values}, _status(values["error"]))


def page_endpoints() -> dict[str, tuple[Endpoint, list[str]]]:
    """Return paths with their endpoints and methods."""
    get, get_or_post = ["GET", "HEAD"], ["GET", "HEAD", "POST"]  # POST: long vectors do not fit into a URL
    return {
        "/": (overview, get),
        "/open": (open_by_name, get),
        "/connections/{connection_id}": (index, get),
        "/connections/{connection_id}/namespace": (namespace, get_or_post),
        "/connections/{connection_id}/vector": (vector, get),
    }


def pages_app() -> ASGIApp:
    """Return the pages as an application without rights of its own."""
    pages = [Route(path, endpoint, methods=methods) for path, (endpoint, methods) in page_endpoints().items()]
    handlers = dict.fromkeys((ReadFailed, HTTPException, Exception), read_failed)
    app = Starlette(routes=[Route("/static/{name}", static_file), *pages], exception_handlers=handlers)
    app.router.redirect_slashes = False  # it would redirect to any host that the request names
    return SecureHeaders(app)


async def static_file(request: Request) -> Response:
    """Return the style sheet or the script; both hold no data, and need no rights."""
    content = static_files().get(request.path_params["name"])
    if content is None:
        raise ReadFailed("There is no such page.", 404)
    return Response(content.body, headers=content.headers)


async def read_failed(request: Request, error: Exception) -> Response:
    """Return the page for an error that left an endpoint, such as :class:`ReadFailed`: an exception handler."""
    message, status = "This page cannot be shown. The server's log has more.", 500
    if isinstance(error, ReadFailed):
        message, status = error.message, error.status
    elif isinstance(error, HTTPException):
        message, status = "There is no such page.", error.status_code
    return message_page(base_of(request.scope), "Nothing to see here", message, status, {})


def _reader(request: Request) -> IndexReader:
    reader: IndexReader = request.scope[_READER]
    return reader


def _contents_reader(request: Request) -> IndexReader:
    reader = _reader(request)
    if not reader.shows_contents:
        raise ReadFailed(
            "Contents are not shown here. An administrator can set [upstash_vector] index_page = vectors.", 403
        )
    return reader


async def _facts_or_error(reader: IndexReader, id: str) -> IndexFacts | ReadFailed:
    try:
        return await reader.facts(id)
    except ReadFailed as error:
        return error


async def _form(request: Request) -> Mapping[str, str]:
    if request.method != "POST":
        return dict(request.query_params)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_BYTES:
            raise ReadFailed("The search is too long: write at most 1 MB.", 413)
    fields = parse_qsl(body.decode("latin-1"), keep_blank_values=True, errors="replace")
    return dict(fields)


def _common(request: Request) -> dict[str, Any]:
    return {"base": base_of(request.scope), "crumbs": []}


def _crumbs(reader: IndexReader, request: Request, id: str, namespace: str | None = None) -> list[tuple[str, str]]:
    base = base_of(request.scope)
    index = f"{base}/connections/{quote(id, safe='', errors='replace')}"
    first = [("Indexes", f"{base}/")] if reader.opens_by_name else []
    crumbs = [*first, (id, index)]
    if namespace is not None:
        from_query = f"{index}/namespace{query_string(namespace=namespace)}"
        crumbs.append((namespace or "default namespace", from_query))
    return crumbs


def _status(error: ReadFailed | None) -> int:
    return 200 if error is None else error.status
