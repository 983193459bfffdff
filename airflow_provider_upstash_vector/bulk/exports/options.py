"""The options of an export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from airflow_provider_upstash_vector.client import IndexInfo, validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.wire.writes import MAX_ITEMS

ExportFormat = Literal["jsonl", "parquet"]
Compression = Literal["gz", "zst"]
Field = Literal["vectors", "metadata", "data"]

ALL_NAMESPACES = "*"
ALL_FIELDS: tuple[Field, ...] = get_args(Field)
MAX_PART_BYTES = 64 * 1024 * 1024
MAX_NAMESPACES_AT_ONCE = 64
_NO_LIMIT = 2**40


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What is exported, and how it is written. Raises ``ValueError`` for an invalid value.

    ``namespaces`` is ``"*"``, the name of one, or names; ``page_size`` is the most vectors of a request.
    """

    namespaces: str | Sequence[str] = ALL_NAMESPACES
    prefix: str | None = None
    format: ExportFormat = "jsonl"
    compression: Compression | None = None
    include: Sequence[Field] = ALL_FIELDS
    page_size: int = MAX_ITEMS
    max_part_bytes: int = MAX_PART_BYTES
    max_concurrency: int = MAX_NAMESPACES_AT_ONCE
    time_limit_seconds: float | None = None

    def __post_init__(self) -> None:
        self._set("namespaces", _namespaces(self.namespaces))
        if self.prefix is not None:
            validation.text(self.prefix, "prefix")
        _choice(self.format, "format", ExportFormat)
        if self.compression is not None:
            _choice(self.compression, "compression", Compression)
            if self.format == "parquet":
                raise InvalidRequest("compression", "is for jsonl: a Parquet file is compressed inside")
        if isinstance(self.include, str) or not set(self.include) <= set(ALL_FIELDS):
            got = validation.shown(self.include)
            raise InvalidRequest("include", f"must be a list of some of {', '.join(ALL_FIELDS)}, got {got}")
        self._set("include", tuple(field for field in ALL_FIELDS if field in self.include))
        validation.whole_number(self.page_size, "page_size", MAX_ITEMS)
        validation.whole_number(self.max_part_bytes, "max_part_bytes", _NO_LIMIT)
        validation.whole_number(self.max_concurrency, "max_concurrency", MAX_NAMESPACES_AT_ONCE)
        limit = self.time_limit_seconds
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0):
            raise InvalidRequest(
                "time_limit_seconds", f"must be a number greater than 0, got {validation.shown(limit)}"
            )

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def suffix(self) -> str:
        """The suffix of the parts."""
        return f".{self.format}" + (f".{self.compression}" if self.compression else "")

    def names(self, index: IndexInfo) -> list[str]:
        """Return the namespaces to export."""
        everything = self.namespaces == ALL_NAMESPACES
        return sorted({"", *index.namespaces}) if everything else [*dict.fromkeys(self.namespaces)]

    def fingerprint(self, url: str) -> str:
        """Return a text of the index and the options that decide what is in which part."""
        names = self.namespaces if self.namespaces == ALL_NAMESPACES else [*self.namespaces]
        return repr([url, names, self.prefix, self.suffix, [*self.include]])


def _namespaces(value: object) -> str | tuple[str, ...]:
    if value == ALL_NAMESPACES:
        return ALL_NAMESPACES
    if not isinstance(value, str | Sequence):
        got = validation.shown(value)
        raise InvalidRequest("namespaces", f'must be "*", or a list of names, got {got}')
    names = [value] if isinstance(value, str) else value
    checked = tuple(validation.identifier(name, "namespaces") for name in names)
    if not checked:
        raise InvalidRequest("namespaces", 'must not be empty; write "*" for all namespaces')
    for name in checked:
        validation.namespace_segment(name)
    return checked


def _choice(value: object, name: str, choices: Any) -> None:
    if value not in get_args(choices):
        got = validation.shown(value)
        raise InvalidRequest(name, f"must be one of {', '.join(get_args(choices))}, got {got}")
