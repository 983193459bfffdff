"""Outcomes of the rows since the last checkpoint, in a file mapped into memory.

Setting one byte a row costs 40 ns, and what is set survives the death of the process. So although the checkpoint
is saved but once a second, a run that goes on after ``kill -9`` on the same machine knows every row that was
settled.

The header ties the file to its checkpoint and to this start of the machine: when a machine fails, any of the pages
may be lost that were in memory alone. It also has the digest of the rows read, noted more often than the
checkpoint is saved. Then comes a ring, row ``n`` at ``n % ring``. Rows from the checkpoint's watermark to half a
ring beyond it are read from it; the bytes of rows below the watermark are cleared after the checkpoint has been
saved. So no byte that is still to be cleared, though the machine itself had died, is taken for one of a row a ring
later.
"""

from __future__ import annotations

import mmap
import os
import secrets
import struct
from pathlib import Path
from typing import NamedTuple

from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.bulk.tracking.digest import DIGEST_BYTES
from airflow_provider_upstash_vector.bulk.tracking.local_files import create_private, new_path, open_regular
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome

RING_ROWS = 1 << 20
_TOKEN_BYTES = 16
_NOTE = struct.Struct(f"<Q{DIGEST_BYTES}s")


_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_BOOT_BYTES = 36
_NOTE_AT = _TOKEN_BYTES + _BOOT_BYTES
_RING_AT = _NOTE_AT + _NOTE.size


class Journal:
    """The journal of a run; ``token`` ties it to the checkpoint.

    It takes the place of the one before when it is published: until a checkpoint that names it has been saved, the
    one before is still of use.
    """

    def __init__(self, path: Path, watermark: int, *, ring_rows: int = RING_ROWS) -> None:
        self.token = secrets.token_hex(_TOKEN_BYTES // 2)
        self._path = path
        self._ring_rows = ring_rows
        self._watermark = watermark
        self._published = False
        self._new = new_path(path)
        self._file = create_private(self._new)
        # mapping what a full disk lacks would kill us
        self._file.write(_ties(self.token) + bytes(_NOTE.size + ring_rows))
        self._map = mmap.mmap(self._file.fileno(), _RING_AT + ring_rows)

    def settle(self, number: int, outcome: Outcome) -> None:
        """Note the outcome of a row that the journal reaches."""
        self._map[_RING_AT + number % self._ring_rows] = outcome

    def note(self, read: int, digest: str) -> None:
        """Note the digest of so many rows read."""
        self._map[_NOTE_AT:_RING_AT] = _NOTE.pack(read, bytes.fromhex(digest))

    def covers(self, number: int) -> bool:
        """Tell whether a row may be sent before the next checkpoint."""
        return number < self._watermark + self._ring_rows // 2

    def sync(self) -> None:
        """Bring to the disk what has been cleared, before another checkpoint goes there."""
        if not self._file.closed:
            os.fsync(self._file.fileno())

    def publish(self) -> None:
        """Take the place of the journal before."""
        if not self._published and not self._file.closed:
            self._new.replace(self._path)
            self._published = True

    def clear_below(self, watermark: int) -> None:
        """Forget the rows that a saved checkpoint covers."""
        if self._file.closed or watermark <= self._watermark:
            return
        ring = self._ring_rows
        begin, end = self._watermark % ring, watermark % ring
        for first, last in [(begin, end)] if begin < end else [(begin, ring), (0, end)]:
            self._map[_RING_AT + first : _RING_AT + last] = bytes(last - first)
        self._watermark = watermark

    def close(self) -> None:
        """Let go of the file, which stays for the next run if it was published."""
        self._map.close()
        self._file.close()
        if not self._published:
            self._new.unlink(missing_ok=True)

    def remove(self) -> None:
        """Close and delete the file."""
        self.close()
        self._path.unlink(missing_ok=True)


def _ties(token: str) -> bytes:
    """Return how a journal begins: token, and what changes when the machine starts, if that can be known."""
    boot = _BOOT_ID.read_bytes()[:_BOOT_BYTES] if _BOOT_ID.exists() else b""
    return token.encode() + boot.ljust(_BOOT_BYTES)


class Noted(NamedTuple):
    """What a journal says: outcomes of rows, and the digest of the rows read."""

    outcomes: dict[int, Outcome]
    read: int = 0
    digest: str = ""


def noted_since(path: Path, token: str, watermark: int) -> Noted:
    """Return what the journal with ``token`` says from ``watermark`` on; nothing if it is another's."""
    nothing = Noted({})
    try:
        with open_regular(path) as file:
            content = file.read()
    except (OSError, InvalidRows):
        return nothing
    if content[:_NOTE_AT] != _ties(token) or len(content) <= _RING_AT:
        return nothing
    ring = content[_RING_AT:]
    begin = watermark % len(ring)
    ahead = (ring[begin:] + ring[:begin])[: len(ring) // 2]
    try:
        outcomes = {watermark + place: Outcome(code) for place, code in enumerate(ahead) if code}
    except ValueError:  # it was written over
        return nothing
    read, digest = _NOTE.unpack(content[_NOTE_AT:_RING_AT])
    return Noted(outcomes, read, digest.hex())
