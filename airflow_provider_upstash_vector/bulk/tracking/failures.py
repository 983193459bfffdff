"""The failures file: failed and rejected rows as JSON Lines that can be the ``rows`` of another run.

A line is the row with one more field, ``failure``, that says what happened and where the row was; a run that
reads the line ignores that field. A field that JSON cannot hold, as metadata with NaN, is replaced by a list with
its ``repr``, which no field accepts: the row is rejected again rather than sent with another value. Its name is in
``changed`` of ``failure``. A line is written before the outcome of its row is recorded.
"""

from __future__ import annotations

import io
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any

from airflow_provider_upstash_vector.bulk.errors import Reason
from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.bulk.sources.own_files import OwnFile
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath, local_path
from airflow_provider_upstash_vector.bulk.tracking.failure_lines import failure_of, parsed
from airflow_provider_upstash_vector.bulk.tracking.local_files import (
    create_private,
    is_at,
    new_path,
    open_regular,
    temporary_path,
    write_all,
)
from airflow_provider_upstash_vector.bulk.tracking.writing import writing

log = logging.getLogger(__name__)

_TAIL_BYTES = 1 << 16
_MAX_LINE_BYTES = 1 << 26


class FailuresFile:
    """The failures file; one in an object store is written locally and copied when the run ends.

    The file of a previous run stays until this run has an outcome to record: only then is it replaced. The file is
    readable by this user only, whatever was there before. A symbolic link at the path is replaced by the file: its
    target is read, and never written.
    """

    argument = "failures_path"
    reason: Reason = "failures_file"
    name = "failures file"

    def __init__(self, path: OpenablePath) -> None:
        self._path: Any = path
        local = local_path(path)
        self._remote = local is None
        self._local = local or temporary_path(str(path), "failures.jsonl")
        self._new = new_path(self._local)
        self._trial: Any = new_path(self._path)
        self._file: io.FileIO | None = None
        self._begun = False

    def _writing(self) -> AbstractContextManager[None]:
        return writing(self.reason, f"the {self.name} {self._path} cannot be written")

    def __str__(self) -> str:
        return str(self._path)

    def own_files(self) -> list[OwnFile]:
        """Return the files that the run writes."""
        beside = [self._new, self._local, self._trial] if self._remote else [self._new]
        named = OwnFile(self.argument, self._path)
        return [named, *(OwnFile(self.argument, path, named=False) for path in beside)]

    def check(self) -> None:
        """Raise :class:`InvalidRows` rather than overwrite a file that does not end with a failure."""
        with writing(self.reason, f"the {self.name} {self._path} cannot be read"):
            try:
                with self._path.open("rb") if self._remote else open_regular(self._local) as file:
                    valid = _ends_with_failure(file)
            except FileNotFoundError:
                return
        if not valid:
            raise InvalidRows(
                f"{self._path} exists and its last line is not a failure of a run; delete it, or "
                f"set {self.argument} to another path"
            )

    def prepare(self, is_settled: Callable[[int], bool] | None) -> None:
        """Create an empty file, or, if ``is_settled`` is given, one with the lines of completed rows.

        Raises :class:`WriteFailed` if nothing can be written, to the object store either; the previous file stays.
        """
        self._begun = False
        with self._writing():
            self._file = create_private(self._new)
            write_all(self._file, b"\n")  # a full disk still creates an empty file
            self._cut(0)
            if is_settled is not None:
                with open(self._file.fileno(), "ab", closefd=False) as out:
                    out.writelines(_settled_lines(self._previous_lines(), is_settled))
            if self._remote:
                with self._trial.open("wb") as file:
                    file.write(b"\n")
                with suppress(Exception):  # some may write objects and not delete them
                    self._trial.unlink()

    def _cut(self, size: int) -> None:
        assert self._file is not None, "the file is open"  # noqa: S101 - as it is called
        self._file.truncate(size)
        self._file.seek(size)

    def _previous_lines(self) -> Iterable[bytes]:
        """Yield the lines of previous runs; one that was killed has not copied them to the object store."""
        for path in [self._path, self._local] if self._remote else [self._local]:
            try:
                file = open_regular(path) if path is self._local else path.open("rb")
            except FileNotFoundError:
                continue
            with file:
                yield from file

    def begin(self) -> None:
        """Replace the previous file; must precede the first outcome, since both files count rows from 0.

        If a newer run has created its file meanwhile, leave it alone.
        """
        if not self._begun:
            with self._writing():
                if self._file is None or is_at(self._new, self._file):
                    self._new.replace(self._local)
            self._begun = True

    def write(self, line: bytes) -> None:
        """Write one line of :func:`failure_line`, or nothing of it. Raises :class:`WriteFailed`."""
        self.begin()
        assert self._file is not None, "the file is prepared"  # noqa: S101 - as it is called
        size = self._file.tell()
        with self._writing():
            try:
                write_all(self._file, line)
            except OSError:
                self._cut(size)  # the next line must not continue this one
                raise

    def close(self) -> None:
        """Close the file, and copy it to its object store; delete it if no outcome was recorded.

        Raises :class:`WriteFailed`; a file that could not be copied is copied by a run that resumes here.
        """
        if self._file is None:
            return
        with self._writing():
            self._close(self._file)

    def _close(self, file: io.FileIO) -> None:
        deleted = self._begun and not file.closed and not os.fstat(file.fileno()).st_nlink
        file.close()
        if deleted:
            raise FileNotFoundError(f"{self._local} was deleted during the run")
        if not self._begun:
            self._new.unlink(missing_ok=True)
        elif self._remote:
            try:
                with self._local.open("rb") as local, self._path.open("wb") as remote:
                    shutil.copyfileobj(local, remote)
            except Exception:
                log.error("The %s could not be copied to %s; it is at %s.", self.name, self._path, self._local)  # noqa: TRY400 - it is raised
                raise
            self._local.unlink()

    def abandon(self) -> None:
        """Close the file, and leave the path to the newer run that has taken over."""
        if self._file is None or self._file.closed:
            return
        if not self._begun and is_at(self._new, self._file):
            self._new.unlink()
        elif self._remote and is_at(self._local, self._file):
            log.warning("The %s of this run is at %s, and not copied to %s.", self.name, self._local, self._path)
        self._file.close()


class MissingFile(FailuresFile):
    """The file with the ids that the index does not have: a line has id and namespace, and ``failure``."""

    argument = "missing_path"
    reason: Reason = "missing_file"
    name = "file of missing ids"


def _ends_with_failure(file: Any) -> bool:
    """Return whether the last line describes a failure, or the one before if the last was written only in part.

    An empty file qualifies.
    """
    file.seek(0, os.SEEK_END)
    size = file.tell()
    for length in (_TAIL_BYTES, _MAX_LINE_BYTES):
        file.seek(max(0, size - length))
        content = file.read(length)
        if length >= size and not content.strip():
            return True
        *whole, rest = content.split(b"\n")
        if length < size:
            whole = whole[1:]  # the first line may be cut off
        if rest and parsed(rest) is not None:
            return failure_of(rest) is not None
        if whole:
            return failure_of(whole[-1]) is not None
    return False


def _settled_lines(lines: Iterable[bytes], is_settled: Callable[[int], bool]) -> Iterable[bytes]:
    """Yield the first complete line of each completed row; other rows are sent again."""
    seen: set[int] = set()
    for line in lines:
        number = (failure_of(line) or {}).get("row")
        if type(number) is int and number not in seen and line.endswith(b"\n") and is_settled(number):
            seen.add(number)
            yield line
