"""The commands of ``airflow upstash-vector``: those of ``python -m``, on a connection (Airflow 3.2 and later).

Airflow imports this at each start of its command line, so the commands and their options are imported on use.
"""

from __future__ import annotations

import argparse
import signal
import sys

from airflow.cli.cli_config import ActionCommand, Arg


class _AllArguments(Arg):
    """Whatever follows the command, ``--help`` too: the command's own parser knows the options."""

    def __init__(self) -> None:
        super().__init__(flags=("arguments",), nargs=argparse.REMAINDER)  # type: ignore[no-untyped-call]

    def add_to_parser(self, parser: argparse.ArgumentParser) -> None:
        """Add the argument, and let no text be an option of this parser."""
        parser.prefix_chars = ""
        super().add_to_parser(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command, and exit with its code."""
    try:
        from airflow_provider_upstash_vector.command_line import program  # noqa: PLC0415 - see above

        sys.exit(program.main(arguments.arguments, program.AIRFLOW))
    except KeyboardInterrupt:  # while modules were imported
        sys.exit(128 + signal.SIGINT)


def get_cli_commands() -> list[ActionCommand]:
    """Return the command for ``airflow --help``, which has all others."""
    help = "Read and write the vectors of an Upstash Vector index"
    return [ActionCommand(name="upstash-vector", help=help, func=run, args=[_AllArguments()])]
