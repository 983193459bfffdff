"""Conditions to wait for: writes are indexed, or a vector exists. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from airflow_provider_upstash_vector.client import metadata_json, validation, wire
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import FetchedVector, IndexInfo
from airflow_provider_upstash_vector.plurals import plural

# `info` is updated eventually: its first response after a write may be older than the write
CONFIRM_SECONDS = 1.0

Request: TypeAlias = wire.Call[Any] | wire.CallSequence[Any]


@dataclass(frozen=True, slots=True)
class State:
    """The result of a check: whether the condition is met, and a message that says so."""

    met: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """No vectors are pending in ``namespaces``, or with ``None`` in the whole index.

    A written vector is pending until queries find it (Info page of the API). An unknown namespace has no pending
    vectors. ``after_write`` is for a wait that follows a write at once.
    """

    namespaces: Sequence[str] | None = None
    after_write: bool = False

    @property
    def confirm_seconds(self) -> float:
        """The seconds between the first response and the first one that counts as met."""
        return CONFIRM_SECONDS if self.after_write else 0.0

    def request(self) -> Request:
        """Return the request whose result :meth:`state` takes."""
        return wire.info()

    def state(self, info: IndexInfo) -> State:
        """Return whether no vectors are pending."""
        if self.namespaces is None:
            pending = info.pending_vector_count
        else:
            existing = info.namespaces.keys() & {*self.namespaces}
            pending = sum(info.namespaces[name].pending_vector_count for name in existing)
        if pending:
            vectors = plural(pending, "vector is", "vectors are")
            return State(met=False, message=f"{vectors} pending in {self._place()}")
        return State(met=True, message=f"no vectors are pending in {self._place()}")

    def _place(self) -> str:
        if self.namespaces is None:
            return "the index"
        if len(self.namespaces) != 1:
            return plural(len(self.namespaces), "namespace")
        (name,) = self.namespaces
        return f"namespace {name!r}" if name else "the default namespace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The vector ``id`` can be fetched, and its metadata contains ``metadata``, at every level."""

    id: str
    namespace: str = ""
    metadata: Mapping[str, Any] | None = None
    confirm_seconds: ClassVar[float] = 0.0  # a fetch finds a write at once

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", validation.vector_id(self.id))
        if self.metadata is not None:
            # as it is stored: a date is text
            object.__setattr__(self, "metadata", metadata_json.metadata(self.metadata))

    def request(self) -> Request:
        """Return the request whose result :meth:`state` takes."""
        return wire.fetch([self.id], self.namespace, include_metadata=self.metadata is not None)

    def state(self, vectors: list[FetchedVector | None]) -> State:
        """Return whether the vector exists and has the metadata."""
        (vector,) = vectors
        if vector is None:
            return State(met=False, message=f"vector {self.id!r} does not exist")
        if self.metadata is not None and not _contains(vector.metadata, self.metadata):
            return State(met=False, message=f"vector {self.id!r} has other metadata")
        return State(met=True, message=f"vector {self.id!r} exists")


Condition: TypeAlias = Indexed | Stored


def condition(
    namespace: str | Sequence[str] | None,
    vector_id: str | None,
    metadata: Mapping[str, Any] | None,
    *,
    after_write: bool = False,
) -> Condition:
    """Return :class:`Stored` if there is a ``vector_id``, else :class:`Indexed`.

    ``namespace`` is one or, without a vector, several; ``None`` is the whole index, or with a vector the default
    namespace. Raises ``InvalidRequest`` for an id or metadata that no vector can have.
    """
    several = isinstance(namespace, Sequence) and not isinstance(namespace, str | bytes | bytearray)
    if several and vector_id is not None:
        raise InvalidRequest("namespace", "must be a single namespace if vector_id is given")
    given = () if namespace is None else namespace if several else (namespace,)
    names = [validation.identifier(name, "namespace") for name in given]
    if vector_id is None:
        return Indexed(namespaces=None if namespace is None else names, after_write=after_write)
    return Stored(id=vector_id, namespace=names[0] if names else "", metadata=metadata)


def _contains(value: Any, expected: Any) -> bool:
    if isinstance(expected, Mapping):
        return isinstance(value, Mapping) and all(
            name in value and _contains(value[name], expected[name]) for name in expected
        )
    return (type(value) is type(expected) and bool(value == expected)) or _same_number(value, expected)


def _same_number(value: Any, expected: Any) -> bool:
    both = isinstance(value, int | float) and isinstance(expected, int | float)
    return both and not isinstance(value, bool) and not isinstance(expected, bool) and value == expected
