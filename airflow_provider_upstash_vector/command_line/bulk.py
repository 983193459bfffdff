"""The commands of bulk runs, whose options are those of the runs in Python."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.operations.delete import DeleteOptions
from airflow_provider_upstash_vector.bulk.operations.update import UpdateOptions
from airflow_provider_upstash_vector.bulk.operations.upsert import UpsertOptions
from airflow_provider_upstash_vector.bulk.options import BulkOptions, option_help, option_types
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.command_line.base import CANCELLED, FAILED, Command, Index, Result
from airflow_provider_upstash_vector.command_line.parsing import add_option


class BulkCommand(Command):
    """Runs an operation on the rows of files."""

    def __init__(self, options: type[BulkOptions], help: str) -> None:
        self.name = options.operation_type.name
        self.help = help
        self.options = options

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the run."""
        parser.add_argument(
            "rows", nargs="+", help="JSON, CSV or Parquet files (.gz, .zst), folders of Spark, globs"
        )
        parser.add_argument("--failures-path", metavar="FILE", help="JSON Lines file for rejected and failed rows")
        if self.options is UpdateOptions:
            text = "JSON Lines file for ids that are not in the index"
            parser.add_argument("--missing-path", metavar="FILE", help=text)
        parser.add_argument("--checkpoint", metavar="FILE", help="resume from here if a run stopped early")
        parser.add_argument("--progress", choices=["auto", "bar", "log", "none"])
        texts = option_help(self.options)
        for name, kind in option_types(self.options).items():
            default = getattr(self.options, name)
            text = texts[name] + (f" (default: {default})" if default not in {None, ""} else "")
            add_option(parser, name, kind, text)

    def run(self, index: Index, arguments: Mapping[str, Any], cancel_token: CancelToken) -> Result:
        """Run the operation; the output is the report."""
        try:
            report = self._run(index, cancel_token=cancel_token, **arguments)
        except bulk.BulkJobFailed as error:
            code = CANCELLED if error.reason == "cancelled" else FAILED
            return Result(error.report.to_dict(), code, error.args[1])
        return Result(report.to_dict())

    def _run(self, index: Index, rows: list[str], **arguments: Any) -> bulk.BulkReport:
        if index.conn_id is not None:
            report: bulk.BulkReport = getattr(index.hook(), f"bulk_{self.name}")(rows, **arguments)
            return report
        start: Callable[..., bulk.BulkReport] = getattr(bulk, self.name)
        return start(rows, index.endpoint(), **arguments)


COMMANDS = (
    BulkCommand(UpdateOptions, "Change parts of stored vectors, one request each."),
    BulkCommand(DeleteOptions, "Delete vectors by their ids, up to 1,000 in a request."),
    BulkCommand(UpsertOptions, "Write whole vectors, up to 1,000 in a request."),
)
