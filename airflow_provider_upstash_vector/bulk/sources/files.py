"""Rows of files, one file after another: JSON, CSV or Parquet, plain or compressed, wherever they are."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from airflow_provider_upstash_vector.bulk.sources import (
    csv_rows,
    formats,
    json_array,
    json_nested,
    jsonl,
    parquet,
)
from airflow_provider_upstash_vector.bulk.sources.base import (
    PENDING,
    InvalidRows,
    Pending,
    Shard,
    SourceBroken,
    SourceRow,
)
from airflow_provider_upstash_vector.bulk.sources.cursor import ALL_ROWS, RowCursor
from airflow_provider_upstash_vector.bulk.sources.field_names import METADATA_PART, Fields
from airflow_provider_upstash_vector.bulk.sources.field_paths import FieldPath
from airflow_provider_upstash_vector.bulk.sources.formats import Format, compression_suffix, format_of
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath, is_local, is_stream, opened, stat_of
from airflow_provider_upstash_vector.bulk.sources.row_steps import placed_children
from airflow_provider_upstash_vector.bulk.sources.streams import BytesRead, RawFile, buffered
from airflow_provider_upstash_vector.plurals import plural

_JSON = frozenset({"jsonl", "json"})
_ANY_NAMES = Fields({}, METADATA_PART)


@dataclass(slots=True)
class _File:
    path: OpenablePath
    format: Format
    suffix: str
    broken: tuple[type[Exception], ...]  # what reading raises if the file is damaged
    size: int
    modified: object  # when that was, or 0 if its store does not say
    changed: object  # the same, and more of a local file
    stream: bool  # a pipe or a terminal: read once, as data arrives
    groups_before: int = 0  # row groups of Parquet in the files before

    def fingerprint(self) -> str:
        """Return what changes with the file; a stream is known by its rows alone."""
        return "stream" if self.stream else f"{self.path}:{self.size}:{self.changed}"


class FileRows:
    """The rows of one or several files, read in the order given.

    A shard of plain JSON Lines is a range of bytes of every file, one of Parquet every n-th row group of them; of
    other files, which can only be read from the start, it is every n-th row. A pipe or a terminal is such a file;
    it is read once, as data arrives.
    """

    def __init__(
        self,
        paths: Sequence[OpenablePath],
        names: Fields,
        shard: Shard | None,
        format: Format | None = None,
        delimiter: str | None = None,
        *,
        rows_path: FieldPath | None = None,
    ) -> None:
        self._names = names
        self._rows_path = rows_path
        self._delimiter = delimiter
        self._shard = shard
        self._files = [_file(path, format) for path in paths]
        self._check_nested()
        self._progress = BytesRead(0)
        self.rereadable = not any(file.stream for file in self._files)
        self.blocking = not self.rereadable or not all(map(is_local, paths))
        self.fixed = self.rereadable and all(file.changed for file in self._files)
        rows_of_parquet = self._count_parquet()
        self.total = rows_of_parquet if all(file.format == "parquet" for file in self._files) else None
        parts = [file.fingerprint() for file in self._files]
        self.fingerprint: str | None = " ".join([*parts, f"shard {shard}" if shard else "", format or ""])

    def _check_nested(self) -> None:
        for file in self._files:
            if self._rows_path and file.format not in _JSON:
                raise InvalidRows(f"{file.path}: rows_field is for JSON, and not for {file.format}")

    def _count_parquet(self) -> int:
        rows = groups = 0
        for file in self._files:
            if file.format == "parquet":
                file.groups_before = groups
                try:
                    with opened(file.path) as raw:
                        content = self._parquet(file, raw)
                except file.broken as error:
                    raise _explained(file, error, 0) from error
                rows += content.total
                groups += content.group_count
        return rows

    def _parquet(self, file: _File, raw: RawFile) -> parquet.ParquetRows:
        return parquet.ParquetRows(raw, self._names, self._shard, file.groups_before)

    def rows(self, skip: int) -> Iterator[SourceRow | Pending]:
        """Yield the rows after the first ``skip``. Raises :class:`SourceBroken` if a file cannot be read."""
        self._progress = BytesRead(sum(file.size for file in self._files))
        return self._read(RowCursor(skip), self._progress)

    def _read(self, skip: RowCursor, progress: BytesRead) -> Iterator[SourceRow | Pending]:
        read = 0
        for file in self._files:
            name = str(file.path)
            try:
                with opened(file.path) as raw:
                    for row in self._rows_of(file, raw, skip, progress):
                        if row is PENDING:
                            yield PENDING
                            continue
                        read += 1
                        yield row[0], name, row[1]
                    if is_local(file.path) and not file.stream and raw.is_other_than(file.size, file.modified):
                        raise OSError("it was changed while it was read")
            except file.broken as error:
                raise _explained(file, error, read + skip.passed) from error
            progress.finish()

    def _rows_of(
        self, file: _File, raw: RawFile, skip: RowCursor, progress: BytesRead
    ) -> Iterator[tuple[object, int | str | None] | Pending]:
        if file.format == "parquet":
            groups = self._parquet(file, raw)
            progress.begin(file.size, groups.fraction)
            return (PENDING if value is PENDING else (value, None) for value in groups.rows(skip))
        shard, span = self._shard, None
        content = formats.decompressed(buffered(raw), file.suffix)
        is_array = file.format == "json" and json_array.begins(content)
        nested = self._rows_path if file.format == "json" and not is_array else None
        nested = nested if nested and json_nested.begins(content) else None
        if shard and file.format in _JSON and not (is_array or nested or file.suffix or file.stream):
            size = content.seek(0, io.SEEK_END)  # some object stores report it in no other way
            content.seek(0)
            span, shard = (size * shard.number // shard.of, size * (shard.number + 1) // shard.of), None
        begin, end = span or (0, file.size)
        progress.begin(file.size, lambda: (raw.position - begin) / (end - begin) if end > begin else 1.0)
        if nested:
            return jsonl.rows(content, self._names, skip, shard, lines=json_nested.elements(content, nested))
        elements = json_array.elements(content) if is_array else None
        if file.format in _JSON and self._rows_path:
            # whatever is in a parent may be rounded
            parents = jsonl.rows(content, _ANY_NAMES, RowCursor(0), shard, span, lines=elements)
            return placed_children(parents, self._rows_path, skip)
        if file.format in _JSON:
            return jsonl.rows(content, self._names, skip, shard, span, lines=elements)
        return csv_rows.rows(content, self._names, skip, shard, self._delimiter)

    def fraction(self) -> float | None:
        """Return the fraction of the bytes that has been read, or of the rows of a Parquet file."""
        return self._progress.fraction()

    def count_from(self, skip: int, seconds: float) -> int | None:
        """Return the number of rows after the first ``skip``; ``None`` if reading fails or takes too long."""
        if self.total is not None:
            return max(0, self.total - skip)
        if not self.rereadable:
            return None
        counted: list[int] = []
        # a daemon: a read that hangs keeps neither the run nor the process
        counting = threading.Thread(target=self._count, args=(time.monotonic() + seconds, counted), daemon=True)
        counting.start()
        counting.join(seconds)
        return max(0, counted[0] - skip) if counted else None

    def _count(self, until: float, counted: list[int]) -> None:
        cursor = RowCursor(ALL_ROWS)
        with suppress(Exception):  # of a file that is damaged, or has changed since
            for _ in self._read(cursor, BytesRead(0)):
                if time.monotonic() > until:
                    return
            counted.append(cursor.passed)


def _file(path: OpenablePath, given: Format | None) -> _File:
    format, suffix = format_of(path, given), compression_suffix(path)
    broken = parquet.broken() if format == "parquet" else formats.broken(suffix)
    stat = stat_of(path)
    stream = is_stream(path)
    if stream and format == "parquet":
        raise InvalidRows(f"{path}: a pipe has no Parquet, which is read from its end; write it to a file first")
    raised: tuple[type[Exception], ...] = (InvalidRows, OSError, *broken)
    # a local file that is rewritten may keep its time of modification, as with cp -p
    changed = (stat.st_mtime, stat.st_ctime) if is_local(path) else stat.st_mtime
    return _File(path, format, suffix, raised, stat.st_size or 0, stat.st_mtime, changed, stream)


def _explained(file: _File, error: Exception, rows_read: int) -> Exception:
    """Return an error that names the file and the number of rows read before."""
    if isinstance(error, InvalidRows):
        return InvalidRows(f"{file.path}: {error}")
    reason = f"reading {file.path} failed after {plural(rows_read, 'row')}: {str(error) or type(error).__name__}"
    return SourceBroken(reason, rows_read)
