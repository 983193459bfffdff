"""The command that exports an index."""

from __future__ import annotations

import argparse
from typing import Any

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.exports.api import export_async
from airflow_provider_upstash_vector.bulk.exports.options import ALL_NAMESPACES
from airflow_provider_upstash_vector.command_line.base import Index
from airflow_provider_upstash_vector.command_line.bulk import BulkCommand


class ExportCommand(BulkCommand):
    """Exports to a folder."""

    def add_positional(self, parser: argparse.ArgumentParser) -> None:
        """Add the folder."""
        parser.add_argument("path", help="the folder for the parts and manifest.json")

    def report(self, index: Index, **arguments: Any) -> Any:
        """Export; return the report."""
        path = arguments.pop("path")
        if arguments.get("namespaces") == [ALL_NAMESPACES]:
            del arguments["namespaces"]
        if index.conn_id is not None:
            return index.hook().export(path, **arguments)
        return bulk.export(path, index.endpoint(), **arguments)


COMMANDS = (ExportCommand(export_async, "Write all vectors to files, which upsert restores from manifest.json."),)
