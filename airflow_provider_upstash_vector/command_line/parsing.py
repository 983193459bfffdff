"""How the text of an argument is parsed, by the type of the parameter in Python."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from airflow_provider_upstash_vector.bulk.embedding.function import EmbedFunction
from airflow_provider_upstash_vector.bulk.sources.field_names import ALL_FIELDS
from airflow_provider_upstash_vector.client import Filter
from airflow_provider_upstash_vector.client.validation import IdLike


def add_option(parser: argparse._ActionsContainer, name: str, kind: Any, text: str, **others: Any) -> None:
    """Add ``--name`` for a parameter of this type."""
    help = text.replace("``", "").replace("%", "%%")
    parser.add_argument(f"--{name.replace('_', '-')}", help=help, **_parsing(kind), **others)


def _parsing(kind: Any) -> dict[str, Any]:
    kinds = tuple(part for part in get_args(kind) if part is not NoneType)
    if kind not in _PARSING and kinds:
        kind = kinds[0] if len(kinds) == 1 and get_origin(kind) is not Literal else kind  # of X | None
        if get_origin(kind) is Literal:
            return {"choices": get_args(kind)}
    return _PARSING[kind]


def _shard(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    try:
        return int(number), int(of)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be I/N, such as 0/4, got {text!r}") from None


def _names(text: str) -> str | list[str]:
    return text if text == ALL_FIELDS else text.split(",")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise argparse.ArgumentTypeError(f"must be JSON, got {text[:60]!r}") from None


_PARSING: dict[Any, dict[str, Any]] = {
    str: {"metavar": "TEXT"},
    bool: {"action": argparse.BooleanOptionalAction},
    int: {"type": int, "metavar": "N"},
    float: {"type": float, "metavar": "N"},
    int | str: {"metavar": "N|N%"},
    str | Filter | None: {"metavar": "TEXT"},
    Sequence[int]: {"type": _shard, "metavar": "I/N"},
    EmbedFunction | str | None: {"metavar": "PACKAGE.MODULE:FUNCTION"},
    Sequence[str]: {"type": _names, "metavar": "A,B|*"},
    IdLike | Iterable[IdLike] | None: {"nargs": "+", "metavar": "ID"},
    Any: {"type": _json, "metavar": "JSON"},
}
