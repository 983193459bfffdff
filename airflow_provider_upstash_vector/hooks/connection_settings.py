"""Reads an Airflow connection into endpoint, default namespace and limits, and masks its token in logs."""

from __future__ import annotations

import base64
import math
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_upstash_vector.client.errors import InvalidEndpoint, InvalidRequest, UpstashVectorError
from airflow_provider_upstash_vector.client.models import Endpoint
from airflow_provider_upstash_vector.client.redaction import hiding_frames
from airflow_provider_upstash_vector.client.retry import RetryPolicy
from airflow_provider_upstash_vector.client.validation import identifier
from airflow_provider_upstash_vector.hooks.connection_extras import ConnectionWithExtras, read_extras
from airflow_provider_upstash_vector.hooks.connection_form import hint
from airflow_provider_upstash_vector.provider_info import CONN_TYPE

try:
    from airflow.sdk.log import mask_secret
except ImportError:  # Airflow 2
    from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[import-not-found,no-redef]

# Masking a shorter token would also hide ordinary text; Airflow warns of it.
_MIN_MASKED_CHARS = 6
_TRUE, _FALSE = {"true", "t", "yes", "y", "on", "1"}, {"false", "f", "no", "n", "off", "0", ""}


class AirflowConnection(ConnectionWithExtras, Protocol):
    """The part of Airflow's ``Connection`` that this module uses."""

    conn_type: str | None
    host: str | None
    port: int | None
    schema: str | None
    password: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """The settings of a connection."""

    endpoint: Endpoint
    namespace: str
    policy: RetryPolicy


@hiding_frames
def read_connection(connection: AirflowConnection) -> ConnectionSettings:
    """Return the settings of an Airflow connection, whether defined by form, JSON or URI.

    Raises :class:`InvalidEndpoint`, which says what to do, also for a connection of another type.
    """
    _check_type(connection.conn_type)
    extras = read_extras(connection)
    settings = ConnectionSettings(
        endpoint=Endpoint.of(
            connection.host,
            connection.password,
            scheme=connection.schema if connection.schema in {"http", "https"} else "https",
            port=connection.port,  # Airflow's forms store an empty port as 0
            allow_http=_boolean(extras, "allow_http", default=False),
        ),
        namespace=_namespace(extras),
        policy=_policy(extras),
    )
    _mask_token(settings.endpoint.token.get_secret_value())
    return settings


@contextmanager
def naming_connection(conn_id: str) -> Iterator[None]:
    """Add to errors that the connection may cause its id and what to do.

    Raises :class:`InvalidEndpoint` if Airflow has no such connection.
    """
    try:
        yield
    except UpstashVectorError as error:
        error.hint = error.hint or hint(error, conn_id)
        raise
    except AirflowNotFoundException:
        raise InvalidEndpoint(
            f"There is no Airflow connection {conn_id!r}. Add it under Admin, Connections, or with: airflow "
            f"connections add {shlex.quote(conn_id)} --conn-type {CONN_TYPE} --conn-port 443 "
            "--conn-host https://my-index-vector.upstash.io --conn-password TOKEN"
        ) from None


def _check_type(conn_type: str | None) -> None:
    """Raise :class:`InvalidEndpoint` for another type: the password is that of another service.

    A ``generic`` connection may be of any service. JSON and URIs without a type give ``None`` and ``""``.
    """
    if (conn_type or CONN_TYPE).replace("-", "_") != CONN_TYPE:
        raise InvalidEndpoint(
            f"The connection is of the type {conn_type!r}, not {CONN_TYPE}, so its password is not sent as a "
            f"token: use another connection, or set the type to {CONN_TYPE} if it is that of an index."
        )


def _mask_token(token: str) -> None:
    """Mask a token in logs and rendered fields, also in the encodings in which HTTP sends it."""
    if len(token) >= _MIN_MASKED_CHARS:
        encoded = (base64.b64encode(text.encode()).decode().rstrip("=") for text in (token, f"Bearer {token}"))
        spellings: Any = [token, quote(token, safe=""), *encoded]  # Any: a list[str] is not a list[JsonValue]
        mask_secret(spellings)


def _namespace(extras: Mapping[str, Any]) -> str:
    value = extras.get("namespace", "")
    try:
        return identifier(value, "namespace")
    except InvalidRequest:
        # Airflow 3.1 and later reads 1.10 in a URI connection as a number: its text is lost.
        raise InvalidEndpoint(
            f'The extra "namespace" is {value!r}, not text: write it in quotes, and the connection as JSON.'
        ) from None


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
