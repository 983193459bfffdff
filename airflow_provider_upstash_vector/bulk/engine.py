"""The loop that sends a window of rows: ``window`` and ``throttle`` decide what may go next, here it goes.

As many workers as the window has slots take rows in turn. A worker that may take none parks; whoever changes that
wakes one, which wakes the next when it has found work. Memory: the rows of the window and those that wait behind
one of the same vector, twice ``concurrency`` at most, and one byte for each row that is settled before one read
earlier.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress

import orjson

from airflow_provider_upstash_vector.bulk import halts
from airflow_provider_upstash_vector.bulk.books import Books
from airflow_provider_upstash_vector.bulk.halts import Halt
from airflow_provider_upstash_vector.bulk.intake import Intake
from airflow_provider_upstash_vector.bulk.limits import DailyBudget
from airflow_provider_upstash_vector.bulk.parking import Parking
from airflow_provider_upstash_vector.bulk.row import Row
from airflow_provider_upstash_vector.bulk.throttle import Throttle
from airflow_provider_upstash_vector.bulk.window import Window
from airflow_provider_upstash_vector.client import AsyncVectorClient
from airflow_provider_upstash_vector.client.errors import (
    AnswerLost,
    ApiError,
    RateLimited,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.wire import Answer

# What is left of the five seconds that Airflow gives a task to stop: saving and counting take up to 2.
STOP_SECONDS = 2.5
_POLL_SECONDS = 0.25


class Engine:
    """Sends the rows of an intake, and tells the books what became of each.

    What decides and counts for it is public, for who watches the run.
    """

    def __init__(
        self,
        client: AsyncVectorClient,
        *,
        intake: Intake,
        parking: Parking,
        window: Window[Row],
        throttle: Throttle,
        budget: DailyBudget,
        books: Books,
        concurrency: int,
    ) -> None:
        self._client = client
        self._intake = intake
        self.parking = parking
        self.window = window
        self.throttle = throttle
        self.budget = budget
        self.books = books
        self._concurrency = concurrency
        self._halted = asyncio.Event()
        self._crash: BaseException | None = None
        self._drain_until = 0.0
        self._send_request = client.open().send
        self.answered = 0
        self.retries = 0
        self.bytes_sent = 0
        self.requests = 0
        self.request_seconds = 0.0
        self.halt: Halt | None = None

    async def run(self) -> None:
        """Send rows until there are none left or something halts the run; then nothing is in flight."""
        workers = [asyncio.create_task(self._work()) for _ in range(self._concurrency)]
        try:
            pending = {*workers}
            halting = asyncio.create_task(self._halted.wait())
            while pending and not halting.done():
                done, _ = await asyncio.wait({*pending, halting}, return_when=asyncio.FIRST_COMPLETED)
                pending -= done
            while pending and time.monotonic() < self._drain_until:
                _, pending = await asyncio.wait(pending, timeout=_POLL_SECONDS)
        finally:
            halting.cancel()
            for worker in workers:
                worker.cancel()
            await asyncio.wait(workers)
            self.parking.close()
        for row in self.window.drain():
            if row.error is not None:  # it was sent, and may have landed
                self.books.abandon(row.origin, row.error)
        if self._crash is not None:
            raise self._crash

    def stop(self, halt: Halt, *, drain_seconds: float = STOP_SECONDS) -> None:
        """Send no more; requests in flight have ``drain_seconds`` to be answered, the least that was given."""
        until = time.monotonic() + drain_seconds
        self._drain_until = min(self._drain_until, until) if self.halt else until
        if self.halt is None:
            self.halt = halt
            self._halted.set()
            self._intake.end()
            self.parking.wake_all()

    async def _work(self) -> None:
        try:
            while self.halt is None:
                row = self._take()
                if row is not None:
                    self.parking.wake()
                    await self._send(row)
                elif self.halt is not None or (self._intake.ended and not self.window.unsettled):
                    break  # a worker that halts the run itself has woken only the others
                else:
                    await self.parking.park()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - raised by run, once the others have ended
            self._crash = self._crash or error
            self.stop(halts.for_crash(error))
        self.parking.wake()

    def _take(self) -> Row | None:
        now = time.monotonic()
        wait = self.throttle.wait_seconds(self.window.in_flight, now)
        if wait is None:
            return None
        if wait > 0:
            self.parking.wake_after(wait)
            return None
        self._fill()
        if self.halt is not None or not self.window.has_ready:
            return None
        if not self.budget.left(time.time()):
            self._stop_for(halts.for_budget(self.budget.requests))
            return None
        self.throttle.sent()
        self.budget.spend()
        return self.window.take()

    def _fill(self) -> None:
        halt = self._intake.fill(self.window, self.books)
        self._stop_for(halt)
        if self._intake.has_more_at_once:
            self.parking.wake_soon()

    async def _send(self, row: Row) -> None:
        epoch = self.throttle.epoch
        if row.sends:
            self.retries += 1
        row.sends += 1
        self.bytes_sent += len(row.body)
        self.requests += 1
        started = time.monotonic()
        try:
            answer = await self._send_request(row.path, row.body, row.timeout_seconds)
        except UpstashVectorError as error:
            self.request_seconds += time.monotonic() - started
            await self._after_error(row, error, epoch)
            return
        except asyncio.CancelledError:
            self.window.settle(row)
            self.books.abandon(row.origin, AnswerLost("the run was stopped before the answer came"))
            raise
        self.request_seconds += time.monotonic() - started
        updated = _updated(answer)
        if updated is None:
            try:
                updated = self._client.decode(row.call(), answer)
            except UpstashVectorError as error:
                await self._after_error(row, error, epoch)
                return
        self.throttle.answered(epoch)
        self.answered += 1
        self.window.settle(row)
        if updated:
            self.books.updated(row.number, row.encoded.namespace)
        elif self.books.missing(row.origin, row.encoded.id):
            self._stop_for(halts.for_failures(self.books.failures))

    async def _after_error(self, row: Row, error: UpstashVectorError, epoch: int) -> None:
        if isinstance(error, RateLimited):
            self._refused(row, error, epoch)
            return
        if isinstance(error, ApiError):
            self.throttle.answered(epoch)
        try:
            wait = row.wait_after(error, self._client, self._unheld_clock)
            await self._pause(wait)
            row.after_wait()
        except UpstashVectorError as last:
            self.window.settle(row)
            self._give_up(row, last)
        else:
            self.window.put_back(row)

    def _refused(self, row: Row, error: RateLimited, epoch: int) -> None:
        now = time.monotonic()
        self.throttle.refused(epoch, error.retry_after, now, random.random())  # noqa: S311 - jitter
        self.window.put_back(row)
        self._stop_for(
            halts.for_refusal(
                error,
                seconds_refused=self.throttle.seconds_refused(now),
                max_retry_after_seconds=self._client.policy.max_retry_after_seconds,
            )
        )

    def _give_up(self, row: Row, error: UpstashVectorError) -> None:
        halt = halts.for_error(error, answered=self.answered)
        if halt is None:
            if self.books.failed(row.origin, error):
                self._stop_for(halts.for_failures(self.books.failures))
            return
        if halt.reason == "error":  # a row refused for its quota was not even tried
            self.books.abandon(row.origin, error)
        self._stop_for(halt)

    def _stop_for(self, halt: Halt | None) -> None:
        """Stop where there is a reason to, with time for requests in flight to be answered."""
        if halt is not None:
            self.stop(halt, drain_seconds=self._client.policy.request_timeout_seconds)

    async def _pause(self, seconds: float) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._halted.wait(), seconds)

    def _unheld_clock(self) -> float:
        now = time.monotonic()
        return now - self.throttle.held_seconds(now)


def _updated(answer: Answer) -> int | None:
    """Return the count of an answer that is as documented, else ``None``."""
    if answer.status != 200:
        return None
    try:
        updated = orjson.loads(answer.body)["result"]["updated"]
    except (ValueError, TypeError, KeyError):
        return None
    return updated if type(updated) is int and updated >= 0 else None
