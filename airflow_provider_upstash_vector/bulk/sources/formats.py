"""The format and compression of a file, from the suffixes of its name."""

from __future__ import annotations

import gzip
import sys
import zlib
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Literal, cast

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath
from airflow_provider_upstash_vector.bulk.sources.streams import Arriving, Decompressed, buffered

Format = Literal["jsonl", "json", "csv", "parquet"]
_FORMATS: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",  # lines or an array
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def compression_suffix(path: OpenablePath) -> str:
    """Return the suffix for a file's compression, or ``""``."""
    suffix = PurePosixPath(str(path)).suffix.lower()
    return suffix if suffix in SUFFIXES else ""


def format_of(path: OpenablePath, given: Format | None) -> Format:
    """Return the format that is ``given``, or else the one of the suffix."""
    name = PurePosixPath(str(path))
    compressed = bool(compression_suffix(path))
    suffix = (name.with_suffix("") if compressed else name).suffix.lower()
    format = given or _FORMATS.get(suffix)
    if format is None:
        raise InvalidRows(f"{path}: the suffix is not one of {', '.join(_FORMATS)}; pass format")
    if format == "parquet" and compressed:
        raise InvalidRows(f"{path}: a Parquet file is compressed inside, not as a whole")
    return format


SUFFIXES = {".gz", ".zst"}


def decompressed(file: BinaryIO, suffix: str) -> BinaryIO:
    """Return the content of a file with the suffix ``suffix``; several members or frames are read as one.

    Reading it raises one of :func:`broken` if the data is truncated or damaged, after all that precedes it.
    """
    if suffix == ".gz":
        return buffered(Decompressed(gzip.GzipFile(fileobj=cast("BinaryIO", Arriving(file)), mode="rb")))
    if suffix == ".zst":
        return buffered(Decompressed(zstd().ZstdFile(Arriving(file), mode="rb")))
    return file


def broken(suffix: str) -> tuple[type[Exception], ...]:
    """Return what reading a file with the suffix ``suffix`` raises if its data is truncated or damaged."""
    if suffix == ".gz":
        return (EOFError, zlib.error)
    if suffix == ".zst":
        return (EOFError, zstd().ZstdError)
    return ()


def zstd() -> Any:
    """Return the module with ``ZstdFile``; raises :class:`InvalidRows` that says how to install it."""
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        return import_module(name)
    except ImportError:
        raise InvalidRows(".zst files need zstd: pip install 'airflow-provider-upstash-vector[zstd]'") from None
