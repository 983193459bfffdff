"""The journal: outcomes of the rows since the last checkpoint, in a memory-mapped file.

Setting one byte per row takes 40 ns, and the byte survives the death of the process. So, although the checkpoint
is saved only once a second, a run that resumes after ``kill -9`` on the same machine knows every completed row.

The header ties the file to its checkpoint and to the current boot, because a machine that fails may lose pages
that were only in memory. It also has the digest of the rows read, which is newer than the checkpoint's. Then comes
a ring, with row ``n`` at ``n % ring``. Rows from the checkpoint's watermark to half a ring beyond it are read; the
bytes of rows below the watermark are cleared after the checkpoint has been saved. So a byte that has not been
cleared is never read as that of a row one ring later, even if the machine failed.
"""

from __future__ import annotations

import mmap
import os
import secrets
import struct
from pathlib import Path
from typing import NamedTuple

from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.bulk.tracking.local_files import create_private, is_at, new_path, open_regular
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome

RING_ROWS = 1 << 20
DIGEST_BYTES = 16
_TOKEN_BYTES = 16
_DIGEST = struct.Struct(f"<Q{DIGEST_BYTES}s")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_BOOT_BYTES = 36
_DIGEST_AT = _TOKEN_BYTES + _BOOT_BYTES
_RING_AT = _DIGEST_AT + _DIGEST.size


class Journal:
    """The journal of a run; ``token`` ties it to the checkpoint.

    It replaces the previous journal when it is published: until a checkpoint with its token has been saved, the
    previous one is still valid.
    """

    def __init__(self, path: Path, watermark: int, *, ring_rows: int = RING_ROWS) -> None:
        self.token = secrets.token_hex(_TOKEN_BYTES // 2)
        self._path = path
        self._ring_rows = ring_rows
        self._watermark = watermark
        self._published = False
        self._new = new_path(path)
        self._file = create_private(self._new)
        # write all of it: with a full disk, access to an unwritten page would kill the process
        self._file.write(_header(self.token) + bytes(_DIGEST.size + ring_rows))
        self._map = mmap.mmap(self._file.fileno(), _RING_AT + ring_rows)

    def settle(self, number: int, outcome: Outcome) -> None:
        """Record the outcome of a row that the journal covers."""
        self._map[_RING_AT + number % self._ring_rows] = outcome

    def record_digest(self, read: int, digest: str) -> None:
        """Record the digest of the first ``read`` rows."""
        self._map[_DIGEST_AT:_RING_AT] = _DIGEST.pack(read, bytes.fromhex(digest))

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
    """Outcomes of rows, and the digest of the first ``read`` rows."""

    outcomes: dict[int, Outcome]
    read: int = 0
    digest: str = ""


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
    read, digest = _DIGEST.unpack(content[_DIGEST_AT:_RING_AT])
    return JournalContent(outcomes, read, digest.hex())
