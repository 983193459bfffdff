"""Binary files of any library, adapted to ``io.BufferedReader`` and Arrow."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from typing_extensions import Buffer

# Large enough for few network requests, small enough that a shard reads little beyond its range.
_BUFFER_BYTES = 256 * 1024
_FEW_BYTES = 64


class RawFile(io.RawIOBase):
    """A file read only through ``read``, ``seek`` and ``tell``, which all fsspec files have.

    ``position`` can be read while another thread waits for the file.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self.position = 0

    def readable(self) -> bool:
        """Return ``True``."""
        return True

    def seekable(self) -> bool:
        """Return ``True``; :meth:`seek` raises if the file cannot seek."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes, as Arrow does."""
        data: bytes = self._file.read(size)
        self.position += len(data)
        return data

    def readinto(self, buffer: Buffer) -> int:
        """Read up to as many bytes as ``buffer`` holds, as ``io.BufferedReader`` does."""
        return _read_into(buffer, self.read)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another position."""
        self._file.seek(offset, whence)
        self.position = self._file.tell()
        return self.position

    def tell(self) -> int:
        """Return the position."""
        return self.position

    def is_other_than(self, size: int, modified: object) -> bool:
        """Return whether a file on this machine's disk is not as it was; a path to it may name another by now."""
        try:
            stat = os.fstat(self._file.fileno())
        except (OSError, AttributeError):  # a file of an object store
            return False
        return (stat.st_size, stat.st_mtime) != (size, modified)


class Arriving:
    """A buffered file whose ``read`` returns what has arrived, rather than wait for all that was asked for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = cast("io.BufferedReader", file)

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes, and all of them if they are few, as the fields of a header are."""
        return self._file.read(size) if size < _FEW_BYTES else self._file.read1(size)


class Decompressed(io.RawIOBase):
    """The content of a ``GzipFile`` or ``ZstdFile``: all data before a truncation, and only then the error."""

    def __init__(self, file: Any) -> None:
        self._read = file.read1

    def readable(self) -> bool:
        """Return ``True``."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Decompress up to as many bytes as ``buffer`` holds."""
        return _read_into(buffer, self._read)


def _read_into(buffer: Buffer, read: Callable[[int], bytes]) -> int:
    view = memoryview(buffer)
    data = read(len(view))
    view[: len(data)] = data
    return len(data)


def buffered(raw: io.RawIOBase) -> BinaryIO:
    """Return ``raw`` with a buffer, for reading lines."""
    return cast("BinaryIO", io.BufferedReader(raw, _BUFFER_BYTES))


class BytesRead:
    """The fraction read of files of ``size`` bytes in all; safe to read from any thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._now: tuple[int, int, Callable[[], float]] = (0, 0, lambda: 0.0)

    def begin(self, size: int, fraction: Callable[[], float]) -> None:
        """Start a file of ``size`` bytes; ``fraction`` returns the part of it that has been read."""
        self._now = (self._now[0], size, fraction)

    def finish(self) -> None:
        """Record that the file has been read."""
        finished, size, _ = self._now
        self._now = (finished + size, 0, lambda: 0.0)

    def fraction(self) -> float | None:
        """Return the part that has been read, from 0 to 1, or ``None`` if there are no bytes."""
        finished, size, part = self._now
        return (finished + size * min(1.0, max(0.0, part()))) / self._size if self._size else None
