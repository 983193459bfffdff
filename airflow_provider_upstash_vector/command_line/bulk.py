"""The commands of bulk runs, whose options are the arguments of the runs in Python."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.api import delete_async, update_async, upsert_async
from airflow_provider_upstash_vector.bulk.errors import RunFailed
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.command_line.base import (
    CANCELLED,
    FAILED,
    Command,
    Index,
    Result,
    add_yes,
    refused,
)
from airflow_provider_upstash_vector.command_line.parsing import add_options

# keyword arguments whose values cannot be written as text, or are of use to a scheduler alone
PYTHON_ONLY = frozenset(
    {"budget_store", "cancel_token", "filter", "find_paths", "log", "policy", "source_policy"}
    | {"keep_checkpoint", "owner"}
)
_ROLE = re.compile(r":\w+:`~?([^`]+)`")


class BulkCommand(Command):
    """Runs a function of ``bulk`` on the rows of files."""

    def __init__(self, start: Callable[..., Any], help: str, *, cannot_be_undone: bool = False) -> None:
        self.name = start.__name__.removesuffix("_async")
        self.help = help
        self.start = start
        self._cannot_be_undone = cannot_be_undone

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the run."""
        self.add_positional(parser)
        parameters = inspect.signature(self.start, eval_str=True).parameters.values()
        options = [part for part in parameters if part.kind is part.KEYWORD_ONLY and part.name not in PYTHON_ONLY]
        add_options(parser, options, parameter_texts(self.start))
        if self._cannot_be_undone:
            add_yes(parser)

    def add_positional(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments that are not options of the run."""
        text = "JSON, CSV or Parquet files (.gz, .zst), folders of Spark, globs, or the manifest.json of an export"
        parser.add_argument("rows", nargs="+", help=text)

    def run(self, index: Index, arguments: Mapping[str, Any], cancel_token: CancelToken) -> Result:
        """Run the operation; the output is the report."""
        given = {name: value for name, value in arguments.items() if name != "yes"}
        if self._cannot_be_undone and not (arguments.get("yes") or arguments.get("dry_run")):
            return refused(self.name, "needs --yes, or --dry-run")
        try:
            report = self.report(index, cancel_token=cancel_token, **given)
        except RunFailed as error:
            code = CANCELLED if error.reason == "cancelled" else FAILED
            return Result(error.report.to_dict(), code, error.explanation)
        return Result(report.to_dict())

    def report(self, index: Index, **arguments: Any) -> Any:
        """Run the operation; return the report."""
        rows = arguments.pop("rows")
        if index.conn_id is not None:
            return getattr(index.hook(), f"bulk_{self.name}")(rows, **arguments)
        return getattr(bulk, self.name)(rows, index.endpoint(), **arguments)


def parameter_texts(function: Callable[..., Any]) -> dict[str, str]:
    """Return what the docstring says of each parameter."""
    parts = _ROLE.sub(r"\1", inspect.getdoc(function) or "").split(":param ")[1:]
    texts = (part.partition(": ") for part in parts)
    return {name: " ".join(text.split()).removesuffix(".") for name, _, text in texts}


COMMANDS = (
    BulkCommand(update_async, "Change parts of stored vectors, one request each."),
    BulkCommand(delete_async, "Delete vectors by their ids, up to 1,000 in a request.", cannot_be_undone=True),
    BulkCommand(upsert_async, "Write whole vectors, up to 1,000 in a request."),
)
