"""What an API call is: path, body, how its result is read, and whether it may be sent twice. Pure.

Every call is a POST: the service takes it at every endpoint, as its own SDKs do, and HTTP libraries never send a
POST a second time of their own accord.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import orjson

from airflow_provider_upstash_vector import __version__
from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One API call. ``read`` turns the ``result`` of the answer into ``T``, or raises ``ValueError``.

    ``namespace`` is ``None`` where the call has none, ``id`` where it concerns no single vector. A call that is
    not ``repeatable`` is not sent again once it may have been carried out: its second effect would be another.
    """

    name: str
    path: str
    body: bytes
    read: Callable[[Any], T]
    namespace: str | None = None
    id: str | None = None
    idempotent: bool = True


# Calls that make up one request of a user, each made of the results of those before; their return is its result.
CallSequence: TypeAlias = Generator[Call[Any], Any, T]


def headers(token: str) -> dict[str, str]:
    """Return the headers of every request. Compression is declined, so that 16 MB read is 16 MB held."""
    return {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"airflow-provider-upstash-vector/{__version__}",
    }


def name(namespace: str | None) -> str:
    """Return the name of a namespace, ``""`` for the default one where none is given."""
    return "" if namespace is None else validation.text(namespace, "namespace")


def path(command: str, namespace: str | None) -> str:
    """Return the path of a command; the namespace is one segment, left out for the default one."""
    segment = validation.namespace_segment(name(namespace))
    return f"/{command}/{segment}" if segment else f"/{command}"


def json_body(content: dict[str, Any]) -> bytes:
    """Return a JSON body without the fields that are ``None``."""
    given = {name: value for name, value in content.items() if value is not None}
    try:
        return orjson.dumps(given, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        raise InvalidRequest("request", f"cannot be written as JSON: {error}") from None


def success(result: Any) -> None:
    """Read the result of a command that says no more than that it has been carried out."""
    if result != "Success":
        raise ValueError('must be "Success"')


def count(result: Any, name: str) -> int:
    """Return a member of a result that is an object: a number of things, so an integer of at least 0."""
    value = member(result, name, int)
    if value < 0:
        raise ValueError(f'"{name}" must be at least 0')
    return value


def member(result: Any, name: str, kind: type[T]) -> T:
    """Return a member of a result that is an object."""
    value = result.get(name) if isinstance(result, dict) else None
    if type(value) is not kind:
        raise ValueError(f'"{name}" must be of type {kind.__name__}')
    return value
