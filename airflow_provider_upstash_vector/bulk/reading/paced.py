"""The client of runs that read: its requests go as a throttle allows, and a 429 does not end them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from math import inf
from typing import Any, TypeVar

from airflow_provider_upstash_vector.bulk.sending import stop_reasons
from airflow_provider_upstash_vector.bulk.sending.measurement import Sent
from airflow_provider_upstash_vector.bulk.sending.throttle import Throttle
from airflow_provider_upstash_vector.cancellation import wait_at_most
from airflow_provider_upstash_vector.client import (
    AsyncVectorClient,
    Credentials,
    Endpoint,
    RetryPolicy,
    retry,
    wire,
)
from airflow_provider_upstash_vector.client.errors import RateLimited, ServerError, UpstashVectorError

T = TypeVar("T")

_ASK_AGAIN_SECONDS = 60.0  # a request in flight ends, or times out
_MANY_REFUSALS = 20  # of one request, which by chance are not refused for long
_MIN_SLOTS = 4  # latency rises with the size of pages too, not only in a queue


@dataclass(frozen=True, kw_only=True)
class _PacedPolicy(RetryPolicy):
    """Retries no 429: the throttle has given up on those that it is asked about."""

    def wait_after(self, error: UpstashVectorError, **known: Any) -> float | None:
        return None if isinstance(error, RateLimited) else super().wait_after(error, **known)


class PacedClient(AsyncVectorClient):
    """A client whose requests share one throttle, which finds how many may be in flight, and how many a second.

    A 429 holds them all, and uses up no attempt. It is raised if it asks for longer than the policy allows, or if
    there have been only 429s for ten minutes, also if only for one request. Other errors are retried as the policy
    says; time that a request waits for its turn does not count.
    """

    def __init__(
        self, endpoint: Endpoint | Credentials, *, policy: RetryPolicy | None = None, max_connections: int = 64
    ) -> None:
        paced = _PacedPolicy(**asdict(policy or RetryPolicy()))
        super().__init__(endpoint, policy=paced, max_connections=max_connections)
        self._throttle = Throttle(max_connections, None, min_slots=_MIN_SLOTS)
        self._in_flight = 0
        self._turn = asyncio.Lock()
        self._ended = asyncio.Event()

    async def run(self, request: wire.Call[T] | wire.CallSequence[T]) -> T:
        """Send a call, or each call of a sequence, when it is its turn; return the result."""
        waited = 0.0

        async def attempt(step: retry.Send, is_retry: bool) -> retry.Outcome:  # noqa: FBT001 - as Attempt
            nonlocal waited
            began, refusals = time.monotonic(), 0
            while True:
                async with self._slot() as sent:
                    outcome = await self._attempt(step, is_retry or refusals > 0)
                    outcome = self._learnt(sent, outcome, began if refusals >= _MANY_REFUSALS else inf)
                if outcome is not None:
                    waited += sent.at - began
                    return outcome
                refusals += 1

        return await self._drive(self.flow(request, clock=lambda: time.monotonic() - waited), attempt)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[Sent]:
        """Wait, in turn, until a request may go, which is in flight until the block ends."""
        async with self._turn:
            try:
                while (wait := self._throttle.wait_seconds(self._in_flight, time.monotonic())) != 0:
                    self._ended.clear()
                    await wait_at_most(self._ended, _ASK_AGAIN_SECONDS if wait is None else wait)
            finally:
                self.request_stats.throttled_seconds = self._throttle.held_seconds(time.monotonic())
            sent = self._throttle.sent(time.monotonic())
            self._in_flight += 1
        try:
            yield sent
        finally:
            self._in_flight -= 1
            self._ended.set()

    def _learnt(self, sent: Sent, outcome: retry.Outcome, refused_since: float) -> retry.Outcome:
        """Tell the throttle; return what came of a request, ``None`` to send it again after a 429.

        ``refused_since`` is when a request came that alone may be refused, while others are accepted.
        """
        if not isinstance(outcome, wire.Response):
            return outcome
        error = wire.api_error(outcome, time.time(), self._settings.redactor) if outcome.status >= 400 else None
        now = time.monotonic()
        if not isinstance(error, RateLimited):
            if not isinstance(error, ServerError):
                self._throttle.responded(sent, now)
            return outcome
        self._throttle.throttled(sent, error.retry_after, now, random.random())  # noqa: S311 - jitter
        stop_reason = stop_reasons.for_throttling(
            error,
            seconds_throttled=max(self._throttle.seconds_throttled(now), now - refused_since),
            max_retry_after_seconds=self.policy.max_retry_after_seconds,
        )
        if stop_reason is None:
            return None
        error.hint = stop_reason.explanation
        return error
