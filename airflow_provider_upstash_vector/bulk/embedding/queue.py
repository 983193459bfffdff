"""Rows on their way from the reader to the window, in order, while texts of theirs are embedded. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from airflow_provider_upstash_vector.bulk.embedding.results import Embedded
from airflow_provider_upstash_vector.bulk.operations.base import TextFragment
from airflow_provider_upstash_vector.bulk.sending.request import PendingRow
from airflow_provider_upstash_vector.client.errors import InvalidRequest

_MAX_ROWS = 16_384
_MAX_BYTES = 64 * 1024 * 1024


class EmbeddingQueue:
    """Holds rows until all before them have their vectors.

    At most ``concurrency`` batches of ``batch_size`` texts are embedded at once, while the texts of one more are
    read. ``_MAX_BYTES`` limits the rows with their vectors, but not the batch that the first row waits for.
    """

    def __init__(self, batch_size: int, concurrency: int) -> None:
        self._batch_size = batch_size
        self._concurrency = concurrency
        self._rows: deque[PendingRow] = deque()
        self._bytes = 0
        self._texts = 0
        self._waiting: deque[PendingRow] = deque()
        self._in_flight = 0
        self._embedded: dict[int, Embedded] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def has_room(self, next_number: int, watermark: int) -> bool:  # noqa: ARG002 - the window limits the lead
        """Return whether another row may be read."""
        return (
            self._texts < self._batch_size * (self._concurrency + 1)
            and len(self._rows) < _MAX_ROWS
            and self._bytes < _MAX_BYTES
        )

    def offer(self, row: PendingRow) -> None:
        """Add a row; rows come in source order."""
        self._rows.append(row)
        self._bytes += len(row.fragment)
        if isinstance(row.fragment, TextFragment):
            self._texts += 1
            self._waiting.append(row)

    @property
    def is_stuck(self) -> bool:
        """Whether the first row waits for a batch that is not full, so that no row can be sent."""
        return bool(self._waiting) and self._rows[0] is self._waiting[0]

    def take(self, *, partial: bool) -> list[PendingRow] | None:
        """Return rows whose texts are to be embedded now, ``None`` if there are none."""
        if self._in_flight >= self._concurrency or (self._bytes >= _MAX_BYTES and not self.is_stuck):
            return None
        if len(self._waiting) < self._batch_size and not (partial and self._waiting):
            return None
        self._in_flight += 1
        return [self._waiting.popleft() for _ in range(min(self._batch_size, len(self._waiting)))]

    def settle(self, rows: Sequence[PendingRow], vectors: Sequence[Embedded]) -> None:
        """Take in the vectors of rows, or why they have none."""
        self._in_flight -= 1
        for row, vector in zip(rows, vectors, strict=True):
            self._embedded[row.number] = vector
            self._bytes += _size(vector)

    def next_number(self) -> int | None:
        """Return the number of the first row if it can be sent or rejected."""
        first = self._rows[0] if self._rows else None
        if first is None or (isinstance(first.fragment, TextFragment) and first.number not in self._embedded):
            return None
        return first.number

    def pop(self) -> tuple[PendingRow, InvalidRequest | None]:
        """Remove the first row; return it with its vector, or with the reason to reject it."""
        row = self._rows.popleft()
        self._bytes -= len(row.fragment)
        if not isinstance(row.fragment, TextFragment):
            return row, None
        self._texts -= 1
        vector = self._embedded.pop(row.number)
        self._bytes -= _size(vector)
        if isinstance(vector, InvalidRequest):
            return row, vector
        row.fragment = row.fragment.with_vector(vector)
        return row, None


def _size(vector: Embedded) -> int:
    return 0 if isinstance(vector, InvalidRequest) else vector.nbytes
