"""The command that makes a namespace equal to its source."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from airflow_provider_upstash_vector.bulk.syncing.api import sync_async
from airflow_provider_upstash_vector.command_line.base import add_yes
from airflow_provider_upstash_vector.command_line.bulk import BulkCommand


class SyncCommand(BulkCommand):
    """Syncs a namespace with the rows of files."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the run."""
        super().add_arguments(parser)
        parser.add_argument(
            "--plan",
            action="store_const",
            dest="mode",
            const="plan",
            help="write nothing, and print what would change; the same as --mode plan",
        )
        add_yes(parser)

    def lacks(self, arguments: Mapping[str, Any]) -> str | None:
        """Return what is needed before vectors are deleted."""
        if not arguments.get("delete_missing") or arguments.get("mode") == "plan":
            return None
        if "namespace" not in arguments:
            return "needs --namespace; --namespace= is the default one"
        return None if arguments.get("yes") else "needs --yes, or --plan"

    @staticmethod
    def text(report: Any) -> str:
        """Return the report for people."""
        return str(report.to_markdown()) if report.mode == "plan" else str(report)


_HELP = "Make a namespace, or a prefix in it, equal to the rows; write what differs."
COMMANDS = (SyncCommand(sync_async, _HELP, hook_method="sync"),)
