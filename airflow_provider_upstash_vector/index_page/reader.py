"""What the pages show, and the interface that reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


class ReadFailed(Exception):
    """An index cannot be shown. The message says what happened and what to do, and holds no secret."""

    def __init__(self, message: str, status: int = 502) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceFacts:
    """Counts of one namespace; ``""`` is the name of the default one."""

    name: str
    vectors: int
    pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFacts:
    """Properties and counts of an index.

    ``seconds`` is how long the answer took, ``read_at`` when it came. ``notes`` are names and values that only
    one kind of page has, such as how to connect.
    """

    url: str
    index_type: str
    dimension: int
    similarity: str
    models: Sequence[str]
    vectors: int
    pending: int
    size_bytes: int
    namespaces: Sequence[NamespaceFacts]
    seconds: float
    read_at: datetime
    default_namespace: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def embeds(self) -> bool:
        """Whether texts can be searched for."""
        return bool(self.models)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVector:
    """A vector as it is stored; ``sparse`` has indices and values. ``score`` is that of a search."""

    id: str
    vector: Sequence[float] | None = None
    sparse: tuple[Sequence[int], Sequence[float]] | None = None
    metadata: Mapping[str, Any] | None = None
    data: str | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorPage:
    """Vectors of a namespace; ``next_cursor`` is ``""`` on the last page."""

    vectors: Sequence[StoredVector]
    next_cursor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to search for: a ``text``, or ``vector``, ``sparse`` or both; ``filter`` may be ``""``."""

    text: str | None = None
    vector: Sequence[float] | None = None
    sparse: tuple[Sequence[int], Sequence[float]] | None = None
    filter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """A task that wrote to the index; ``counts`` are those of its manifest, ``url`` is its page.

    After a dry run or a plan, ``is_trial`` is set: it wrote nothing.
    """

    dag_id: str
    task_id: str
    map_index: int
    operator: str
    state: str
    namespace: str | None
    started: datetime | None
    seconds: float | None
    counts: Mapping[str, int]
    url: str
    is_trial: bool = False


class IndexReader(Protocol):
    """Reads indexes on behalf of one person. Methods raise :class:`ReadFailed`."""

    @property
    def shows_contents(self) -> bool:
        """Whether vectors are shown, or counts only."""

    @property
    def opens_by_name(self) -> bool:
        """Whether indexes can be opened that ``connections`` does not list."""

    async def connections(self) -> Sequence[str]:
        """Return the ids of the connections that the person may read."""

    async def facts(self, connection_id: str) -> IndexFacts:
        """Return the properties and counts of an index."""

    async def vectors(self, connection_id: str, namespace: str, prefix: str, cursor: str) -> VectorPage:
        """Return a page of vectors whose id starts with ``prefix``, from ``cursor`` (``""``: the first)."""

    async def vector(self, connection_id: str, namespace: str, id: str) -> StoredVector | None:
        """Return one vector, ``None`` if there is none."""

    async def search(self, connection_id: str, namespace: str, search: Search) -> Sequence[StoredVector]:
        """Return the nearest vectors, best first."""

    async def runs(self, connection_id: str) -> Sequence[TaskRun] | None:
        """Return the last tasks that wrote to an index, or ``None`` if there are no tasks here."""
