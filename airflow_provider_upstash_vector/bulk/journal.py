"""Outcomes of the rows since the last checkpoint, in a file mapped into memory.

Setting one byte a row costs 40 ns, and what is set survives the death of the process. So although the checkpoint
is saved but once a second, a run that goes on after ``kill -9`` on the same machine knows every row that was
settled.

The file is a header and a ring, row ``n`` at ``n % ring``. Rows from the checkpoint's watermark to half a ring
beyond it are read from it; the bytes of rows below the watermark are cleared after the checkpoint has been
saved.
"""

from __future__ import annotations

import mmap
import secrets
from pathlib import Path

from airflow_provider_upstash_vector.bulk.ledger import Outcome

_RING_BYTES = 1 << 20
_TOKEN_BYTES = 16
REACH_ROWS = _RING_BYTES // 2


class Journal:
    """The journal of a run; ``token`` ties it to the checkpoint."""

    def __init__(self, path: Path, watermark: int) -> None:
        """Begin a journal at ``watermark``; whatever was in the file is gone."""
        self._path = path
        self.token = secrets.token_hex(_TOKEN_BYTES // 2)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with path.open("xb+") as file:  # a new one: nobody else's, in a folder that all may write to
            path.chmod(0o600)
            file.truncate(_TOKEN_BYTES + _RING_BYTES)
            self._map = mmap.mmap(file.fileno(), 0)
        self._map[:_TOKEN_BYTES] = self.token.encode()
        self._watermark = watermark

    def settle(self, number: int, outcome: Outcome) -> None:
        """Note the outcome of a row, less than ``REACH_ROWS`` beyond the last checkpoint."""
        self._map[_TOKEN_BYTES + number % _RING_BYTES] = outcome

    def clear_below(self, watermark: int) -> None:
        """Forget the rows that a saved checkpoint covers."""
        begin, end = self._watermark % _RING_BYTES, watermark % _RING_BYTES
        if watermark - self._watermark >= _RING_BYTES:
            begin, end = 0, _RING_BYTES
        pieces = [(begin, end)] if begin <= end else [(begin, _RING_BYTES), (0, end)]
        for first, last in pieces:
            self._map[_TOKEN_BYTES + first : _TOKEN_BYTES + last] = bytes(last - first)
        self._watermark = watermark

    def reaches(self, number: int) -> bool:
        """Tell whether a row may be sent before the next checkpoint."""
        return number < self._watermark + REACH_ROWS

    def close(self) -> None:
        """Let go of the file, which stays."""
        self._map.close()

    def remove(self) -> None:
        """Close and delete the file."""
        self.close()
        self._path.unlink(missing_ok=True)


def settled_since(path: Path, token: str, watermark: int) -> dict[int, Outcome]:
    """Return the outcomes in the journal with ``token`` from ``watermark`` on; none where it is another's."""
    try:
        content = path.read_bytes()
    except OSError:
        return {}
    if len(content) != _TOKEN_BYTES + _RING_BYTES or content[:_TOKEN_BYTES] != token.encode():
        return {}
    ring = content[_TOKEN_BYTES:]
    begin = watermark % _RING_BYTES
    ahead = (ring[begin:] + ring[:begin])[:REACH_ROWS]
    return {watermark + place: Outcome(code) for place, code in enumerate(ahead) if code}
