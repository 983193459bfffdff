"""Helpers for tests of sources: functions that read them, and files that count the bytes read."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from airflow_provider_upstash_vector.bulk.sources import FieldNames, Shard, Source, SourceRow, open_source
from airflow_provider_upstash_vector.bulk.sources.base import PENDING


def source(rows: object, *, shard: tuple[int, int] | None = None, **arguments: Any) -> Source:
    names = {name: arguments.pop(name) for name in list(arguments) if name in FieldNames.__dataclass_fields__}
    part = Shard(*shard) if shard else None
    return cast("Source", open_source(rows, FieldNames(**names), shard=part, **arguments))


def read(rows: object, skip: int = 0, **arguments: Any) -> list[SourceRow]:
    return [row for row in source(rows, **arguments).rows(skip) if row is not PENDING]


def values(rows: object, skip: int = 0, **arguments: Any) -> list[Any]:
    return [value for value, _, _ in read(rows, skip, **arguments)]


def ids(rows: object, skip: int = 0, **arguments: Any) -> list[str]:
    return [value["id"] for value in values(rows, skip, **arguments)]


class CountingPath:
    """A local file that counts the bytes read from it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes_read = 0

    def __str__(self) -> str:
        return str(self.path)

    def stat(self) -> os.stat_result:
        return self.path.stat()

    def open(self, mode: str) -> _CountingFile:
        return _CountingFile(self.path.open(mode), self._count)

    def _count(self, read: int) -> None:
        self.bytes_read += read


class _CountingFile(io.RawIOBase):
    def __init__(self, file: Any, count: Callable[[int], None]) -> None:
        self._file = file
        self._count = count

    def read(self, size: int = -1, /) -> bytes:
        data: bytes = self._file.read(size)
        self._count(len(data))
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        position: int = self._file.seek(offset, whence)
        return position

    def tell(self) -> int:
        position: int = self._file.tell()
        return position

    def close(self) -> None:
        self._file.close()
        super().close()
