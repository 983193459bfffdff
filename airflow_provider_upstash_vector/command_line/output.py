"""Standard output: the result of a command and nothing else, and no traceback if its reader is gone."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO

from airflow_provider_upstash_vector.command_line.base import Result
from airflow_provider_upstash_vector.command_line.text import as_text


def json_of(result: Result) -> Any:
    """Return the result as plain JSON values; the report of a command that failed has ``error`` too."""
    if result.error is None:
        return result.output
    error = {name: value for name, value in result.error._asdict().items() if value is not None}
    return {**(result.output or {}), "error": {**error, "exit_code": result.exit_code}}


def text_of(result: Result) -> str | None:
    """Return the result as text, if it has any."""
    if result.text is not None or result.output is None:
        return result.text
    return as_text(result.output)


def print_result(result: Result, *, as_json: bool) -> None:
    """Print a result. Raises ``OSError`` if it cannot be written; that its reader is gone is no error."""
    text = json.dumps(json_of(result)) if as_json else text_of(result)
    if text:
        write_line(text, sys.stdout)


def write_line(text: str, file: TextIO | None) -> None:
    """Write a line, with escapes for what the encoding does not have."""
    if file is None:  # closed by the shell
        return
    encoding = file.encoding or "utf-8"
    try:
        file.write(f"{text.encode(encoding, 'backslashreplace').decode(encoding)}\n")
        file.flush()
    except BrokenPipeError:
        # what is buffered would raise again when Python exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Let everything that is printed, such as the log of Airflow, go to standard error."""
    try:
        kept = os.dup(1)
    except OSError:  # closed by the shell
        yield
        return
    try:
        sys.stdout.flush()
        with redirect_stdout(sys.stderr):
            os.dup2(2, 1)
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
