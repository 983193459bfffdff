"""Rows from the source to the window: numbered, encoded, and rejected if they cannot be sent."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Protocol, TypedDict

from airflow_provider_upstash_vector.bulk.operations.base import Encoded, Operation, WrongIndex
from airflow_provider_upstash_vector.bulk.sending import stop_reasons
from airflow_provider_upstash_vector.bulk.sending.prefetch import Prefetcher
from airflow_provider_upstash_vector.bulk.sending.request import PendingRow
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason
from airflow_provider_upstash_vector.bulk.sources import END, PENDING
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import RowsDigest
from airflow_provider_upstash_vector.bulk.tracking.journal import Journal
from airflow_provider_upstash_vector.bulk.tracking.recorder import NumberedRow, OutcomeRecorder
from airflow_provider_upstash_vector.client.errors import InvalidRequest

if TYPE_CHECKING:
    from typing_extensions import Unpack

_SLICE_SECONDS = 0.02


class RowTarget(Protocol):
    """What takes rows in source order, as a window does."""

    def has_room(self, next_number: int, watermark: int) -> bool:
        """Return whether the row ``next_number`` may be read while all rows below ``watermark`` are completed."""

    def offer(self, row: PendingRow) -> None:
        """Add a row."""


class ReadingStart(TypedDict):
    """Where reading starts, and what the rows are compared with."""

    first_number: int
    journal: Journal | None
    digest: RowsDigest | None


class RowReader:
    """Reads rows when the window has room for them.

    ``next_number`` is the number of the next row. With a ``digest``, completed rows are read too, to be compared.
    """

    def __init__(
        self,
        prefetcher: Prefetcher,
        operation: Operation,
        **start: Unpack[ReadingStart],
    ) -> None:
        self._prefetcher = prefetcher
        self.operation = operation
        self._journal = journal = start["journal"]
        self._covers = journal.covers if journal else lambda _: True
        self._digest = start["digest"]
        # rows read before all rows of the checkpoint were compared; those not completed fit in a window
        self._held: deque[tuple[NumberedRow, Encoded | InvalidRequest]] = deque()
        self._encoded_any = False
        self.next_number = start["first_number"]
        self.exhausted = False
        self._closed = False
        self.has_more_at_once = self.waits = False

    @property
    def ended(self) -> bool:
        """Whether no more rows will come."""
        return self.exhausted or self._closed

    @property
    def embedded(self) -> int | None:
        """The number of texts that have been embedded, ``None`` if none are to be."""
        return None

    def end(self) -> None:
        """Read no more."""
        self._closed = True

    async def close(self) -> None:
        """Wait for what :meth:`end` has ended."""

    def fill(self, window: RowTarget, recorder: OutcomeRecorder) -> StopReason | None:
        """Read until a batch is ready, or the window has no room or the source no row; return a reason to stop.

        ``has_more_at_once`` is set if reading only paused, so that other tasks of the loop can run; ``waits`` if
        the source has no row yet.
        """
        self.has_more_at_once = self.waits = False
        until = time.monotonic() + _SLICE_SECONDS
        while True:
            number = self.next_number
            if (
                self.exhausted
                or self._closed
                or not window.has_room(number, recorder.tracker.watermark)
                or not self._covers(number)
            ):
                return None
            try:
                polled = self._prefetcher.poll()
            except Exception as error:  # noqa: BLE001 - an iterable may raise anything
                return stop_reasons.for_source(error, number)
            if polled is PENDING:
                self.waits = True
                return None
            if polled is END:
                return self._finish(recorder)
            self.next_number = number + 1
            # checked now: the watermark may have passed rows that this run has not read yet
            settled = recorder.tracker.is_settled(number)
            if not settled or self._digest is not None:
                row = NumberedRow(number, *polled)
                if stop_reason := self._take_in(row, window, recorder, settled=settled):
                    return stop_reason
            if time.monotonic() > until:
                self.has_more_at_once = True
                return None

    def _finish(self, recorder: OutcomeRecorder) -> StopReason | None:
        if self._digest is not None and not self._digest.may_end(recorder.tracker.end):
            return stop_reasons.for_changed_rows()
        self.exhausted = True
        return None

    def _take_in(
        self,
        row: NumberedRow,
        window: RowTarget,
        recorder: OutcomeRecorder,
        *,
        settled: bool,
    ) -> StopReason | None:
        request: Encoded | InvalidRequest
        try:
            request = self.operation.encode(row.value)
        except InvalidRequest as error:
            request = error
        if self._digest is None:
            return self._offer(row, request, window, recorder)
        if not self._digest.add(request):
            return stop_reasons.for_changed_rows()
        if self._journal is not None:  # before the row can be settled: what is settled must be comparable
            self._journal.record_digest(*self._digest.state())
        if not self._digest.compared:
            if not settled:
                self._held.append((row, request))
            return None
        while self._held:
            if stop_reason := self._offer(*self._held.popleft(), window, recorder):
                return stop_reason
        return None if settled else self._offer(row, request, window, recorder)

    def _offer(
        self,
        row: NumberedRow,
        request: Encoded | InvalidRequest,
        window: RowTarget,
        recorder: OutcomeRecorder,
    ) -> StopReason | None:
        if isinstance(request, Encoded):
            self._encoded_any = True
            window.offer(PendingRow(row, request))
            return None
        too_many = recorder.rejected(row, request)
        if isinstance(request, WrongIndex) and not self._encoded_any:
            return stop_reasons.for_wrong_index(row, request)
        return stop_reasons.for_failures(recorder) if too_many else None
