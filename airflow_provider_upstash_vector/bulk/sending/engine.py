"""The loop that sends the rows that ``window`` and ``throttle`` allow.

``concurrency`` workers take rows in turn. A worker that may take none waits in the queue until it is woken.
Memory: the rows in flight, those that wait in the window, within its limits of rows and bytes, and the outcomes
of rows that are completed before one read earlier.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import orjson

from airflow_provider_upstash_vector.bulk.sending import stop_reasons
from airflow_provider_upstash_vector.bulk.sending.outages import NO_RESPONSE, OutageGuard
from airflow_provider_upstash_vector.bulk.sending.overwrite_check import OverwriteCheck
from airflow_provider_upstash_vector.bulk.sending.reader import RowReader
from airflow_provider_upstash_vector.bulk.sending.request import RowRequest
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason
from airflow_provider_upstash_vector.bulk.sending.throttle import Throttle
from airflow_provider_upstash_vector.bulk.sending.wait_queue import WorkerWaitQueue
from airflow_provider_upstash_vector.bulk.sending.window import Window
from airflow_provider_upstash_vector.bulk.tracking.budget import ReservedBudget
from airflow_provider_upstash_vector.bulk.tracking.recorder import OutcomeRecorder
from airflow_provider_upstash_vector.client import AsyncVectorClient
from airflow_provider_upstash_vector.client.errors import (
    RateLimited,
    ResponseLost,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.models import IndexInfo
from airflow_provider_upstash_vector.client.wire import Call, Response

# What remains of the five seconds that Airflow gives a task to stop, after up to 2 for saving and counting.
STOP_SECONDS = 2.5
_POLL_SECONDS = 0.25


class Engine:
    """Sends the rows of a reader and records their outcomes; its public attributes are read by the monitor."""

    def __init__(
        self,
        client: AsyncVectorClient,
        *,
        reader: RowReader,
        wait_queue: WorkerWaitQueue,
        window: Window[RowRequest],
        throttle: Throttle,
        budget: ReservedBudget,
        recorder: OutcomeRecorder,
        overwrite_check: OverwriteCheck | None,
        concurrency: int,
    ) -> None:
        self._client = client
        self._reader = reader
        self.wait_queue = wait_queue
        self.window = window
        self.throttle = throttle
        self.budget = budget
        self.recorder = recorder
        self._overwrite_check = overwrite_check
        self._concurrency = concurrency
        self._paused = 0
        self._stopped = asyncio.Event()
        self._outages = OutageGuard(client, window, throttle, stop_for=self._stop_for, stopped=self._stopped)
        self._crash: BaseException | None = None
        self._drain_until = 0.0
        self._send_request = client.send
        self.retries = 0
        self.bytes_sent = 0
        self.requests = 0
        self.request_seconds = 0.0
        self.stop_reason: StopReason | None = None

    @property
    def reading_waits(self) -> bool:
        """Whether no row is read until the first one that is not completed is."""
        return not self._reader.ended and self.window.waits_for(
            self.recorder.tracker.watermark, self._reader.next_number
        )

    async def run(self) -> None:
        """Send rows until none are left or the run stops; nothing is in flight afterwards."""
        workers = [asyncio.create_task(self._work()) for _ in range(self._concurrency)]
        try:
            pending = {*workers}
            stopping = asyncio.create_task(self._stopped.wait())
            while pending and not stopping.done():
                done, _ = await asyncio.wait({*pending, stopping}, return_when=asyncio.FIRST_COMPLETED)
                pending -= done
            while pending and time.monotonic() < self._drain_until:
                _, pending = await asyncio.wait(pending, timeout=_POLL_SECONDS)
        finally:
            stopping.cancel()
            for worker in workers:
                worker.cancel()
            await asyncio.wait(workers)
            self.wait_queue.close()
        down = self.stop_reason is not None and self.stop_reason.reason == "service_unavailable"
        for request in self.window.drain():
            if request.error is not None and not down:  # it was sent and may have been applied
                self.recorder.fail_unsettled(request.row, request.error)
        if self._crash is not None:
            raise self._crash

    def stop(self, stop_reason: StopReason, *, drain_seconds: float = STOP_SECONDS) -> None:
        """Send no more; requests in flight have ``drain_seconds`` left, which a later call can only shorten."""
        until = time.monotonic() + drain_seconds
        self._drain_until = min(self._drain_until, until) if self.stop_reason else until
        if self.stop_reason is None:
            self.stop_reason = stop_reason
            self._stopped.set()
            self._reader.end()
            self.wait_queue.wake_all()

    async def _work(self) -> None:
        try:
            while self.stop_reason is None:
                request = self._take()
                if request is not None:
                    self.wait_queue.wake()
                    await (
                        self._send(request) if isinstance(request, RowRequest) else self._outages.probe(request)
                    )
                elif self.stop_reason is not None or (self._reader.ended and not self.window.unsettled):
                    break  # a worker that stops the run itself has woken only the others
                else:
                    await self.wait_queue.wait()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - raised by run, once the others have ended
            self._crash = self._crash or error
            self.stop(stop_reasons.for_crash(error))
        self.wait_queue.wake()

    def _take(self) -> RowRequest | Call[IndexInfo] | None:
        """Return a row to send, or ``info`` as a probe."""
        now = time.monotonic()
        wait = self.throttle.wait_seconds(self.window.in_flight - self._paused, now)
        if wait != 0:
            if wait is not None:
                self.wait_queue.wake_after(wait)
            return None
        self._fill()
        if self.stop_reason is not None or not self.window.has_ready:
            return None
        if probe := self._outages.probe_due(now):
            self.throttle.sent()
            return probe
        if not self.budget.left(time.time()):
            self._stop_for(stop_reasons.for_budget(self.budget.requests))
            return None
        if not self.budget.reserved(self.wait_queue.wake):
            return None
        self.throttle.sent()
        self.budget.spend()
        return self.window.take()

    def _fill(self) -> None:
        self._stop_for(self._reader.fill(self.window, self.recorder))
        if self._reader.has_more_at_once:
            self.wait_queue.wake_soon()

    async def _send(self, request: RowRequest) -> None:
        if self._overwrite_check is not None and not self._overwrite_check.done:
            await self._overwrite_check.before(request.encoded)
        epoch = self.throttle.epoch
        if request.sends:
            self.retries += 1
        request.sends += 1
        self.bytes_sent += len(request.body)
        self.requests += 1
        started = time.monotonic()
        request.unproven_since = request.unproven_since or started
        self.recorder.sent(self.retries, self.bytes_sent, started)
        try:
            response = await self._send_request(request.path, request.body, request.timeout_seconds)
        except UpstashVectorError as error:
            self.request_seconds += time.monotonic() - started
            await self._after_error(request, error, epoch, started)
            return
        except asyncio.CancelledError:
            self.window.settle(request)
            self.recorder.fail_unsettled(request.row, ResponseLost("the run stopped before a response arrived"))
            raise
        now = time.monotonic()
        self.request_seconds += now - started
        updated = _updated(response)
        if updated is None:
            try:
                updated = self._client.decode(request.call(), response)
            except UpstashVectorError as error:
                await self._after_error(request, error, epoch, started)
                return
        self._outages.updated(epoch, now)
        self.window.settle(request)
        if updated:
            self.recorder.updated(request.number, request.encoded.namespace)
        elif self.recorder.missing(request.row, request.encoded.id, request.encoded.namespace):
            self._stop_for(stop_reasons.for_failures(self.recorder))

    async def _after_error(
        self, request: RowRequest, error: UpstashVectorError, epoch: int, sent_at: float
    ) -> None:
        now = time.monotonic()
        if isinstance(error, RateLimited):
            self._outages.throttled(error, epoch, now)
            request.unproven_since = 0.0
            self.window.put_back(request)
            return
        if not isinstance(error, NO_RESPONSE):
            self._outages.responded(epoch, now)
        elif self._outages.failed(error, request.unproven_since, sent_at, now):
            request.error = error
            self.window.put_aside(request)
            return
        request.unproven_since = now
        try:
            wait = request.wait_after(error, self._client, self._unheld_clock)
            await self._pause(wait)
            request.after_wait()
        except UpstashVectorError as last:
            await self._give_up(request, last)
        else:
            self.window.put_back(request)

    async def _give_up(self, request: RowRequest, error: UpstashVectorError) -> None:
        if isinstance(error, NO_RESPONSE) and await self._outages.never_responds():
            self.window.put_aside(request)  # not attempted
            return
        self.window.settle(request)
        stop_reason = stop_reasons.for_error(error)
        if stop_reason is None:
            if self.recorder.failed(request.row, error):
                self._stop_for(stop_reasons.for_failures(self.recorder))
            return
        if stop_reason.reason == "error":  # one for the daily quota or a rotated token was not attempted
            self.recorder.fail_unsettled(request.row, error)
        self._stop_for(stop_reason)

    def _stop_for(self, stop_reason: StopReason | None) -> None:
        """Stop if there is a reason to, with time for requests in flight to complete."""
        if stop_reason is not None:
            self.stop(stop_reason, drain_seconds=self._client.policy.request_timeout_seconds)

    async def _pause(self, seconds: float) -> None:
        self._paused += 1
        self.wait_queue.wake()
        try:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), seconds)
        finally:
            self._paused -= 1

    def _unheld_clock(self) -> float:
        now = time.monotonic()
        return now - self.throttle.held_seconds(now)


def _updated(response: Response) -> int | None:
    """Return the count in a documented response, ``None`` for any other."""
    if response.status != 200:
        return None
    try:
        updated = orjson.loads(response.body)["result"]["updated"]
    except (ValueError, TypeError, KeyError):
        return None
    return updated if type(updated) is int and updated >= 0 else None
