"""What is sent again, when, and when to give up: one flow that drives every request of both clients.

The flow is a generator that does no I/O itself. It yields :class:`Send` or :class:`Wait`; whoever drives
it does that and sends back what came of it. Policy and flow take time and chance as arguments.
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
    """POST ``body`` to ``path`` and come back with the answer, or the error, within ``timeout_seconds``."""

    path: str
    body: bytes
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for ``seconds``."""

    seconds: float


# With less time than this left, another attempt would only replace the error by that of the time limit.
MIN_REQUEST_SECONDS = 0.1
_MAX_DOUBLINGS = 30

Outcome = wire.Response | UpstashVectorError | None
Clock = Callable[[], float]
Flow = Generator[Send | Wait, Outcome, T]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Limits of one call. Times are in seconds.

    The n-th wait is a random part (full jitter) of ``first_backoff_seconds`` doubled n-1 times, at most
    ``max_backoff_seconds``. A Retry-After is waited for on top.

    :param max_attempts: how often a request is sent at most.
    :param connect_timeout_seconds: for making a connection.
    :param request_timeout_seconds: for a request, each time, up to the end of its answer.
    :param total_timeout_seconds: for the call with all its waits.
    :param first_backoff_seconds: the most that is waited before the second attempt.
    :param max_backoff_seconds: the most that is waited before any attempt.
    :param max_retry_after_seconds: with a longer Retry-After, the error is raised.
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

        ``attempt`` counts from 1; ``chance`` is a random number from 0 to 1. What is not ``repeatable`` is sent
        again only where it was not carried out: no connection, or 429.
        """
        if not error.retryable or attempt >= self.max_attempts:
            return None
        if not (idempotent or isinstance(error, ConnectionFailed | RateLimited)):
            return None
        backoff = min(
            self.max_backoff_seconds, self.first_backoff_seconds * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS)
        )
        wait = backoff * random_value
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
    """Return the generator that carries a call, or step after step, through attempts to a result or an error.

    The policy's limits are those of each call. What a server says comes into an error through ``redactor``.
    """
    carry = partial(
        _carry, policy=policy, redactor=redactor, clock=clock, wall_clock=wall_clock, random_value=random_value
    )
    if isinstance(request, wire.Call):
        return (yield from carry(request))
    try:
        call = next(request)
        while True:
            call = request.send((yield from carry(call)))
    except UpstashVectorError as error:
        request.throw(error)  # raises it again, with what the step adds to it
        raise  # pragma: no cover - the line above has
    except StopIteration as end:
        return cast("T", end.value)


def _carry(
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
        if last is not None and left < MIN_REQUEST_SECONDS:  # it has waited for longer than it was to
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
        yield Wait(wait)


def _result(call: wire.Call[T], outcome: Outcome, now: float, redactor: Redactor) -> T:
    if isinstance(outcome, UpstashVectorError):
        raise outcome
    assert outcome is not None, "a Send is answered with its outcome"  # noqa: S101 - a driver's mistake
    return wire.decode(call, outcome, now, redactor)
