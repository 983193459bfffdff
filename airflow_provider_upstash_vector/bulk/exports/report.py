"""The report of an export, which is small however many parts there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_upstash_vector.bulk.report import ThisAttempt
from airflow_provider_upstash_vector.plurals import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What an export has written so far, earlier runs that it resumed included.

    ``path`` is that of the manifest, which exists once the export is ``finished``. The index was
    ``changed_meanwhile`` if its counts changed or are not those of the rows. ``operations`` are the billed ones:
    requests ``read``. ``rows_by_namespace`` has the first 100 namespaces, without names of more than 256
    characters, and ``this_attempt`` the work of this run alone; they are not part of :meth:`to_dict`.
    """

    path: str
    rows: int
    namespaces: int
    parts: int
    bytes: int
    seconds: float
    finished: bool
    changed_meanwhile: bool
    operations: dict[str, int]
    rows_by_namespace: dict[str, int] = field(default_factory=dict)
    this_attempt: ThisAttempt = field(default_factory=ThisAttempt)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        names = [name for name in self.__slots__ if name not in {"rows_by_namespace", "this_attempt"}]
        return {**{name: getattr(self, name) for name in names}, "seconds": round(self.seconds, 3)}

    def __str__(self) -> str:
        changed = "; the index was changed meanwhile" if self.changed_meanwhile else ""
        return (
            f"{plural(self.rows, 'row')} of {plural(self.namespaces, 'namespace')} exported in "
            f"{plural(self.parts, 'part')} of {plural(self.bytes, 'byte')}, in {self.seconds:,.1f} s{changed}; "
            f"manifest: {self.path}" + ("" if self.finished else " (not written)")
        )
