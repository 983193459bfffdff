"""Files that are read decompressed, by their ending: ``.gz`` and ``.zst``."""

from __future__ import annotations

import gzip
import sys
import zlib
from importlib import import_module
from typing import Any, BinaryIO

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows
from airflow_provider_upstash_vector.bulk.sources.streams import Decompressed, buffered

SUFFIXES = {".gz", ".zst"}


def decompressed(file: BinaryIO, suffix: str) -> BinaryIO:
    """Return the content of a file with the ending ``suffix``; several members or frames are read as one.

    Reading it raises one of :func:`broken` where the data is cut off or wrong, after all that comes before.
    """
    if suffix == ".gz":
        return buffered(Decompressed(gzip.GzipFile(fileobj=file, mode="rb")))
    if suffix == ".zst":
        return buffered(Decompressed(_zstd().ZstdFile(file, mode="rb")))
    return file


def broken(suffix: str) -> tuple[type[Exception], ...]:
    """Return what reading a file with the ending ``suffix`` raises where its data is cut off or wrong."""
    if suffix == ".gz":
        return (EOFError, zlib.error)
    if suffix == ".zst":
        return (EOFError, _zstd().ZstdError)
    return ()


def _zstd() -> Any:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        return import_module(name)
    except ImportError:
        raise InvalidRows(
            "files that end in .zst need zstd: pip install 'airflow-provider-upstash-vector[zstd]'"
        ) from None
