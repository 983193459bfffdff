"""What can be waited for: that writes are indexed, or that a vector is there. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from airflow_provider_upstash_vector.client import validation, wire
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import FetchedVector, IndexInfo

Request: TypeAlias = wire.Call[Any] | wire.CallSequence[Any]


@dataclass(frozen=True, slots=True)
class State:
    """What a look at the index has shown: whether the condition is met, and a sentence about it."""

    met: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """Nothing is pending in ``namespaces``, or with ``None`` in the whole index.

    Vectors that are written count as pending until queries find them (Info page of the API). A namespace that does
    not exist has nothing pending.
    """

    namespaces: Sequence[str] | None = None

    def request(self) -> Request:
        """Return the request whose result :meth:`state` looks at."""
        return wire.info()

    def state(self, info: IndexInfo) -> State:
        """Return how much is pending."""
        if self.namespaces is None:
            pending = info.pending_vector_count
        else:
            found = [info.namespaces[name] for name in {*self.namespaces} if name in info.namespaces]
            pending = sum(one.pending_vector_count for one in found)
        if pending:
            return State(met=False, message=f"{pending:,} vectors of {self._place()} are pending")
        return State(met=True, message=f"nothing is pending in {self._place()}")

    def _place(self) -> str:
        if self.namespaces is None:
            return "the index"
        if len(self.namespaces) != 1:
            return f"{len(self.namespaces):,} namespaces"
        (name,) = self.namespaces
        return f"namespace {name!r}" if name else "the default namespace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The vector ``id`` can be fetched, and its metadata has all that ``metadata`` has, at every level."""

    id: str
    namespace: str = ""
    metadata: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        validation.vector_id(self.id)
        if self.metadata is not None:
            validation.metadata(self.metadata)

    def request(self) -> Request:
        """Return the request whose result :meth:`state` looks at."""
        return wire.fetch([self.id], self.namespace, include_metadata=self.metadata is not None)

    def state(self, found: list[FetchedVector | None]) -> State:
        """Return whether the vector is there, as wanted."""
        (vector,) = found
        if vector is None:
            return State(met=False, message=f"there is no vector {self.id!r}")
        if self.metadata is not None and not _has(vector.metadata, self.metadata):
            return State(met=False, message=f"vector {self.id!r} has other metadata")
        return State(met=True, message=f"vector {self.id!r} is there")


Condition: TypeAlias = Indexed | Stored


def condition(
    namespace: str | Sequence[str] | None, vector_id: str | None, metadata: Mapping[str, Any] | None
) -> Condition:
    """Return what these arguments wait for: the vector, or with ``None`` that nothing is pending.

    ``namespace`` is one or, without a vector, several; ``None`` stands for the whole index.
    """
    if vector_id is None:
        return Indexed(namespaces=[namespace] if isinstance(namespace, str) else namespace)
    if not isinstance(namespace, str | None):
        raise InvalidRequest("namespace", "must be one, where a vector is waited for")
    return Stored(id=vector_id, namespace=namespace or "", metadata=metadata)


def _has(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, Mapping) and all(
            name in value and _has(value[name], wanted[name]) for name in wanted
        )
    return (type(value) is type(wanted) and bool(value == wanted)) or _same_number(value, wanted)


def _same_number(value: Any, wanted: Any) -> bool:
    both = isinstance(value, int | float) and isinstance(wanted, int | float)
    return both and not isinstance(value, bool) and not isinstance(wanted, bool) and value == wanted
