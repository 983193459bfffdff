"""Messages name arguments as in Python, ``if_not_empty="merge"``: here as options, ``--if-not-empty merge``."""

from __future__ import annotations

import argparse
import logging
import re

from airflow_provider_upstash_vector.bulk.sources.field_names import UPDATE_FIELDS


class OptionNames(logging.Formatter):
    """Rewrites messages, also those that are logged, for the options of a command."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__("%(message)s")
        self._flags = {
            action.dest
            for action in parser._actions  # noqa: SLF001 - argparse has no public list
            if isinstance(action, argparse.BooleanOptionalAction)
        }
        options = {action.dest for action in parser._actions if action.option_strings}  # noqa: SLF001 - as above
        # other names are words, or fields of rows
        unmistakable = sorted(name for name in options if "_" in name and name not in UPDATE_FIELDS)
        name = rf"(?P<name>{'|'.join(sorted(options))})"
        value = r"""(?:"(?P<text>[^"]*)"|(?P<plain>[\w.%]*[\w%]))?"""
        self._assigned = re.compile(rf"""(?<![\w./"'-]){name}={value}""")
        self._named = re.compile(rf"""(?<![\w./"'-])({"|".join(unmistakable)})(?![\w/"'=-]|\.\w)""")

    def format(self, record: logging.LogRecord) -> str:
        """Return the message of a record."""
        return self.rewritten(super().format(record))

    def rewritten(self, message: str) -> str:
        """Return a message with the spelling of the command line."""
        message = self._assigned.sub(self._option, message)
        return self._named.sub(lambda match: _flag(match[1]), message)

    def _option(self, match: re.Match[str]) -> str:
        name, value = match["name"], match["text"] if match["text"] is not None else match["plain"]
        if name in self._flags and value in {"True", "False"}:
            return _flag(name if value == "True" else f"no_{name}")
        return _flag(name) + (f" {value}" if value else "")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
