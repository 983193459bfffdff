"""The pages as a FastAPI application, with the rights of Airflow's own API.

An application that Airflow mounts has no rights of its own: every page depends on the person being signed in, and
each one of a connection on the right to read that connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_connection
from fastapi import Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from airflow_provider_upstash_vector.index_page.app import (
    base_of,
    page_endpoints,
    read_failed,
    static_file,
    use_reader,
)
from airflow_provider_upstash_vector.index_page.reader import (
    IndexFacts,
    ReadFailed,
    Search,
    StoredVector,
    TaskRun,
    VectorPage,
)
from airflow_provider_upstash_vector.index_page.rendering import SecureHeaders, message_page
from airflow_provider_upstash_vector.plugins.access import Access, connection_settings
from airflow_provider_upstash_vector.plugins.index_reader import ConnectionIndexes
from airflow_provider_upstash_vector.plugins.runs import recent_runs
from airflow_provider_upstash_vector.plugins.upstash_vector import URL_PREFIX

_REFUSALS = {
    401: ("Sign in first", "The indexes are shown to people who are signed in to Airflow."),
    403: (
        "No access",
        "You may not read this connection in Airflow. Ask an administrator for the right, or sign in again.",
    ),
    404: ("Not found", "There is no such page."),
}


@dataclass(frozen=True, slots=True)
class PersonsReader:
    """The ``IndexReader`` of one person; the right to a connection in the path has been checked before."""

    indexes: ConnectionIndexes
    access: Access
    airflow_path: str
    shows_contents: bool
    opens_by_name: bool = True

    async def connections(self) -> Sequence[str]:
        """Return the ids of connections. Raises ``ReadFailed`` if the person may not read any connection."""
        ids = await asyncio.to_thread(self.access.connection_ids)
        if ids is None:
            raise HTTPException(403)
        return ids

    async def facts(self, connection_id: str) -> IndexFacts:
        """Return the properties and counts of an index."""
        return await self.indexes.facts(connection_id)

    async def vectors(self, connection_id: str, namespace: str, prefix: str, cursor: str) -> VectorPage:
        """Return a page of vectors."""
        return await self.indexes.vectors(connection_id, namespace, prefix, cursor)

    async def vector(self, connection_id: str, namespace: str, id: str) -> StoredVector | None:
        """Return one vector."""
        return await self.indexes.vector(connection_id, namespace, id)

    async def search(self, connection_id: str, namespace: str, search: Search) -> Sequence[StoredVector]:
        """Return the nearest vectors."""
        return await self.indexes.search(connection_id, namespace, search)

    async def runs(self, connection_id: str) -> Sequence[TaskRun]:
        """Return the last tasks that wrote to an index."""
        return await asyncio.to_thread(recent_runs, connection_id, self.access, self.airflow_path)


def create_app(*, shows_contents: bool) -> ASGIApp:
    """Return the application that Airflow mounts at ``URL_PREFIX``."""
    indexes = ConnectionIndexes(connection_settings)

    async def bind_reader(request: Request, user: GetUserDep) -> None:
        reader = PersonsReader(indexes, Access(user), _airflow_path(request), shows_contents)
        use_reader(request.scope, reader)

    app = FastAPI(
        openapi_url=None,  # no docs either
        redirect_slashes=False,  # it would redirect to any host that the request names
        exception_handlers={HTTPException: _refuse, ReadFailed: read_failed, Exception: _refuse},
    )
    for path, (endpoint, methods) in page_endpoints().items():
        rights = [Depends(requires_access_connection("GET"))] if "{connection_id}" in path else []
        dependencies = [*rights, Depends(bind_reader)]
        app.add_api_route(path, endpoint, methods=methods, dependencies=dependencies, response_model=None)
    app.add_route("/static/{name}", static_file)
    return SecureHeaders(app)


def _airflow_path(request: Request) -> str:
    return base_of(request.scope).removesuffix(URL_PREFIX)


async def _refuse(request: Request, error: Exception) -> Response:
    """Return a page in the place of FastAPI's JSON."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    title, message = _REFUSALS.get(status, ("This page cannot be shown", "Try it again from the first page."))
    links = {"Open Airflow": f"{_airflow_path(request)}/"} if status in {401, 403} else {}
    response = message_page(base_of(request.scope), title, message, status, links)
    response.headers.update(headers or {})  # e.g. the allowed methods
    return response
