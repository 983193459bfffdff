"""From the source into the window: rows are numbered, encoded, and rejected where they cannot be sent."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_upstash_vector.bulk.books import Books, Origin
from airflow_provider_upstash_vector.bulk.encode import Encoder, WrongIndex
from airflow_provider_upstash_vector.bulk.feed import END, PENDING, Feed
from airflow_provider_upstash_vector.bulk.halts import Halt, for_failures
from airflow_provider_upstash_vector.bulk.row import Row
from airflow_provider_upstash_vector.bulk.sources import InvalidRows, SourceBroken
from airflow_provider_upstash_vector.bulk.window import Window
from airflow_provider_upstash_vector.client.errors import InvalidUpdate

_MOST_ROWS_AT_ONCE = 500


class Intake:
    """Reads rows as the window has room for them.

    ``next_number`` is that of the row read next. ``reaches`` tells whether a row may be sent before the next
    checkpoint.
    """

    def __init__(
        self,
        feed: Feed,
        encoder: Encoder,
        *,
        first_number: int,
        timeout_seconds: float,
        reaches: Callable[[int], bool],
    ) -> None:
        self._feed = feed
        self._encoder = encoder
        self._timeout_seconds = timeout_seconds
        self._reaches = reaches
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
                self.exhausted = True
                return None
            self.next_number = number + 1
            # the ledger is asked as it is now: the watermark may have passed rows that were not read again yet
            if not books.ledger.is_settled(number) and (
                halt := self._offer(Origin(number, *polled), window, books)
            ):
                return halt
        self.has_more_at_once = True
        return None

    def _offer(self, origin: Origin, window: Window[Row], books: Books) -> Halt | None:
        try:
            encoded = self._encoder.encode(origin.value)
        except InvalidUpdate as error:
            too_many = books.rejected(origin, error)
            if isinstance(error, WrongIndex) and not self._encoded_any:
                return Halt(reason="error", explanation=f"{origin}: {error}", retryable=False, cause=error)
            return for_failures(books.failures) if too_many else None
        self._encoded_any = True
        window.offer(Row(origin, encoded, self._timeout_seconds))
        return None


def _broken(error: Exception, number: int) -> Halt:
    told = str(error)
    if not isinstance(error, InvalidRows | SourceBroken):
        told = f"reading row {number:,} failed: {type(error).__name__}: {error}"
    return Halt(reason="source", explanation=told, retryable=not isinstance(error, InvalidRows), cause=error)
