"""The program: parses the arguments, runs the command, prints its result."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from contextlib import redirect_stdout

from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.command_line import bulk, calls, copy, export
from airflow_provider_upstash_vector.command_line.base import (
    CANCELLED,
    TOKEN_VARIABLE,
    UNUSABLE,
    URL_VARIABLE,
    Index,
    Result,
)
from airflow_provider_upstash_vector.command_line.option_names import OptionNames
from airflow_provider_upstash_vector.command_line.signals import Signals

COMMANDS = {command.name: command for file in (bulk, export, copy, calls) for command in file.COMMANDS}


def create_parser() -> argparse.ArgumentParser:
    """Return the parser, with options named after the arguments in Python."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_upstash_vector",
        description="Write, export or copy many vectors, or call the index once. Prints the report or result as "
        "JSON; exits with 1 if rows remain, unless the budget may end the run (--on-budget return), if too many "
        "have failed, or if a namespace was not renamed; with 2 if a run could not start or a call failed; and "
        "after SIGINT or SIGTERM with 130 or 143.",
        epilog=f"The token is read from {TOKEN_VARIABLE}, or from the Airflow connection.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS.values():
        subparser = commands.add_parser(
            command.name, help=command.help, description=command.help, epilog=parser.epilog
        )
        index = subparser.add_mutually_exclusive_group()
        index.add_argument("--url", help=f"the index's REST URL; {URL_VARIABLE} by default")
        index.add_argument("--conn-id", help="an Airflow connection; also reads URIs of object stores")
        command.add_arguments(subparser)
        subparser.set_defaults(names=OptionNames(subparser))
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parsed = vars(create_parser().parse_args(arguments))
    command, index = COMMANDS[parsed.pop("command")], Index(parsed.pop("url"), parsed.pop("conn_id"))
    cancel_token = CancelToken()
    signals = Signals(cancel_token)
    names: OptionNames = parsed.pop("names")
    logs = logging.StreamHandler(sys.stderr)
    logs.setFormatter(names)
    logging.basicConfig(level=logging.INFO, handlers=[logs])
    given = {name: value for name, value in parsed.items() if value is not None}
    try:
        with redirect_stdout(sys.stderr):  # where Airflow 2 would log
            result = command.run(index, given, cancel_token)
    except (UpstashVectorError, ValueError, OSError) as error:
        result = Result(None, UNUSABLE, str(error))
    if result.output is not None:
        print(json.dumps(result.output))  # noqa: T201 - the program's output
    if result.error is not None:
        print(f"error: {names.rewritten(result.error)}", file=sys.stderr)  # noqa: T201 - as above
    return CANCELLED + signals.received if result.exit_code == CANCELLED else result.exit_code
