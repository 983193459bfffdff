"""Which format a file has and how it is compressed, by the endings of its name."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows
from airflow_provider_upstash_vector.bulk.sources.compression import SUFFIXES
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath

Format = Literal["jsonl", "csv", "parquet"]
_FORMATS: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def compression_suffix(path: OpenablePath) -> str:
    """Return the ending that says how a file is compressed, or ``""``."""
    suffix = PurePosixPath(str(path)).suffix.lower()
    return suffix if suffix in SUFFIXES else ""


def format_of(path: OpenablePath, given: Format | None) -> Format:
    """Return the format that is ``given``, or else the one that the ending says."""
    name = PurePosixPath(str(path))
    compressed = bool(compression_suffix(path))
    suffix = (name.with_suffix("") if compressed else name).suffix.lower()
    format = given or _FORMATS.get(suffix)
    if format is None:
        raise InvalidRows(f"{path}: the ending is none of {', '.join(_FORMATS)}; say which format it has")
    if format == "parquet" and compressed:
        raise InvalidRows(f"{path}: a Parquet file is compressed within, not around")
    return format
