"""Retry policy, and the flow that drives every request of both clients.

The flow is a generator without I/O: it yields :class:`Send` or :class:`Wait`, and its driver sends back the
outcome. Clocks and random values are arguments.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast

from airflow_provider_upstash_vector.client import wire
from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    ConnectionFailed,
    RateLimited,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.redaction import Redactor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send:
    """POST ``body`` to ``path``; the outcome is the response or the error, within ``timeout_seconds``."""

    path: str
    body: bytes
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for ``seconds``; the outcome is ``None``, or the error if that was cancelled."""

    seconds: float


# With less time left, another attempt would only replace the error with a timeout.
MIN_REQUEST_SECONDS = 0.1
_MAX_DOUBLINGS = 30

Outcome = wire.Response | UpstashVectorError | None
Clock = Callable[[], float]
Flow = Generator[Send | Wait, Outcome, T]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Limits of one call. Times are in seconds.

    The n-th wait is a random part (full jitter) of ``first_backoff_seconds`` doubled n-1 times, at most
    ``max_backoff_seconds``. A Retry-After is added to it.

    :param max_attempts: maximum number of times that a request is sent.
    :param connect_timeout_seconds: for establishing a connection.
    :param request_timeout_seconds: for each attempt, up to the end of the response.
    :param total_timeout_seconds: for the call with all attempts and waits.
    :param first_backoff_seconds: upper bound of the wait before the second attempt.
    :param max_backoff_seconds: upper bound of the wait before any attempt.
    :param max_retry_after_seconds: a longer Retry-After is not waited for; the error is raised.
    """

    max_attempts: int = 5
    connect_timeout_seconds: float = 10.0
    request_timeout_seconds: float = 30.0
    total_timeout_seconds: float = 300.0
    first_backoff_seconds: float = 0.5
    max_backoff_seconds: float = 8.0
    max_retry_after_seconds: float = 120.0

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts must be at least 1, got {self.max_attempts}")
        for name in ("connect_timeout_seconds", "request_timeout_seconds", "total_timeout_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be more than 0, got {getattr(self, name)}")

    def backoff_seconds(self, attempt: int, random_value: float) -> float:
        """Return the wait after an ``attempt``, counted from 1; ``random_value`` is from 0 to 1."""
        backoff = self.first_backoff_seconds * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS)
        return min(self.max_backoff_seconds, backoff) * random_value

    def wait_after(
        self,
        error: UpstashVectorError,
        *,
        attempt: int,
        elapsed_seconds: float,
        random_value: float,
        idempotent: bool = True,
    ) -> float | None:
        """Return the seconds to wait before the next attempt, or ``None`` to raise ``error``.

        ``attempt`` counts from 1; ``random_value`` is from 0 to 1. A request that is not ``idempotent`` is retried
        only if it cannot have been applied: without a connection, or throttled with 429.
        """
        if not error.retryable or attempt >= self.max_attempts:
            return None
        if not (idempotent or isinstance(error, ConnectionFailed | RateLimited)):
            return None
        wait = self.backoff_seconds(attempt, random_value)
        if isinstance(error, ApiError) and error.retry_after is not None:
            if error.retry_after > self.max_retry_after_seconds:
                return None
            wait += error.retry_after
        left = self.total_timeout_seconds - elapsed_seconds - wait
        return wait if left >= MIN_REQUEST_SECONDS else None


def flow(
    request: wire.Call[T] | wire.CallSequence[T],
    policy: RetryPolicy,
    redactor: Redactor,
    *,
    clock: Clock = time.monotonic,
    wall_clock: Clock = time.time,
    random_value: Callable[[], float] = random.random,
) -> Flow[T]:
    """Return the generator that drives a call, or each call of a sequence, to a result or an error.

    The policy's limits apply to each call. ``redactor`` removes secrets from the text of servers in errors.
    """
    drive = partial(
        _drive, policy=policy, redactor=redactor, clock=clock, wall_clock=wall_clock, random_value=random_value
    )
    if isinstance(request, wire.Call):
        return (yield from drive(request))
    try:
        call = next(request)
        while True:
            try:
                result = yield from drive(call)
            except UpstashVectorError as error:  # noqa: PERF203 - each call may fail
                call = request.throw(error)  # raises it again, or yields the next call
            else:
                call = request.send(result)
    except StopIteration as end:
        return cast("T", end.value)


def _drive(
    call: wire.Call[T],
    *,
    policy: RetryPolicy,
    redactor: Redactor,
    clock: Clock,
    wall_clock: Clock,
    random_value: Callable[[], float],
) -> Flow[T]:
    started = clock()
    attempt = 0
    last: UpstashVectorError | None = None
    while True:
        attempt += 1
        left = policy.total_timeout_seconds - (clock() - started)
        if last is not None and left < MIN_REQUEST_SECONDS:  # the wait took longer than planned
            raise last
        outcome = yield Send(call.path, call.body, min(policy.request_timeout_seconds, left))
        try:
            return _result(call, outcome, wall_clock(), redactor)
        except UpstashVectorError as error:
            error.add_context(call=call.name, namespace=call.namespace, id=call.id, attempts=attempt)
            wait = policy.wait_after(
                error,
                attempt=attempt,
                elapsed_seconds=clock() - started,
                random_value=random_value(),
                idempotent=call.idempotent,
            )
            if wait is None:
                raise
            last = error
        cancelled = yield Wait(wait)
        if isinstance(cancelled, UpstashVectorError):
            cancelled.add_context(call=call.name, namespace=call.namespace, id=call.id, attempts=attempt)
            raise cancelled


def _result(call: wire.Call[T], outcome: Outcome, now: float, redactor: Redactor) -> T:
    if isinstance(outcome, UpstashVectorError):
        raise outcome
    assert outcome is not None, "the outcome of a Send is missing"  # noqa: S101 - a bug of the driver
    return wire.decode(call, outcome, now, redactor)
