"""Binary files of whatever library, as ``io.BufferedReader`` and Arrow need them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from typing_extensions import Buffer

# Large enough that a network is asked seldom, small enough that a shard reads little beyond its range.
_BUFFER_BYTES = 256 * 1024


class RawFile(io.RawIOBase):
    """A file read through its ``read``, ``seek`` and ``tell`` alone, which those of fsspec have in common.

    ``position`` can be looked at while another thread waits for the file.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self.position = 0

    def readable(self) -> bool:
        """Return ``True``."""
        return True

    def seekable(self) -> bool:
        """Return ``True``: where it is not so, :meth:`seek` raises."""
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


class Decompressed(io.RawIOBase):
    """The content of a ``GzipFile`` or ``ZstdFile``: all that comes before a cut, and only then the error."""

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
    """Return ``raw`` with a buffer, as lines need it."""
    return cast("BinaryIO", io.BufferedReader(raw, _BUFFER_BYTES))


class BytesRead:
    """How much of files of ``size`` bytes has been read, one after another; any thread may ask."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._now: tuple[int, int, Callable[[], float]] = (0, 0, lambda: 0.0)

    def begin(self, size: int, fraction: Callable[[], float]) -> None:
        """Go on with a file of ``size`` bytes, of which ``fraction`` tells how much has been read."""
        self._now = (self._now[0], size, fraction)

    def finish(self) -> None:
        """Note that the file has been read."""
        finished, size, _ = self._now
        self._now = (finished + size, 0, lambda: 0.0)

    def fraction(self) -> float | None:
        """Return the part that has been read, from 0 to 1, or ``None`` where there are no bytes."""
        finished, size, part = self._now
        return (finished + size * min(1.0, max(0.0, part()))) / self._size if self._size else None
