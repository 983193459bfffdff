"""The commands of the service by name, the first segment of a path."""

from __future__ import annotations

from airflow_provider_upstash_vector.dev_server.commands import queries, reads, writes
from airflow_provider_upstash_vector.dev_server.commands.base import METHODS, Command, Request, ServerState

_WITH_DELETE = METHODS | {"DELETE"}

COMMANDS: dict[str, Command] = {
    "update": Command(run=writes.update, writes=True),
    "upsert": Command(run=writes.upsert, writes=True),
    "upsert-data": Command(run=writes.upsert_data, writes=True),
    "delete": Command(run=writes.delete, writes=True, methods=_WITH_DELETE),
    "reset": Command(run=writes.reset, writes=True, methods=_WITH_DELETE),
    "query": Command(run=queries.query, writes=False),
    "query-data": Command(run=queries.query_data, writes=False),
    "resumable-query": Command(run=queries.resumable_query, writes=False),
    "resumable-query-data": Command(run=queries.resumable_query_data, writes=False),
    "resumable-query-next": Command(run=queries.resumable_query_next, writes=False, takes_namespace=False),
    "resumable-query-end": Command(run=queries.resumable_query_end, writes=False, takes_namespace=False),
    "fetch": Command(run=reads.fetch, writes=False),
    "random": Command(run=reads.random, writes=False),
    "range": Command(run=reads.range, writes=False),
    "info": Command(run=reads.info, writes=False, takes_namespace=False),
    "list-namespaces": Command(run=reads.list_namespaces, writes=False, takes_namespace=False),
    "delete-namespace": Command(run=writes.delete_namespace, writes=True, methods=_WITH_DELETE),
    "rename-namespace": Command(run=writes.rename_namespace, writes=True, takes_namespace=False),
}

__all__ = ["COMMANDS", "Command", "Request", "ServerState"]
