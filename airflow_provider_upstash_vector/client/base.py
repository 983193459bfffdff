"""Turns the calls of ``wire`` into methods, so that signature and docstring of each call stand once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from airflow_provider_upstash_vector.client import wire
from airflow_provider_upstash_vector.client.models import Endpoint
from airflow_provider_upstash_vector.client.proxies import environment_proxy
from airflow_provider_upstash_vector.client.redaction import Redactor
from airflow_provider_upstash_vector.client.retry import RetryPolicy
from airflow_provider_upstash_vector.client.transports.base import TransportSettings

Method = TypeVar("Method", bound=Callable[..., Any])


def named_after(build: Callable[..., Any], method: Method) -> Method:
    """Give ``method`` the name, docstring and parameters of the function that builds its call."""
    signature = inspect.signature(build)
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__name__ = build.__name__
    method.__doc__ = build.__doc__
    method.__signature__ = signature.replace(  # type: ignore[attr-defined]  # functions take any attribute
        parameters=[this, *signature.parameters.values()]
    )
    return method


@dataclass(slots=True)
class RequestStats:
    """Requests, and the seconds they took in all; ``retries`` are those among them that were sent again.

    ``throttled_seconds`` is the time waited after a 429. Threads that share a client may lose a count.
    """

    requests: int = 0
    request_seconds: float = 0.0
    retries: int = 0
    throttled_seconds: float = 0.0

    def sent(self, seconds: float, *, again: bool) -> None:
        """Note a request and how long its answer, or its error, took."""
        self.requests += 1
        self.request_seconds += seconds
        self.retries += again

    def waited(self, seconds: float, status: int | None) -> None:
        """Note a wait after an answer with ``status``, or after none."""
        if status == 429:
            self.throttled_seconds += seconds


def engine_settings(endpoint: Endpoint, policy: RetryPolicy, max_connections: int) -> TransportSettings:
    """Return the settings; raises :class:`InvalidEndpoint` for a proxy that cannot be used."""
    proxy = environment_proxy(endpoint.url)
    return TransportSettings(
        base_url=endpoint.url,
        headers=wire.headers(endpoint.token.get_secret_value()),
        proxy=proxy,
        redactor=Redactor(endpoint.token.get_secret_value(), *(proxy.secrets if proxy else ())),
        connect_timeout_seconds=policy.connect_timeout_seconds,
        max_connections=max_connections,
    )
