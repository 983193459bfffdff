"""The program: parses the arguments, runs the command, prints its result."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.command_line import bulk, calls, check, copy, export, sync, update_where
from airflow_provider_upstash_vector.command_line.base import (
    CANCELLED,
    EXIT_CODES,
    FAILED,
    TOKEN_VARIABLE,
    URL_VARIABLE,
    USAGE,
    Command,
    Error,
    Index,
    Result,
    failed,
)
from airflow_provider_upstash_vector.command_line.option_names import OptionNames, logged_to_stderr
from airflow_provider_upstash_vector.command_line.output import print_result, stdout_to_stderr, write_line
from airflow_provider_upstash_vector.command_line.signals import Signals

COMMANDS: dict[str, Command] = {
    command.name: command
    for file in (bulk, update_where, sync, check, export, copy, calls)
    for command in file.COMMANDS
}


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """How the program was started: its name, and the connection if ``--conn-id`` is not set."""

    name: str
    conn_id: str | None = None


PYTHON = EntryPoint("python -m airflow_provider_upstash_vector")
AIRFLOW = EntryPoint("airflow upstash-vector", "upstash_vector_default")


class UsageError(Exception):
    """The arguments cannot be parsed; ``usage`` are those that are possible."""

    def __init__(self, usage: str, message: str) -> None:
        super().__init__(usage, message)
        self.usage = usage
        self.message = message


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(self.format_usage(), f"{message}; {self.prog} --help lists the arguments")


def create_parser(entry_point: EntryPoint = PYTHON) -> argparse.ArgumentParser:
    """Return the parser, with options named after the arguments in Python."""
    if entry_point.conn_id is None:
        epilog = f"The token is read from {TOKEN_VARIABLE}, or from the Airflow connection."
    else:
        epilog = "URL and token are those of the Airflow connection."
    parser = _Parser(
        prog=entry_point.name,
        description="Read and write the vectors of an Upstash Vector index.",
        epilog="exit codes:\n" + "\n".join(f"  {code:<5} {text}" for code, text in EXIT_CODES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS.values():
        subparser = commands.add_parser(
            command.name, help=command.help, description=command.help, epilog=epilog, allow_abbrev=False
        )
        _add_index(subparser, entry_point)
        subparser.add_argument("--json", action="store_true", help="print the result, also an error, as JSON")
        command.add_arguments(subparser)
        subparser.set_defaults(names=OptionNames(subparser))
    return parser


def _add_index(parser: argparse.ArgumentParser, entry_point: EntryPoint) -> None:
    text = "an Airflow connection; also reads URIs of object stores"
    if entry_point.conn_id is not None:
        parser.add_argument("--conn-id", default=entry_point.conn_id, help=f"{text} (default: %(default)s)")
        parser.set_defaults(url=None)
        return
    index = parser.add_mutually_exclusive_group()
    index.add_argument("--url", help=f"the index's REST URL; {URL_VARIABLE} by default")
    index.add_argument("--conn-id", help=text)


def main(arguments: Sequence[str] | None = None, entry_point: EntryPoint = PYTHON) -> int:
    """Run the command line; return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        parsed = vars(create_parser(entry_point).parse_args(given))
    except UsageError as error:
        write_line(error.usage.rstrip(), sys.stderr)
        return _finish(Result(None, USAGE, Error("Usage", error.message)), as_json="--json" in given)
    names: OptionNames = parsed.pop("names")
    as_json = parsed.pop("json")
    result, signal = _run(parsed, names)
    if result.exit_code == CANCELLED:
        result = result._replace(exit_code=CANCELLED + signal)
    if result.error is not None:
        result = result._replace(error=result.error._replace(message=names.rewritten(result.error.message)))
    return _finish(result, as_json=as_json)


def _run(parsed: dict[str, Any], names: OptionNames) -> tuple[Result, int]:
    """Run a command; return its result and the signal that cancelled it, or 0."""
    command, index = COMMANDS[parsed.pop("command")], Index(parsed.pop("url"), parsed.pop("conn_id"))
    cancel_token = CancelToken()
    signals = Signals(cancel_token)
    given = {name: value for name, value in parsed.items() if value is not None}
    try:
        with stdout_to_stderr(), logged_to_stderr(names):
            return command.run(index, given, cancel_token), signals.received
    except (UpstashVectorError, ValueError, OSError) as error:
        return failed(error), signals.received


def _finish(result: Result, *, as_json: bool) -> int:
    """Print a result; return the exit code."""
    try:
        print_result(result, as_json=as_json)
    except OSError as error:
        result = Result(None, result.exit_code or FAILED, Error.of(error))
    if result.error is not None:
        write_line(f"error: {result.error.message}", sys.stderr)
    return result.exit_code
