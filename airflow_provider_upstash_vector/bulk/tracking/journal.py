"""The journal: outcomes of the rows since the last checkpoint, in a memory-mapped file.

Setting one byte per row takes 40 ns, and the byte survives the death of the process. So, although the checkpoint
is saved only once a second, a run that resumes after ``kill -9`` on the same machine knows every completed row.

The header ties the file to its checkpoint and to the current boot, because a machine that fails may lose pages
that were only in memory. It also has the digest of the rows read, which is newer than the checkpoint's. Then comes
a ring, with row ``n`` at ``n % ring``. Rows from the checkpoint's watermark to half a ring beyond it are read; the
bytes of rows below the watermark are cleared after the checkpoint has been saved. So a byte that has not been
cleared is never read as that of a row one ring later, even if the machine failed.

The header also has the work done, as it was when the last request was sent: a report covers killed runs too.
"""

from __future__ import annotations

import mmap
import os
import secrets
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.bulk.tracking.local_files import (
    create_private,
    is_at,
    new_path,
    open_regular,
    write_all,
)
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome

RING_ROWS = 1 << 20
DIGEST_BYTES = 16
_TOKEN_BYTES = 16
_DIGEST = struct.Struct(f"<Q{DIGEST_BYTES}s")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_BOOT_BYTES = 36
_DIGEST_AT = _TOKEN_BYTES + _BOOT_BYTES
_WORK = struct.Struct("<QQdd")
_WORK_AT = _DIGEST_AT + _DIGEST.size
_SENT = struct.Struct("<QQd")
_SECONDS = struct.Struct("<dd")
_SECONDS_AT = _WORK_AT + _WORK.size - _SECONDS.size
_RING_AT = _WORK_AT + _WORK.size


class Work(NamedTuple):
    """Work of a run and of those it resumed."""

    retries: int = 0
    bytes_sent: int = 0
    seconds: float = 0.0
    throttled_seconds: float = 0.0


class Journal:
    """The journal of a run; ``token`` ties it to the checkpoint.

    It replaces the previous journal when it is published: until a checkpoint with its token has been saved, the
    previous one is still valid.
    """

    def __init__(self, path: Path, watermark: int, work: Work = Work(), *, ring_rows: int = RING_ROWS) -> None:  # noqa: B008 - immutable
        self.token = secrets.token_hex(_TOKEN_BYTES // 2)
        self._path = path
        self._ring_rows = ring_rows
        self._watermark = watermark
        self._published = False
        self._new = new_path(path)
        self._before = work
        self._file = create_private(self._new)
        try:
            # write all of it: with a full disk, access to an unwritten page would kill the process
            write_all(self._file, _header(self.token) + bytes(_RING_AT - _DIGEST_AT + ring_rows))
            self._map = mmap.mmap(self._file.fileno(), _RING_AT + ring_rows)
        except BaseException:
            self._file.close()
            with suppress(OSError):
                self._new.unlink()
            raise
        self._began = time.monotonic()
        _WORK.pack_into(self._map, _WORK_AT, *work)

    def settle(self, number: int, outcome: Outcome) -> None:
        """Record the outcome of a row that the journal covers."""
        self._map[_RING_AT + number % self._ring_rows] = outcome

    def record_digest(self, read: int, digest: str) -> None:
        """Record the digest of the first ``read`` rows."""
        self._map[_DIGEST_AT:_WORK_AT] = _DIGEST.pack(read, bytes.fromhex(digest))

    def record_sent(self, retries: int, bytes_sent: int, now: float) -> None:
        """Record the requests of this run, when one is sent at ``now``."""
        retries_before, bytes_before, seconds_before, _ = self._before
        seconds = seconds_before + now - self._began
        _SENT.pack_into(self._map, _WORK_AT, retries_before + retries, bytes_before + bytes_sent, seconds)

    def record_seconds(self, seconds: float, throttled_seconds: float) -> None:
        """Record the seconds of this run and those it resumed."""
        _SECONDS.pack_into(self._map, _SECONDS_AT, seconds, throttled_seconds)

    def covers(self, number: int) -> bool:
        """Return whether a row may be sent before the next checkpoint."""
        return number < self._watermark + self._ring_rows // 2

    def sync(self) -> None:
        """Write cleared bytes to disk, before the next checkpoint is written."""
        if not self._file.closed:
            os.fsync(self._file.fileno())

    def publish(self) -> None:
        """Replace the previous journal, unless that of a newer run has taken the place of the new one."""
        if not self._published and not self._file.closed:
            if is_at(self._new, self._file):
                self._new.replace(self._path)
            self._published = True

    def clear_below(self, watermark: int) -> None:
        """Clear the rows that a saved checkpoint covers."""
        if self._file.closed or watermark <= self._watermark:
            return
        ring = self._ring_rows
        begin, end = self._watermark % ring, watermark % ring
        for first, last in [(begin, end)] if begin < end else [(begin, ring), (0, end)]:
            self._map[_RING_AT + first : _RING_AT + last] = bytes(last - first)
        self._watermark = watermark

    def close(self) -> None:
        """Close the file, which stays for the next run if it was published."""
        if not self._published:
            self._unlink(self._new)
        self._map.close()
        self._file.close()

    def remove(self) -> None:
        """Close and delete the file."""
        self._unlink(self._path)
        self.close()

    def _unlink(self, path: Path) -> None:
        """Delete the file at ``path``, but not that of another run."""
        if not self._file.closed and is_at(path, self._file):
            path.unlink(missing_ok=True)


def _header(token: str) -> bytes:
    """Return the header: the token, and the boot id if the machine has one."""
    boot = _BOOT_ID.read_bytes()[:_BOOT_BYTES] if _BOOT_ID.exists() else b""
    return token.encode() + boot.ljust(_BOOT_BYTES)


class JournalContent(NamedTuple):
    """Outcomes of rows, the digest of the first ``read`` rows, and the work."""

    outcomes: dict[int, Outcome]
    read: int = 0
    digest: str = ""
    work: Work = Work()


def read_journal(path: Path, token: str, watermark: int) -> JournalContent:
    """Return the content from ``watermark`` on; nothing if the journal has another token."""
    empty = JournalContent({})
    try:
        with open_regular(path) as file:
            content = file.read()
    except (OSError, InvalidRows):
        return empty
    if content[:_DIGEST_AT] != _header(token) or len(content) <= _RING_AT:
        return empty
    ring = content[_RING_AT:]
    begin = watermark % len(ring)
    ahead = (ring[begin:] + ring[:begin])[: len(ring) // 2]
    try:
        outcomes = {watermark + offset: Outcome(code) for offset, code in enumerate(ahead) if code}
    except ValueError:  # the file is damaged
        return empty
    read, digest = _DIGEST.unpack_from(content, _DIGEST_AT)
    return JournalContent(outcomes, read, digest.hex(), Work(*_WORK.unpack_from(content, _WORK_AT)))
