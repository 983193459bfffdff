"""An API call: path, body, the decoding of its result, and whether it is idempotent. Pure.

Every call is a POST: the service accepts it at every endpoint, and HTTP libraries do not retry a POST by
themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import orjson

from airflow_provider_upstash_vector import __version__
from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.validation import IdLike

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One API call. ``read`` converts the ``result`` of the response to ``T``, or raises ``ValueError``.

    ``namespace`` is ``None`` if the call has none, ``id`` if it does not concern a single vector. A call that is
    not ``idempotent`` is not sent again once it may have been applied.
    """

    name: str
    path: str
    body: bytes
    read: Callable[[Any], T]
    namespace: str | None = None
    id: str | None = None
    idempotent: bool = True


# Yields the calls of one operation and receives their results; returns the operation's result.
CallSequence: TypeAlias = Generator[Call[Any], Any, T]


def headers(token: str) -> dict[str, str]:
    """Return the headers of every request; without compression, the size read is the size in memory."""
    return {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"airflow-provider-upstash-vector/{__version__}",
    }


def name(namespace: IdLike | None) -> str:
    """Return the name of a namespace, ``""`` for ``None``."""
    return "" if namespace is None else validation.identifier(namespace, "namespace")


def path(command: str, namespace: IdLike | None) -> str:
    """Return the path of a command; the namespace is one segment, omitted for the default one."""
    segment = validation.namespace_segment(name(namespace))
    return f"/{command}/{segment}" if segment else f"/{command}"


def json_body(content: dict[str, Any]) -> bytes:
    """Return a JSON body without the items that are ``None``."""
    present = {name: value for name, value in content.items() if value is not None}
    try:
        return orjson.dumps(present, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        raise InvalidRequest("request", f"is not JSON serializable: {error}") from None


def success(result: Any) -> None:
    """Check the result of a command that returns ``"Success"``."""
    if result != "Success":
        raise ValueError('must be "Success"')


def count(result: Any, name: str) -> int:
    """Return a member of an object that is an integer of at least 0."""
    value = member(result, name, int)
    if value < 0:
        raise ValueError(f'"{name}" must be at least 0')
    return value


def member(result: Any, name: str, kind: type[T]) -> T:
    """Return a member of an object, of the type ``kind``."""
    value = result.get(name) if isinstance(result, dict) else None
    if type(value) is not kind:
        raise ValueError(f'"{name}" must be of type {kind.__name__}')
    return value
