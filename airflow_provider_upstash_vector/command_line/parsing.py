"""How the text of an argument is parsed, by the type of the parameter in Python."""

from __future__ import annotations

import argparse
import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from airflow_provider_upstash_vector.bulk.embedding.function import EmbedFunction
from airflow_provider_upstash_vector.bulk.exports.options import Field
from airflow_provider_upstash_vector.bulk.reading.source import Transform
from airflow_provider_upstash_vector.bulk.sources.field_names import ALL_FIELDS
from airflow_provider_upstash_vector.bulk.starting import PathLike
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import CheckpointStore
from airflow_provider_upstash_vector.client import Filter
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.validation import IdLike
from airflow_provider_upstash_vector.command_line.filter_text import parsed_filter


def add_options(
    parser: argparse.ArgumentParser, parameters: Iterable[inspect.Parameter], texts: Mapping[str, str]
) -> None:
    """Add an option for each parameter, required if it has no default."""
    for parameter in parameters:
        name, default = parameter.name.replace("_", "-"), parameter.default
        text = texts.get(parameter.name, "").replace("``", "").replace("%", "%%")
        if default is not False and default not in {None, "", parameter.empty}:
            text += f" (default: {' '.join(default) if isinstance(default, tuple) else default})"
        required = default is parameter.empty
        parser.add_argument(f"--{name}", help=text, required=required, **_parsing(parameter.annotation))


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


def _json_object(text: str) -> Any:
    value = _json(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"must be a JSON object, got {text[:60]!r}")
    return value


def _filter(text: str) -> Filter:
    try:
        return parsed_filter(text)
    except InvalidRequest as error:
        raise argparse.ArgumentTypeError(error.reason) from None


_FILE = {"metavar": "FILE"}
_FUNCTION = {"metavar": "PACKAGE.MODULE:FUNCTION"}
_PARSING: dict[Any, dict[str, Any]] = {
    str: {"metavar": "TEXT"},
    bool: {"action": argparse.BooleanOptionalAction},
    int: {"type": int, "metavar": "N"},
    float: {"type": float, "metavar": "N"},
    int | str: {"metavar": "N|N%"},
    int | str | None: {"metavar": "N|N%"},
    str | Filter | None: {"metavar": "TEXT"},
    Filter: {"type": _filter, "metavar": "FILTER"},
    Mapping[str, Any]: {"type": _json_object, "metavar": "JSON"},
    PathLike | None: _FILE,
    PathLike | CheckpointStore | None: _FILE,
    Sequence[int]: {"type": _shard, "metavar": "I/N"},
    EmbedFunction | str | None: _FUNCTION,
    Transform | str | None: _FUNCTION,
    Sequence[str]: {"type": lambda text: text.split(","), "metavar": "A,B"},
    Sequence[str] | None: {"type": _names, "metavar": "A,B|*"},
    Sequence[Field]: {"action": "extend", "nargs": "+", "choices": get_args(Field)},
    str | Sequence[str]: {"action": "extend", "nargs": "+", "metavar": "NAME"},
    IdLike | Iterable[IdLike] | None: {"nargs": "+", "metavar": "ID"},
    Any: {"type": _json, "metavar": "JSON"},
}
