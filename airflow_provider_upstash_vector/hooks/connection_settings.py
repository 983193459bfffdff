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
    extras = _extras(connection)
    return ConnectionSettings(
        endpoint=Endpoint.of(
            connection.host,
            connection.password,
            scheme=connection.schema if connection.schema in {"http", "https"} else "https",
            port=connection.port,  # Airflow's forms store an empty one as 0
            allow_http=_boolean(extras, "allow_http", default=False),
        ),
        namespace=_namespace(extras),
        policy=_policy(extras),
    )


def _extras(connection: AirflowConnection) -> dict[str, Any]:
    extras: object = connection.extra_dejson
    if not isinstance(extras, Mapping):
        raise InvalidEndpoint('The extras are not a JSON object: write {"namespace": "..."} or leave them empty.')
    # Forms send every extra field, as null where it was left empty, and Airflow 2 sends texts.
    return {str(name): value for name, value in extras.items() if value is not None}


def _namespace(extras: Mapping[str, Any]) -> str:
    value = extras.get("namespace", "")
    if isinstance(value, str) or type(value) is int:
        return str(value)
    # A URI connection on Airflow 3.1 and later has read 1.10 as a number: its text is lost.
    raise InvalidEndpoint(
        f'The extra "namespace" is {value!r}, not text: write it in quotes, in a JSON connection.'
    )


def _policy(extras: Mapping[str, Any]) -> RetryPolicy:
    default = RetryPolicy()
    timeout = _number(extras, "timeout", default.request_timeout_seconds, at_least=0.1)
    return RetryPolicy(
        max_attempts=_whole(extras, "max_attempts", default.max_attempts),
        request_timeout_seconds=timeout,
        connect_timeout_seconds=min(default.connect_timeout_seconds, timeout),
        total_timeout_seconds=max(default.total_timeout_seconds, timeout),
    )


def _number(extras: Mapping[str, Any], name: str, default: float, *, at_least: float) -> float:
    value = extras.get(name, default)
    if value == "":
        return float(default)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not (number >= at_least and math.isfinite(number)):
        raise InvalidEndpoint(f'The extra "{name}" is {value!r}: write a number of at least {at_least:g}.')
    return number


def _whole(extras: Mapping[str, Any], name: str, default: int) -> int:
    number = _number(extras, name, default, at_least=1)
    if not number.is_integer():
        raise InvalidEndpoint(f'The extra "{name}" is {extras[name]!r}: write a whole number.')
    return int(number)


def _boolean(extras: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = extras.get(name, default)
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise InvalidEndpoint(f'The extra "{name}" is {value!r}: write true or false.')
    return text in _TRUE
