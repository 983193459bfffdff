"""An Airflow connection, read: endpoint, default namespace, limits. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from airflow_provider_upstash_vector.client.errors import InvalidEndpoint
from airflow_provider_upstash_vector.client.models import Endpoint
from airflow_provider_upstash_vector.client.retry import RetryPolicy

_TRUE, _FALSE = {"true", "t", "yes", "y", "on", "1"}, {"false", "f", "no", "n", "off", "0", ""}


class AirflowConnection(Protocol):
    """The part of Airflow's ``Connection`` that is read."""

    host: str | None
    port: int | None
    schema: str | None
    password: str | None

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """The extras."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """What a connection says."""

    endpoint: Endpoint
    namespace: str
    policy: RetryPolicy


def read_connection(connection: AirflowConnection) -> ConnectionSettings:
    """Return the settings of an Airflow connection, whichever of its forms it was written in.

    Raises :class:`InvalidEndpoint` with one sentence that says what to do.
    """
    # Forms send every extra field, as null where it was left empty, and Airflow 2 sends texts.
    extras = {name: value for name, value in connection.extra_dejson.items() if value is not None}
    return ConnectionSettings(
        endpoint=Endpoint.of(
            _url(connection), connection.password, allow_http=_boolean(extras, "allow_http", default=False)
        ),
        namespace=str(extras.get("namespace", "")),
        policy=_policy(extras),
    )


def _url(connection: AirflowConnection) -> str | None:
    host = connection.host
    if host and "://" not in host and connection.schema in {"http", "https"}:
        host = f"{connection.schema}://{host}"
    if not host or not connection.port:  # Airflow's forms store an empty port as 0
        return host
    base = host.strip().rstrip("/")
    return base if base.endswith(f":{connection.port}") else f"{base}:{connection.port}"


def _policy(extras: Mapping[str, Any]) -> RetryPolicy:
    default = RetryPolicy()
    timeout = _number(extras, "timeout", default.request_timeout_seconds, at_least=0.1)
    return RetryPolicy(
        max_attempts=int(_number(extras, "max_attempts", default.max_attempts, at_least=1)),
        request_timeout_seconds=timeout,
        connect_timeout_seconds=min(default.connect_timeout_seconds, timeout),
        total_timeout_seconds=max(default.total_timeout_seconds, timeout),
    )


def _number(extras: Mapping[str, Any], name: str, default: float, *, at_least: float) -> float:
    value = extras.get(name, default)
    if value == "":
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (number >= at_least and math.isfinite(number)):
        raise InvalidEndpoint(f'The extra "{name}" is {value!r}: write a number of at least {at_least:g}.')
    return number


def _boolean(extras: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = extras.get(name, default)
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise InvalidEndpoint(f'The extra "{name}" is {value!r}: write true or false.')
    return text in _TRUE
