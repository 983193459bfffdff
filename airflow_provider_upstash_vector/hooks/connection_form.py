"""The connection form of Airflow 2.11 to 3.1, and the messages of the Test button in every version.

The texts of the form are in ``provider_info``, from which later versions build it.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    ConnectionFailed,
    InvalidEndpoint,
    InvalidResponse,
    NotFound,
    QuotaExceeded,
    RateLimited,
    ResponseTimeout,
    ServerError,
    TokenRejected,
    TransportError,
    Unauthorized,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.models import IndexInfo
from airflow_provider_upstash_vector.client.redaction import printable
from airflow_provider_upstash_vector.plurals import plural
from airflow_provider_upstash_vector.provider_info import CONNECTION_FIELDS, UI_FIELD_BEHAVIOUR

_SHOWN_NAMESPACES = 5
_CONNECT_ADVICE = {
    "dns": "the host name cannot be resolved; compare the REST URL with the index's Connect tab",
    "certificate": "the certificate is not trusted; check the REST URL, or set SSL_CERT_FILE to your proxy's CA",
    "plain_http": "the server or proxy speaks plain HTTP, not TLS; write http:// in its URL, or correct the port",
    "tls": "the TLS handshake failed; check host and port of the REST URL and, if there is one, the proxy",
    "refused": "connection refused; check host and port of the REST URL and, if there is one, the proxy",
    "timeout": "the connection timed out; check the REST URL and any firewall in between",
    "other": "check the REST URL and, if there is one, the proxy",
}


def widgets() -> dict[str, Any]:
    """Return the fields of the extras; none if wtforms is not installed, as in an Airflow without forms."""
    try:
        # Only wtforms: Airflow 3.0 without FAB drops the form at any other import.
        from wtforms import BooleanField, IntegerField, StringField  # type: ignore[import-untyped]  # noqa: PLC0415 - see above
    except ImportError:
        return {}
    kinds = {"string": StringField, "number": IntegerField, "integer": IntegerField, "boolean": BooleanField}
    return {
        name: kinds[field["schema"]["type"][0]](
            field["label"], description=field["description"], default=field["schema"].get("default")
        )
        for name, field in CONNECTION_FIELDS.items()
    }


def field_behaviour() -> dict[str, Any]:
    """Return the hidden standard fields, and the labels of the others."""
    return {name.replace("-", "_"): value for name, value in UI_FIELD_BEHAVIOUR.items()}


def describe_index(info: IndexInfo) -> str:
    """Return type, size and namespaces of an index in one line."""
    kind = f"{info.index_type} index"
    if info.index_type != "SPARSE":
        kind += f" of {plural(info.dimension, 'dimension')} ({info.similarity_function})"
    names = [name or "(default)" for name in sorted(info.namespaces)]
    more = len(names) - _SHOWN_NAMESPACES
    listed = ", ".join(names[:_SHOWN_NAMESPACES]) + (f" and {more} more" if more > 0 else "")
    counts = f"{plural(info.vector_count, 'vector')}, {plural(len(names), 'namespace')}"
    return printable(f"{kind}, {counts}: {listed}")


def explain(error: UpstashVectorError) -> str:
    """Return why a connection does not work and what to do."""
    if isinstance(error, InvalidEndpoint):
        return error.message
    return f"{error.message[:1].upper()}{error.message[1:]}: {_advice(error)}."


def hint(error: BaseException | None, conn_id: str) -> str | None:
    """Return what to do about an error that the connection may cause, in a run its cause, and in which one.

    ``None`` for any other, also for one that has a hint already: of another index.
    """
    if isinstance(error, UpstashVectorError) and error.hint is not None:
        return None
    if isinstance(error, InvalidEndpoint | TokenRejected):  # they say what to do
        return f"Airflow connection {conn_id!r}"
    if isinstance(error, ConnectionFailed | Unauthorized):
        return f"{_advice(error)}; Airflow connection {conn_id!r}"
    return hint(error.__cause__, conn_id) if error is not None else None


def _advice(error: UpstashVectorError) -> str:
    if isinstance(error, ConnectionFailed):
        return _CONNECT_ADVICE[error.reason]
    if isinstance(error, ApiError):
        return _api_advice(error)
    if isinstance(error, ResponseTimeout):
        return 'try again, or raise the extra "timeout"'
    if isinstance(error, TransportError):
        return "try again; if there is a proxy, check it"
    if isinstance(error, InvalidResponse):
        return "the response is not from an Upstash Vector index; check the REST URL"
    return "check the connection"


def _api_advice(error: ApiError) -> str:
    if isinstance(error, QuotaExceeded):
        return "the daily limit is exhausted; it is reset at 00:00 UTC"
    if isinstance(error, Unauthorized):
        return "use the REST token from the index's Connect tab"
    if isinstance(error, NotFound):
        return "the REST URL is not that of a vector index; copy it from the index's Connect tab"
    if isinstance(error, RateLimited):
        return "the index is throttling requests; try again later"
    if isinstance(error, ServerError):
        return "the service, or a proxy in front of it, is failing; try again later"
    return "check the REST URL"
