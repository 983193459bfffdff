"""What a run does while the service does not respond or throttles: it holds back requests, probes, and stops.

A row uses up an attempt if it fails while others get responses. If none does, the service is down: the row waits
aside, and one request at a time probes the service until it responds.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from airflow_provider_upstash_vector.bulk.sending import stop_reasons
from airflow_provider_upstash_vector.bulk.sending.measurement import Sent
from airflow_provider_upstash_vector.bulk.sending.request import RequestWindow
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason
from airflow_provider_upstash_vector.bulk.sending.throttle import Throttle
from airflow_provider_upstash_vector.client import AsyncVectorClient
from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    RateLimited,
    ResponseLost,
    ServerError,
    TransportError,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.models import IndexInfo
from airflow_provider_upstash_vector.client.wire import Call, info

NO_RESPONSE = (TransportError, ServerError)  # what an outage looks like
# After so many failed probes, ``info`` shows whether it is the service or the rows.
_ROW_PROBES = 3


class OutageGuard:
    """Acts on each response and failure; ``stop_for`` stops the run, ``stopped`` is set when it has."""

    def __init__(
        self,
        client: AsyncVectorClient,
        window: RequestWindow,
        throttle: Throttle,
        *,
        stop_for: Callable[[StopReason | None], None],
        stopped: asyncio.Event,
    ) -> None:
        self._client = client
        self._window = window
        self._throttle = throttle
        self._stop_for = stop_for
        self._stopped = stopped
        self._row_probes = _ROW_PROBES
        self._asking = asyncio.Lock()

    def probe_due(self, now: float) -> Call[IndexInfo] | None:
        """Return ``info`` if it is the next probe, instead of a row, which may be at fault itself.

        Other rows show more, as long as there are any: only writes may fail. But a long stretch of rows may be
        at fault, or one batch that takes too long, which no retry of the run would get past.
        """
        if not self._throttle.failed_probes:
            return None
        if self._throttle.seconds_down(now) >= self._client.policy.total_timeout_seconds / 2:
            return info()
        if self._throttle.failed_probes < self._row_probes:
            return None
        return info() if self._row_probes == 1 or self._window.only_aside else None

    def applied(self, request: Sent, now: float) -> None:
        """Act on a batch that was applied."""
        self.responded(request, now)
        self._row_probes = _ROW_PROBES

    def responded(self, request: Sent, now: float) -> None:
        """Act on a response other than 429."""
        self._throttle.responded(request, now)
        self._window.restore()

    def failed(self, error: UpstashVectorError, unproven_since: float, sent_at: float, now: float) -> bool:
        """Act on a request without a response; return whether the service is down, too long or not."""
        policy = self._client.policy
        left = policy.total_timeout_seconds - self._throttle.seconds_down(now)
        asked = error.retry_after or 0.0 if isinstance(error, ApiError) else 0.0
        wait = max(0.0, min(asked, policy.max_retry_after_seconds, left))
        down = self._throttle.failed(unproven_since, sent_at, wait, now, random.random())  # noqa: S311 - jitter
        seconds = self._throttle.seconds_down(now)
        probed = self._throttle.failed_probes > 1  # a single request may take longer than an outage may
        if down and probed and seconds >= policy.total_timeout_seconds:
            self._stop_for(stop_reasons.for_outage(error, seconds))
        return down

    def throttled(self, error: RateLimited, request: Sent, now: float) -> None:
        """Act on a 429."""
        self._throttle.throttled(request, error.retry_after, now, random.random())  # noqa: S311 - jitter
        self._window.restore()
        self._stop_for(
            stop_reasons.for_throttling(
                error,
                seconds_throttled=self._throttle.seconds_throttled(now),
                max_retry_after_seconds=self._client.policy.max_retry_after_seconds,
            )
        )

    async def probe(self, call: Call[IndexInfo]) -> UpstashVectorError | None:
        """Ask the service for something other than a row; return the error if it does not respond."""
        started = time.monotonic()
        request = self._throttle.sent(started, 0)
        sending = asyncio.ensure_future(
            self._client.send(call.path, call.body, self._client.policy.request_timeout_seconds)
        )
        stopping = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait({sending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                return ResponseLost("the run stopped before a response arrived")
            self._client.decode(call, sending.result())
        except NO_RESPONSE as error:
            self.failed(error, started, started, time.monotonic())
            return error
        except UpstashVectorError:
            pass
        finally:
            sending.cancel()
            stopping.cancel()
        self.responded(request, time.monotonic())
        self._row_probes = 1  # it is the rows, until one of them is applied
        return None

    async def never_responds(self) -> bool:
        """Return whether the service has responded to nothing in this run, not to ``info`` either; then stop."""
        if self._throttle.worked_at is None:
            async with self._asking:
                if self._throttle.worked_at is None and not self._stopped.is_set():
                    error = await self.probe(info())
                    if error is not None:
                        self._stop_for(stop_reasons.for_outage(error))
        return self._throttle.worked_at is None
