"""The command that changes the metadata of all vectors that match a filter."""

from __future__ import annotations

import argparse
from typing import Any

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.updating_where import update_where_async
from airflow_provider_upstash_vector.command_line.base import Index
from airflow_provider_upstash_vector.command_line.bulk import BulkCommand


class UpdateWhereCommand(BulkCommand):
    """Updates what matches."""

    def add_positional(self, parser: argparse.ArgumentParser) -> None:
        """Add nothing: the rows are in the index."""

    def report(self, index: Index, **arguments: Any) -> Any:
        """Update; return the report."""
        if index.conn_id is not None:
            return index.hook().bulk_update_where(**arguments)
        return bulk.update_where(index.endpoint(), **arguments)


COMMANDS = (UpdateWhereCommand(update_where_async, "Change the metadata of all vectors that match a filter."),)
