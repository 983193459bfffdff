"""The commands of bulk runs, whose options are the arguments of the runs in Python."""

from __future__ import annotations

import argparse
import inspect
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.api import delete_async, update_async, upsert_async
from airflow_provider_upstash_vector.bulk.errors import RunFailed
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.command_line.base import (
    CANCELLED,
    INCOMPLETE,
    Command,
    Error,
    Index,
    Result,
    add_yes,
    refused,
)
from airflow_provider_upstash_vector.command_line.parsing import add_options

# keyword arguments whose values cannot be written as text, or are of use to a scheduler alone
PYTHON_ONLY = frozenset(
    {"budget_store", "cancel_token", "find_paths", "keep_checkpoint", "log", "owner", "policy", "source_policy"}
)
STDIN, STDIN_PATH = "-", "/dev/stdin"
log = logging.getLogger(__name__)

_ROLE = re.compile(r":\w+:`~?([^`]+)`")


class BulkCommand(Command):
    """Runs a function of ``bulk`` on the rows of files."""

    def __init__(
        self,
        start: Callable[..., Any],
        help: str,
        *,
        cannot_be_undone: bool = False,
        hook_method: str | None = None,
    ) -> None:
        self.name = start.__name__.removesuffix("_async").replace("_", "-")
        self.hook_method = hook_method or f"bulk_{self.name}"
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
        text = (
            "JSON, CSV or Parquet files (.gz, .zst), folders of Spark, globs, the manifest.json of an export, or "
            "- for standard input, by default JSON Lines"
        )
        parser.add_argument("rows", nargs="+", help=text)

    def run(self, index: Index, arguments: Mapping[str, Any], cancel_token: CancelToken) -> Result:
        """Run the operation; the output is the report."""
        given = {name: value for name, value in arguments.items() if name != "yes"}
        need = self.lacks(arguments)
        if need is not None:
            return refused(self.name, need)
        try:
            report = self.report(index, cancel_token=cancel_token, log=log, **given)
        except RunFailed as error:
            code = CANCELLED if error.reason == "cancelled" else INCOMPLETE
            return Result(error.report.to_dict(), code, Error.of(error), str(error.report))
        return Result(report.to_dict(), text=self.text(report))

    def lacks(self, arguments: Mapping[str, Any]) -> str | None:
        """Return what is needed before something that cannot be undone."""
        if self._cannot_be_undone and not (arguments.get("yes") or arguments.get("dry_run")):
            return "needs --yes, or --dry-run"
        return None

    def report(self, index: Index, **arguments: Any) -> Any:
        """Run the operation; return the report."""
        rows = arguments.pop("rows")
        if {*rows} == {STDIN}:
            arguments.setdefault("format", "jsonl")
        rows = [STDIN_PATH if path == STDIN else path for path in rows]
        if index.conn_id is not None:
            return getattr(index.hook(), self.hook_method)(rows, **arguments)
        return getattr(bulk, self.name)(rows, index.endpoint(), **arguments)

    @staticmethod
    def text(report: Any) -> str:
        """Return the report for people."""
        return str(report)


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
