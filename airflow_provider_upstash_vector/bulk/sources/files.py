"""Rows of files, one file after another: JSON Lines, CSV or Parquet, plain or compressed, wherever they are."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Literal

from airflow_provider_upstash_vector.bulk.sources import compression, csv_rows, jsonl
from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows, Shard, SourceBroken, SourceRow
from airflow_provider_upstash_vector.bulk.sources.parquet import ParquetRows
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath, is_local
from airflow_provider_upstash_vector.bulk.sources.skip import Counter, CountingTooLong, Skip

Format = Literal["jsonl", "csv", "parquet"]
FORMATS: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_BUFFER_BYTES = 1024 * 1024


class FileRows:
    """The rows of one or several files, read in the order given.

    A shard of plain JSON Lines is a range of bytes of every file, one of Parquet every n-th row group of them; of
    other files, which can only be read from the start, it is every n-th row.
    """

    def __init__(
        self,
        paths: Sequence[OpenablePath],
        names: Mapping[str, str],
        shard: Shard | None,
        format: Format | None = None,
    ) -> None:
        self._paths = paths
        self._names = names
        self._shard = shard
        self._formats = [format or _format(path) for path in paths]
        self.blocking = not all(is_local(path) for path in paths)
        stats = [_stat(path) for path in paths]
        self._sizes: list[int] = [stat.st_size for stat in stats]
        self._finished_bytes = 0
        self._reading: BinaryIO | None = None
        self.total = self._count_parquet() if {*self._formats} == {"parquet"} else None
        self.fingerprint: str | None = " ".join(
            [
                *(f"{path}:{stat.st_size}:{stat.st_mtime}" for path, stat in zip(paths, stats, strict=True)),
                f"shard {shard.number}/{shard.of}" if shard else "",
                format or "",
            ]
        )

    def _count_parquet(self) -> int:
        total = 0
        for path in self._paths:
            with _open(path) as file:
                total += ParquetRows(file, self._names, self._shard).total
        return total

    def rows(self, skip: int) -> Iterator[SourceRow]:
        """Yield the rows after the first ``skip``. Raises :class:`SourceBroken` where a file cannot be read on."""
        yield from self._read(Skip(skip))

    def _read(self, skip: Skip) -> Iterator[SourceRow]:
        read = 0
        for number, path in enumerate(self._paths):
            name, suffix = str(path), _compression(path)
            broken: tuple[type[Exception], ...] = (OSError, *compression.broken(suffix))
            try:
                with _open(path) as self._reading:
                    for value, place in self._file_rows(number, self._reading, suffix, skip):
                        read += 1
                        yield value, name, place
            except broken as error:
                read += skip.passed
                reason = f"{path} cannot be read on after {read:,} rows: {str(error) or type(error).__name__}"
                raise SourceBroken(reason, read) from error
            finally:
                self._reading = None
            self._finished_bytes += self._sizes[number]

    def _file_rows(
        self, number: int, file: BinaryIO, suffix: str, skip: Skip
    ) -> Iterator[tuple[object, int | str | None]]:
        shard, format = self._shard, self._formats[number]
        if format == "parquet":
            return ((value, None) for value in ParquetRows(file, self._names, shard).rows(skip))
        if format == "jsonl" and shard and not suffix:
            return jsonl.shard_rows(file, self._sizes[number], shard, skip)
        content = compression.decompressed(file, suffix)
        if format == "jsonl":
            return jsonl.rows(content, skip, shard)
        return csv_rows.rows(content, self._names, skip, shard)

    def fraction(self) -> float | None:
        """Return how much of the bytes has been read; ``None`` for a shard."""
        size = sum(self._sizes)
        if self._shard or not size:
            return None
        try:
            position: int = self._reading.tell() if self._reading else 0
        except (OSError, ValueError):
            return None
        return min(1.0, (self._finished_bytes + position) / size)

    def count_from(self, skip: int, seconds: float) -> int | None:
        """Return the number of rows after the first ``skip``; ``None`` where reading fails or takes long."""
        if self.total is not None:
            return self.total - skip
        counter = Counter(seconds)
        try:
            for _ in self._read(counter):
                pass
        except (SourceBroken, CountingTooLong):
            return None
        return counter.passed - skip


@contextmanager
def _open(path: OpenablePath) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        yield file if is_local(path) else io.BufferedReader(file, _BUFFER_BYTES)


def _stat(path: OpenablePath) -> Any:
    try:
        return path.stat()
    except FileNotFoundError:
        raise InvalidRows(f"there is no file {path}") from None


def _compression(path: OpenablePath) -> str:
    suffix = PurePosixPath(str(path)).suffix.lower()
    return suffix if suffix in compression.SUFFIXES else ""


def _format(path: OpenablePath) -> Format:
    name = PurePosixPath(str(path))
    compressed = bool(_compression(path))
    suffix = (name.with_suffix("") if compressed else name).suffix.lower()
    format = FORMATS.get(suffix)
    if format is None:
        raise InvalidRows(f"{path}: the ending is none of {', '.join(FORMATS)}; say which format it has")
    if format == "parquet" and compressed:
        raise InvalidRows(f"{path}: a Parquet file is compressed within, not around")
    return format
