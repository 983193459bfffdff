"""The command line: ``python -m airflow_provider_upstash_vector update updates.jsonl --url https://…``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.embedding.function import EmbedFunction
from airflow_provider_upstash_vector.bulk.operations.delete import DeleteOptions
from airflow_provider_upstash_vector.bulk.operations.update import UpdateOptions
from airflow_provider_upstash_vector.bulk.operations.upsert import UpsertOptions
from airflow_provider_upstash_vector.bulk.options import BulkOptions, option_help, option_types
from airflow_provider_upstash_vector.bulk.sources.field_names import ALL_FIELDS
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.client.errors import UpstashVectorError

TOKEN_VARIABLE = "UPSTASH_VECTOR_REST_TOKEN"  # noqa: S105 - the variable's name
URL_VARIABLE = "UPSTASH_VECTOR_REST_URL"
_OK, _FAILED, _UNUSABLE = 0, 1, 2
_CANCELLED = 128  # plus the signal's number, as a shell reports it
COMMANDS: dict[str, tuple[type[BulkOptions], str]] = {
    "update": (UpdateOptions, "Change parts of stored vectors, one request each."),
    "delete": (DeleteOptions, "Delete vectors by their ids, up to 1,000 in a request."),
    "upsert": (UpsertOptions, "Write whole vectors, up to 1,000 in a request."),
}


def create_parser() -> argparse.ArgumentParser:
    """Return the parser: a command for each operation, with options named after the arguments in Python."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_upstash_vector",
        description="Write many vectors from files. Prints the report as JSON; exits with 1 if rows remain, "
        "unless the budget may end the run (--on-budget return), or if too many have failed; with 2 if the run "
        "could not start; and after SIGINT or SIGTERM with 130 or 143.",
        epilog=f"The token is read from {TOKEN_VARIABLE}, or from the Airflow connection.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (options, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, epilog=parser.epilog)
        _add_arguments(command, options)
    return parser


def _add_arguments(parser: argparse.ArgumentParser, options: type[BulkOptions]) -> None:
    parser.add_argument("rows", nargs="+", help="JSON, CSV or Parquet files (.gz, .zst), folders of Spark, globs")
    index = parser.add_mutually_exclusive_group()
    index.add_argument("--url", help=f"the index's REST URL; {URL_VARIABLE} by default")
    index.add_argument("--conn-id", help="an Airflow connection; also reads URIs of object stores")
    parser.add_argument("--failures-path", metavar="FILE", help="JSON Lines file for rejected and failed rows")
    if options is UpdateOptions:
        text = "JSON Lines file for ids that are not in the index"
        parser.add_argument("--missing-path", metavar="FILE", help=text)
    parser.add_argument("--checkpoint", metavar="FILE", help="resume from here if a run stopped early")
    parser.add_argument("--progress", choices=["auto", "bar", "log", "none"])
    texts = option_help(options)
    for name, kind in option_types(options).items():
        default = getattr(options, name)
        text = texts[name].replace("``", "") + (f" (default: {default})" if default not in {None, ""} else "")
        parser.add_argument(f"--{name.replace('_', '-')}", help=text.replace("%", "%%"), **_parsing(kind))


def _parsing(kind: Any) -> dict[str, Any]:
    kinds = [part for part in get_args(kind) if part is not NoneType]
    kind = kinds[0] if len(kinds) == 1 else kind  # of X | None
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    return {"choices": get_args(kind)} if get_origin(kind) is Literal else _PARSING[kind]


def _shard(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    try:
        return int(number), int(of)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be I/N, such as 0/4, got {text!r}") from None


def _names(text: str) -> str | list[str]:
    return text if text == ALL_FIELDS else text.split(",")


_PARSING: dict[Any, dict[str, Any]] = {
    str: {"metavar": "TEXT"},
    int: {"type": int, "metavar": "N"},
    float: {"type": float, "metavar": "N"},
    int | str: {"metavar": "N|N%"},
    Sequence[int]: {"type": _shard, "metavar": "I/N"},
    EmbedFunction | str | None: {"metavar": "PACKAGE.MODULE:FUNCTION"},
    Sequence[str]: {"type": _names, "metavar": "A,B|*"},
}


def _run(
    command: str, rows: list[str], url: str | None, conn_id: str | None, arguments: dict[str, Any]
) -> bulk.BulkReport:
    if conn_id is not None:  # the only part that needs Airflow
        hooks = import_module("airflow_provider_upstash_vector.hooks.upstash_vector")
        hook = hooks.UpstashVectorHook(conn_id)
        report: bulk.BulkReport = getattr(hook, f"bulk_{command}")(rows, **arguments)
        return report
    endpoint = Endpoint.of(url or os.environ.get(URL_VARIABLE), os.environ.get(TOKEN_VARIABLE))
    start: Callable[..., bulk.BulkReport] = getattr(bulk, command)
    return start(rows, endpoint, **arguments)


class _Signals:
    """Cancels a run on SIGINT or SIGTERM, of which ``received`` is the first. A second SIGINT ends the process."""

    def __init__(self, cancel_token: bulk.CancelToken) -> None:
        self._cancel_token = cancel_token
        self.received = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._cancel)

    def _cancel(self, number: int, _: object) -> None:
        self.received = self.received or number
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self._cancel_token.cancel()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parsed = vars(create_parser().parse_args(arguments))
    command, rows, url, conn_id = (parsed.pop(name) for name in ("command", "rows", "url", "conn_id"))
    cancel_token = bulk.CancelToken()
    signals = _Signals(cancel_token)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    given = {name: value for name, value in parsed.items() if value is not None}
    try:
        report = _run(command, rows, url, conn_id, {**given, "cancel_token": cancel_token})
    except bulk.BulkJobFailed as error:
        print(json.dumps(error.report.to_dict()))  # noqa: T201 - the program's output
        print(f"error: {error.args[1]}", file=sys.stderr)  # noqa: T201 - as above
        return _CANCELLED + signals.received if error.reason == "cancelled" else _FAILED
    except (UpstashVectorError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - as above
        return _UNUSABLE
    print(json.dumps(report.to_dict()))  # noqa: T201 - as above
    return _OK


if __name__ == "__main__":
    sys.exit(main())
