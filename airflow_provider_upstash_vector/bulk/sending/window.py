"""Which rows may be sent next, in batches: two rows of one vector are never in flight together. Pure.

A row's key, its namespace and id, is taken from the time it is offered to the time it is settled, with or without
an outcome. Later rows with that key wait behind it, so no batch has two rows of one vector. Batches that failed in
an outage wait aside, and are sent before the end of it only if no others can be read. All that waits is limited in
rows and bytes: rows sorted by id, or of many namespaces, must not keep others from being read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from airflow_provider_upstash_vector.bulk.sending.batch import Batch, Row, Split

MAX_WAITING_ROWS = 16_384
MAX_WAITING_BYTES = 64 * 1024 * 1024


AnyBatch = TypeVar("AnyBatch", bound=Batch[Any])


class Window(Generic[Row, AnyBatch]):
    """Rows between reading and settling, sent in batches that ``make_batch`` creates.

    A batch has at most ``max_rows`` rows and ``max_bytes``; a longer row is sent alone. ``max_lead`` limits how
    far the row read last may be ahead of the first one that is not completed, and so how many outcomes are kept
    in memory.
    """

    def __init__(
        self,
        make_batch: Callable[[list[Row]], AnyBatch],
        max_lead: int,
        *,
        max_rows: int = 1,
        max_bytes: int = 0,
        max_waiting_rows: int = MAX_WAITING_ROWS,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        self._make_batch = make_batch
        self._max_lead = max_lead
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._max_waiting_rows = max_waiting_rows
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._again: deque[AnyBatch] = deque()
        self._full: deque[AnyBatch] = deque()
        self._partial: dict[str, tuple[list[Row], int]] = {}
        self._aside: deque[AnyBatch] = deque()
        self._splits: set[Split] = set()
        self._behind: dict[tuple[str, str], deque[Row] | None] = {}
        self._rows_behind = 0
        self.in_flight = 0
        self.rows_in_flight = self.bytes_in_flight = 0

    @property
    def unsettled(self) -> int:
        """Rows offered and not settled."""
        return len(self._behind) + self._rows_behind

    @property
    def has_partial(self) -> bool:
        """Whether rows wait for others to be sent with."""
        return bool(self._partial)

    def has_ready(self, *, partial: bool = True) -> bool:
        """Return whether a batch may be sent, a ``partial`` one too."""
        return bool(self._full or self._again or (partial and self._partial) or self._aside)

    def waits_for(self, watermark: int, next_number: int) -> bool:
        """Return whether no row is read until the row ``watermark`` is completed."""
        return next_number >= watermark + self._max_lead

    @property
    def only_aside(self) -> bool:
        """Whether every row that may be sent has been put aside."""
        return bool(self._aside) and not (self._full or self._again or self._partial)

    def has_room(self, next_number: int, watermark: int) -> bool:
        """Return whether the row ``next_number`` may be read while all rows below ``watermark`` are completed."""
        return (
            not self._full
            and not self._again
            and self._waiting_rows < self._max_waiting_rows
            and self._waiting_bytes < self._max_waiting_bytes
            and next_number < watermark + self._max_lead  # not a call of waits_for: it is asked for every row
        )

    def offer(self, row: Row) -> None:
        """Add a row; rows come in source order."""
        key = row.key
        if key not in self._behind:
            self._behind[key] = None
            self._collect(row)
            return
        rows = self._behind[key]
        if rows is None:
            rows = self._behind[key] = deque()
        rows.append(row)
        self._rows_behind += 1
        self._count_waiting((row,), 1)

    def _count_waiting(self, rows: Iterable[Row], change: int) -> None:
        for row in rows:
            self._waiting_rows += change
            self._waiting_bytes += change * len(row.fragment)

    def _collect(self, row: Row) -> None:
        """Add a row whose key is free to the batch of its path."""
        if self._max_rows == 1:
            self._full.append(self._make_batch([row]))
            return
        rows, size = self._partial.pop(row.path, ([], 0))
        if rows and size + len(row.fragment) > self._max_bytes:
            self._complete(rows)
            rows, size = [], 0
        rows.append(row)
        size += len(row.fragment)
        self._count_waiting((row,), 1)
        if len(rows) >= self._max_rows or size >= self._max_bytes:
            self._complete(rows)
        else:
            self._partial[row.path] = rows, size

    def _complete(self, rows: list[Row]) -> None:
        self._count_waiting(rows, -1)
        self._full.append(self._make_batch(rows))

    def next_rows(self, *, partial: bool = True) -> int:
        """Return the rows of the batch that :meth:`take` would return, 0 if there is none."""
        if self._again:
            return len(self._again[0].rows)
        if self._full:
            return len(self._full[0].rows)
        if partial and self._partial:
            return len(next(iter(self._partial.values()))[0])
        return len(self._aside[0].rows) if self._aside else 0

    def take(self, max_rows: int | None = None, *, partial: bool = True) -> AnyBatch | None:
        """Return a batch to send now, of at most ``max_rows`` rows, or ``None`` if none is ready."""
        batch = self._full.popleft() if self._full and not self._again else self._take(partial=partial)
        if batch is None:
            return None
        if max_rows is not None and len(batch.rows) > max_rows:
            self._again.appendleft(batch.part(batch.rows[max_rows:]))
            batch = batch.part(batch.rows[:max_rows])
        self.in_flight += 1
        self.rows_in_flight += len(batch.rows)
        self.bytes_in_flight += batch.size
        return batch

    def _take(self, *, partial: bool) -> AnyBatch | None:
        if self._again:
            return self._again.popleft()
        if not self._full and partial and self._partial:
            rows, _ = self._partial.pop(next(iter(self._partial)))
            self._complete(rows)
        if self._full:
            return self._full.popleft()
        if self._aside:
            batch = self._aside.popleft()
            self._count_waiting(batch.rows, -1)
            return batch
        return None

    def _landed(self, batch: AnyBatch) -> None:
        self.in_flight -= 1
        self.rows_in_flight -= len(batch.rows)
        self.bytes_in_flight -= batch.size

    def put_back(self, batch: AnyBatch) -> None:
        """Return a batch in flight that is to be sent again, before all others."""
        self._landed(batch)
        self._again.appendleft(batch)

    def put_aside(self, batch: AnyBatch) -> None:
        """Return a batch in flight that is to be sent again, after all others, until :meth:`restore`."""
        self._landed(batch)
        self._aside.append(batch)
        self._count_waiting(batch.rows, 1)

    def restore(self) -> None:
        """Let the batches put aside be sent before all others."""
        while self._aside:
            batch = self._aside.pop()
            self._count_waiting(batch.rows, -1)
            self._again.appendleft(batch)

    def halve(self, batch: AnyBatch) -> None:
        """Return a batch in flight that was refused; its halves are sent one after another."""
        self._landed(batch)
        batch.split = batch.split or Split()
        half = len(batch.rows) // 2
        batch.split.waiting.append(batch.part(batch.rows[half:]))
        self._splits.add(batch.split)
        self._again.appendleft(batch.part(batch.rows[:half]))

    def settle(self, batch: AnyBatch) -> None:
        """Remove a batch in flight; rows behind its own, or the next part of its split, become ready."""
        self._landed(batch)
        behind = self._behind
        for row in batch.rows:
            if behind[row.key]:
                self._release(row)
            else:
                del behind[row.key]
        if batch.split is not None:
            if batch.split.waiting:
                self._again.appendleft(batch.split.waiting.pop())
            else:
                self._splits.discard(batch.split)

    def settle_rest(self, batch: AnyBatch) -> list[Row]:
        """Remove the parts of a split that were not sent yet, and return their rows."""
        rows = [row for part in batch.split.waiting for row in part.rows] if batch.split else []
        for row in rows:
            self._release(row)
        if batch.split:
            batch.split.waiting.clear()
        return rows

    def _release(self, row: Row) -> None:
        rows = self._behind[row.key]
        if not rows:
            del self._behind[row.key]
            return
        following = rows.popleft()
        self._rows_behind -= 1
        self._count_waiting((following,), -1)
        self._collect(following)

    def drain(self) -> list[AnyBatch]:
        """Remove the rows that are not in flight, which will not be sent; return the batches that were sent."""
        sent = [*self._again, *self._aside, *(part for split in self._splits for part in split.waiting)]
        removed = [row for batch in [*sent, *self._full] for row in batch.rows]
        removed += [row for rows, _ in self._partial.values() for row in rows]
        self._behind = dict.fromkeys(self._behind.keys() - {row.key for row in removed})
        for split in self._splits:
            split.waiting.clear()
        for waiting in (self._again, self._full, self._aside, self._partial, self._splits):
            waiting.clear()
        self._waiting_rows = self._waiting_bytes = self._rows_behind = 0
        return sent
