"""What both clients share: methods generated from calls of ``wire``, request counts, transport settings."""

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
    self_parameter = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__name__ = build.__name__
    method.__doc__ = build.__doc__
    method.__signature__ = signature.replace(  # type: ignore[attr-defined]  # functions take any attribute
        parameters=[self_parameter, *signature.parameters.values()]
    )
    return method


@dataclass(slots=True)
class RequestStats:
    """Counts of a client: requests, ``retries`` among them, their total time, and the time waited after a 429.

    Approximate if threads share the client.
    """

    requests: int = 0
    request_seconds: float = 0.0
    retries: int = 0
    throttled_seconds: float = 0.0

    def record_request(self, seconds: float, *, is_retry: bool) -> None:
        """Count a request that ended, in a response or an error, after ``seconds``."""
        self.requests += 1
        self.request_seconds += seconds
        self.retries += is_retry

    def record_wait(self, seconds: float, status: int | None) -> None:
        """Count a wait after a response with ``status``, or ``None`` if there was no response."""
        if status == 429:
            self.throttled_seconds += seconds


def transport_settings(endpoint: Endpoint, policy: RetryPolicy, max_connections: int) -> TransportSettings:
    """Return the settings of a transport. Raises :class:`InvalidEndpoint` for an unusable proxy."""
    proxy = environment_proxy(endpoint.url)
    return TransportSettings(
        base_url=endpoint.url,
        headers=wire.headers(endpoint.token.get_secret_value()),
        proxy=proxy,
        redactor=Redactor(endpoint.token.get_secret_value(), *(proxy.secrets if proxy else ())),
        connect_timeout_seconds=policy.connect_timeout_seconds,
        max_connections=max_connections,
    )
