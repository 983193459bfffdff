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

from airflow_provider_upstash_vector.bulk.sending import stop_reasons
from airflow_provider_upstash_vector.bulk.sending.limits import DailyBudget
from airflow_provider_upstash_vector.bulk.sending.reader import RowReader
from airflow_provider_upstash_vector.bulk.sending.request import RowRequest
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason
from airflow_provider_upstash_vector.bulk.sending.throttle import Throttle
from airflow_provider_upstash_vector.bulk.sending.wait_queue import WorkerWaitQueue
from airflow_provider_upstash_vector.bulk.sending.window import Window
from airflow_provider_upstash_vector.bulk.tracking.recorder import OutcomeRecorder
from airflow_provider_upstash_vector.client import AsyncVectorClient
from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    RateLimited,
    ResponseLost,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.wire import Response

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
        reader: RowReader,
        wait_queue: WorkerWaitQueue,
        window: Window[RowRequest],
        throttle: Throttle,
        budget: DailyBudget,
        recorder: OutcomeRecorder,
        concurrency: int,
    ) -> None:
        self._client = client
        self._reader = reader
        self.wait_queue = wait_queue
        self.window = window
        self.throttle = throttle
        self.budget = budget
        self.recorder = recorder
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
        self.stop_reason: StopReason | None = None

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
            self.wait_queue.close()
        for request in self.window.drain():
            if request.error is not None:  # it was sent, and may have landed
                self.recorder.fail_unsettled(request.row, request.error)
        if self._crash is not None:
            raise self._crash

    def stop(self, stop_reason: StopReason, *, drain_seconds: float = STOP_SECONDS) -> None:
        """Send no more; requests in flight have ``drain_seconds`` to be answered, the least that was given."""
        until = time.monotonic() + drain_seconds
        self._drain_until = min(self._drain_until, until) if self.stop_reason else until
        if self.stop_reason is None:
            self.stop_reason = stop_reason
            self._halted.set()
            self._reader.end()
            self.wait_queue.wake_all()

    async def _work(self) -> None:
        try:
            while self.stop_reason is None:
                request = self._take()
                if request is not None:
                    self.wait_queue.wake()
                    await self._send(request)
                elif self.stop_reason is not None or (self._reader.ended and not self.window.unsettled):
                    break  # a worker that halts the run itself has woken only the others
                else:
                    await self.wait_queue.wait()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - raised by run, once the others have ended
            self._crash = self._crash or error
            self.stop(stop_reasons.for_crash(error))
        self.wait_queue.wake()

    def _take(self) -> RowRequest | None:
        now = time.monotonic()
        wait = self.throttle.wait_seconds(self.window.in_flight, now)
        if wait is None:
            return None
        if wait > 0:
            self.wait_queue.wake_after(wait)
            return None
        self._fill()
        if self.stop_reason is not None or not self.window.has_ready:
            return None
        if not self.budget.left(time.time()):
            self._stop_for(stop_reasons.for_budget(self.budget.requests))
            return None
        self.throttle.sent()
        self.budget.spend()
        return self.window.take()

    def _fill(self) -> None:
        stop_reason = self._reader.fill(self.window, self.recorder)
        self._stop_for(stop_reason)
        if self._reader.has_more_at_once:
            self.wait_queue.wake_soon()

    async def _send(self, request: RowRequest) -> None:
        epoch = self.throttle.epoch
        if request.sends:
            self.retries += 1
        request.sends += 1
        self.bytes_sent += len(request.body)
        self.requests += 1
        started = time.monotonic()
        try:
            response = await self._send_request(request.path, request.body, request.timeout_seconds)
        except UpstashVectorError as error:
            self.request_seconds += time.monotonic() - started
            await self._after_error(request, error, epoch)
            return
        except asyncio.CancelledError:
            self.window.settle(request)
            self.recorder.fail_unsettled(request.row, ResponseLost("the run was stopped before the answer came"))
            raise
        self.request_seconds += time.monotonic() - started
        updated = _updated(response)
        if updated is None:
            try:
                updated = self._client.decode(request.call(), response)
            except UpstashVectorError as error:
                await self._after_error(request, error, epoch)
                return
        self.throttle.answered(epoch)
        self.answered += 1
        self.window.settle(request)
        if updated:
            self.recorder.updated(request.number, request.encoded.namespace)
        elif self.recorder.missing(request.row, request.encoded.id):
            self._stop_for(stop_reasons.for_failures(self.recorder.failures))

    async def _after_error(self, request: RowRequest, error: UpstashVectorError, epoch: int) -> None:
        if isinstance(error, RateLimited):
            self._refused(request, error, epoch)
            return
        if isinstance(error, ApiError):
            self.throttle.answered(epoch)
        try:
            wait = request.wait_after(error, self._client, self._unheld_clock)
            await self._pause(wait)
            request.after_wait()
        except UpstashVectorError as last:
            self.window.settle(request)
            self._give_up(request, last)
        else:
            self.window.put_back(request)

    def _refused(self, request: RowRequest, error: RateLimited, epoch: int) -> None:
        now = time.monotonic()
        self.throttle.refused(epoch, error.retry_after, now, random.random())  # noqa: S311 - jitter
        self.window.put_back(request)
        self._stop_for(
            stop_reasons.for_refusal(
                error,
                seconds_refused=self.throttle.seconds_refused(now),
                max_retry_after_seconds=self._client.policy.max_retry_after_seconds,
            )
        )

    def _give_up(self, request: RowRequest, error: UpstashVectorError) -> None:
        stop_reason = stop_reasons.for_error(error, answered=self.answered)
        if stop_reason is None:
            if self.recorder.failed(request.row, error):
                self._stop_for(stop_reasons.for_failures(self.recorder.failures))
            return
        if stop_reason.reason == "error":  # a row refused for its quota was not even tried
            self.recorder.fail_unsettled(request.row, error)
        self._stop_for(stop_reason)

    def _stop_for(self, stop_reason: StopReason | None) -> None:
        """Stop where there is a reason to, with time for requests in flight to be answered."""
        if stop_reason is not None:
            self.stop(stop_reason, drain_seconds=self._client.policy.request_timeout_seconds)

    async def _pause(self, seconds: float) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._halted.wait(), seconds)

    def _unheld_clock(self) -> float:
        now = time.monotonic()
        return now - self.throttle.held_seconds(now)


def _updated(response: Response) -> int | None:
    """Return the count of an answer that is as documented, else ``None``."""
    if response.status != 200:
        return None
    try:
        updated = orjson.loads(response.body)["result"]["updated"]
    except (ValueError, TypeError, KeyError):
        return None
    return updated if type(updated) is int and updated >= 0 else None
