"""The interface of an operation. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome
from airflow_provider_upstash_vector.client.wire import Call


class Encoded(NamedTuple):
    """A row that is ready to be sent: ``fragment`` is its part of the body."""

    namespace: str
    id: str
    path: str
    fragment: bytes

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and id, of which no two rows are in flight at once."""
        return self.namespace, self.id


class Operation(Protocol):
    """What is done to each row.

    ``name`` is the name of the call; a request has at most ``max_rows`` rows and ``max_bytes``.
    """

    name: str
    max_rows: int
    max_bytes: int

    def body(self, fragments: Sequence[bytes]) -> bytes:
        """Return the body of a request with these rows."""

    def outcomes(self, result: Any, rows: int) -> Sequence[Outcome]:
        """Return the outcome of each row. Raises ``ValueError`` if the result is not as documented."""


def call(operation: Operation, path: str, namespace: str, ids: Sequence[str]) -> Call[Sequence[Outcome]]:
    """Return the call for the rows with these ids, without its body; its result is their outcomes."""
    read = partial(operation.outcomes, rows=len(ids))
    return Call(operation.name, path, b"", read, namespace, ids[0] if len(ids) == 1 else None)
