"""From the source into the window: rows are numbered, encoded, and rejected where they cannot be sent."""

from __future__ import annotations

from collections import deque

from airflow_provider_upstash_vector.bulk.books import Books, Origin
from airflow_provider_upstash_vector.bulk.digest import RowsDigest
from airflow_provider_upstash_vector.bulk.encode import Encoded, Encoder, WrongIndex
from airflow_provider_upstash_vector.bulk.feed import END, PENDING, Feed
from airflow_provider_upstash_vector.bulk.halts import Halt, for_changed_rows, for_failures
from airflow_provider_upstash_vector.bulk.journal import Journal
from airflow_provider_upstash_vector.bulk.row import Row
from airflow_provider_upstash_vector.bulk.sources import InvalidRows, SourceBroken
from airflow_provider_upstash_vector.bulk.window import Window
from airflow_provider_upstash_vector.client.errors import InvalidUpdate

_MOST_ROWS_AT_ONCE = 500
_ROWS_BETWEEN_NOTES = 32


class Intake:
    """Reads rows as the window has room for them.

    ``next_number`` is that of the row read next. With a ``digest`` settled rows are read as well, to be compared.
    """

    def __init__(
        self,
        feed: Feed,
        encoder: Encoder,
        *,
        first_number: int,
        timeout_seconds: float,
        journal: Journal | None,
        digest: RowsDigest | None,
    ) -> None:
        self._feed = feed
        self._encoder = encoder
        self._timeout_seconds = timeout_seconds
        self._journal = journal
        self._reaches = journal.reaches if journal else lambda _: True
        self._digest = digest
        # until all rows of the checkpoint are compared; no more of them are unsettled than a window holds
        self._held: deque[tuple[Origin, Encoded | InvalidUpdate]] = deque()
        self._encoded_any = False
        self.next_number = first_number
        self.exhausted = False
        self._closed = False
        self.has_more_at_once = False

    @property
    def ended(self) -> bool:
        """Whether no more rows will come."""
        return self.exhausted or self._closed

    def end(self) -> None:
        """Read no more."""
        self._closed = True

    def fill(self, window: Window[Row], books: Books) -> Halt | None:
        """Read until a row is ready, the window has no room or the source no row; return a reason to stop.

        ``has_more_at_once`` is set where it only paused, for others to have their turn.
        """
        self.has_more_at_once = False
        for _ in range(_MOST_ROWS_AT_ONCE):
            number = self.next_number
            if self.ended or not window.has_room(number, books.ledger.watermark) or not self._reaches(number):
                return None
            try:
                polled = self._feed.poll()
            except Exception as error:  # noqa: BLE001 - somebody's iterable may raise anything
                return _broken(error, number)
            if polled is PENDING:
                return None
            if polled is END:
                return self._finish(books)
            self.next_number = number + 1
            # as the ledger is now: the watermark may have passed rows that this run has not read yet
            settled = books.ledger.is_settled(number)
            if settled and self._digest is None:
                continue
            if halt := self._take_in(Origin(number, *polled), window, books, settled=settled):
                return halt
        self.has_more_at_once = True
        return None

    def _finish(self, books: Books) -> Halt | None:
        if self._digest is not None and not self._digest.may_end(books.ledger.end):
            return for_changed_rows()
        self.exhausted = True
        return None

    def _take_in(self, origin: Origin, window: Window[Row], books: Books, *, settled: bool) -> Halt | None:
        request: Encoded | InvalidUpdate
        try:
            request = self._encoder.encode(origin.value)
        except InvalidUpdate as error:
            request = error
        if self._digest is None:
            return self._offer(origin, request, window, books)
        if not self._digest.add(request):
            return for_changed_rows()
        if self._journal is not None and not self._digest.rows % _ROWS_BETWEEN_NOTES:
            self._journal.note(*self._digest.state())
        if not self._digest.compared:
            if not settled:
                self._held.append((origin, request))
            return None
        while self._held:
            if halt := self._offer(*self._held.popleft(), window, books):
                return halt
        return None if settled else self._offer(origin, request, window, books)

    def _offer(
        self, origin: Origin, request: Encoded | InvalidUpdate, window: Window[Row], books: Books
    ) -> Halt | None:
        if isinstance(request, Encoded):
            self._encoded_any = True
            window.offer(Row(origin, request, self._timeout_seconds))
            return None
        too_many = books.rejected(origin, request)
        if isinstance(request, WrongIndex) and not self._encoded_any:
            return Halt(reason="error", explanation=f"{origin}: {request}", retryable=False, cause=request)
        return for_failures(books.failures) if too_many else None


def _broken(error: Exception, number: int) -> Halt:
    told = str(error)
    if not isinstance(error, InvalidRows | SourceBroken):
        told = f"reading row {number:,} failed: {type(error).__name__}: {error}"
    return Halt(reason="source", explanation=told, retryable=not isinstance(error, InvalidRows), cause=error)
