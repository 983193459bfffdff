"""Files that are read decompressed, by their ending: ``.gz`` and ``.zst``."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from importlib import import_module
from typing import Any, BinaryIO, cast

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows

_BUFFER_BYTES = 1024 * 1024
SUFFIXES = {".gz", ".zst"}


def decompressed(file: BinaryIO, suffix: str) -> BinaryIO:
    """Return the content of a file with the ending ``suffix``; several members or frames are read as one.

    Reading it raises one of :func:`broken` where the data is cut off or wrong.
    """
    if suffix == ".gz":
        return _buffered(gzip.GzipFile(fileobj=file, mode="rb"))
    if suffix == ".zst":
        return _buffered(_zstd().ZstdFile(file, mode="rb"))
    return file


def broken(suffix: str) -> tuple[type[Exception], ...]:
    """Return what reading a file with the ending ``suffix`` raises where its data is cut off or wrong."""
    if suffix == ".gz":
        return (EOFError, zlib.error, gzip.BadGzipFile)
    if suffix == ".zst":
        return (EOFError, _zstd().ZstdError)
    return ()


def _buffered(file: Any) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(file, _BUFFER_BYTES))


def _zstd() -> Any:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        return import_module(name)
    except ImportError:
        raise InvalidRows(
            "Files that end in .zst need zstd: pip install 'airflow-provider-upstash-vector[zstd]'"
        ) from None
