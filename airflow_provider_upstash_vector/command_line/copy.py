"""The command that copies a namespace from index to index."""

from __future__ import annotations

import argparse
import os
from typing import Any

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.copying import copy_async
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.client.errors import InvalidEndpoint
from airflow_provider_upstash_vector.command_line.base import TOKEN_VARIABLE, Index
from airflow_provider_upstash_vector.command_line.bulk import BulkCommand

SOURCE_TOKEN_VARIABLE = "UPSTASH_VECTOR_SOURCE_REST_TOKEN"  # noqa: S105 - the variable's name


class CopyCommand(BulkCommand):
    """Copies to the index of the command."""

    def add_positional(self, parser: argparse.ArgumentParser) -> None:
        """Add the source."""
        source = parser.add_mutually_exclusive_group()
        text = f"REST URL of the index to read, by default the same; its token is in {SOURCE_TOKEN_VARIABLE}"
        source.add_argument("--source-url", metavar="URL", help=text)
        text = "the Airflow connection of the index to read, by default the same; for --conn-id"
        source.add_argument("--source-conn-id", metavar="CONN_ID", help=text)

    def report(self, index: Index, **arguments: Any) -> Any:
        """Copy; return the report."""
        source = Index(arguments.pop("source_url", None), arguments.pop("source_conn_id", None))
        if index.conn_id is not None and source.url is None:
            source = Index(None, source.conn_id or index.conn_id)
            return index.hook().bulk_copy(source.hook(), **arguments)
        if index.conn_id is not None or source.conn_id is not None:
            raise ValueError("source and target must be both URLs or both connections")
        target = index.endpoint()
        return bulk.copy(_source(source.url, target), target, **arguments)


def _source(url: str | None, target: Endpoint) -> Endpoint:
    """Return the endpoint to read; if it is the target's, the target's token is enough."""
    token = os.environ.get(SOURCE_TOKEN_VARIABLE)
    source = Endpoint.of(url or target.url, token or target.token.get_secret_value())
    if not token and source.url != target.url:
        reason = f"set {SOURCE_TOKEN_VARIABLE}, since {TOKEN_VARIABLE} is that of the target"
        raise InvalidEndpoint(f"The token of the source is missing: {reason}.")
    return source


COMMANDS = (CopyCommand(copy_async, "Upsert the vectors of a namespace to another one, or to another index."),)
