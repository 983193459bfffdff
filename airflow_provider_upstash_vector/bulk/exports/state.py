"""The state of an unfinished export, which a later run to the same path resumes from."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson
from pydantic import TypeAdapter, ValidationError

from airflow_provider_upstash_vector.bulk.reading.scan import FIRST_CURSOR
from airflow_provider_upstash_vector.bulk.sources.manifest import Part


@dataclass(slots=True, kw_only=True)
class NamespaceState:
    """How far a namespace is: ``cursor`` is that of the first page after ``parts``, ``""`` at the end.

    ``counted`` is what the index counted before the export, ``settled`` whether no vector was pending then.
    """

    namespace: str
    number: int
    counted: int
    settled: bool
    cursor: str = FIRST_CURSOR
    parts: list[Part] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """The rows of its parts."""
        return sum(part.rows for part in self.parts)


@dataclass(slots=True, kw_only=True)
class ExportState:
    """An export of ``owner``, a task instance: ``id`` is the same in all its runs, ``run`` that of the newest."""

    id: str
    run: str
    fingerprint: str
    index: str
    index_url: str
    owner: str
    started_at: str
    reads: int = 0
    seconds: float = 0.0
    namespaces: list[NamespaceState] = field(default_factory=list)

    @property
    def runs_name(self) -> str:
        """What the names of the parts of this run have, by which only this export's are deleted."""
        return f"{self.id}-{self.run}"

    @property
    def rows(self) -> int:
        """The rows of all parts."""
        return sum(namespace.rows for namespace in self.namespaces)

    def to_json(self) -> bytes:
        """Return the content of the file."""
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, content: bytes) -> ExportState | None:
        """Return the state in a file, ``None`` if it is damaged."""
        try:
            return _STATE.validate_json(content)
        except ValidationError:
            return None


_STATE = TypeAdapter(ExportState)
