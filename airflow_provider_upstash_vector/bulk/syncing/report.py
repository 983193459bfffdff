"""The report of a sync, which is small however many vectors there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow_provider_upstash_vector.bulk.syncing.plan import to_markdown
from airflow_provider_upstash_vector.plurals import plural


@dataclass(frozen=True, kw_only=True)
class SyncReport:
    """The vectors of a sync by what is done with them; ``mode="plan"`` has done none of it.

    ``added`` ids were only in the rows; ``changed`` vectors had another content; ``metadata_only`` ones got other
    metadata; ``adopted`` ones, equal but without a fingerprint, got that; ``deleted`` ones were in no row, and
    ``not_in_source`` are those that are left. ``scope`` is how many vectors were there before. ``operations`` are
    the billed ones: vectors ``written`` by then, requests that ``read``. ``finished`` is false if the run ended
    before all was written: then the counts are what was to be done. ``samples`` has a few ids of each action.
    """

    mode: str
    namespace: str
    rows: int = 0
    duplicates: int = 0
    scope: int = 0
    added: int = 0
    changed: int = 0
    metadata_only: int = 0
    adopted: int = 0
    unchanged: int = 0
    deleted: int = 0
    not_in_source: int = 0
    operations: Mapping[str, int] = field(default_factory=lambda: {"written": 0, "read": 0})
    seconds: float = 0.0
    finished: bool = False
    failures_path: str | None = None
    plan_path: str | None = None
    samples: Mapping[str, list[str]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        of_plan = {"markdown": self.to_markdown()} if self.mode == "plan" else {}
        return {**asdict(self), "seconds": round(self.seconds, 3), **of_plan}

    def to_markdown(self) -> str:
        """Return what is done, or in a plan would be done, as a table."""
        place = f"namespace {self.namespace!r}" if self.namespace else "the default namespace"
        verb = "Plan for" if self.mode == "plan" else "Sync of"
        title = f"{verb} {place}: {plural(self.rows, 'row')}, {plural(self.scope, 'vector')} in the scope"
        return to_markdown(title, asdict(self), self.samples)

    def __str__(self) -> str:
        verb = "deleted" if self.mode == "apply" and self.finished else "to be deleted"
        duplicates = f", {plural(self.duplicates, 'duplicate id')}" if self.duplicates else ""
        paths = {"failures_path": self.failures_path, "plan_path": self.plan_path}
        files = "".join(f"; {name}: {path}" for name, path in paths.items() if path is not None)
        return (
            f"{plural(self.rows, 'row')}{duplicates}, {plural(self.scope, 'vector')} in the scope: "
            f"{self.added:,} added, {self.changed:,} changed, {self.metadata_only:,} with other metadata, "
            f"{self.adopted:,} adopted, {self.unchanged:,} unchanged, {self.deleted:,} {verb}, "
            f"{self.not_in_source:,} not in the source; {self.operations['written']:,} written and "
            f"{self.operations['read']:,} read, in {self.seconds:,.1f} s"
            f"{'' if self.finished else ' (not finished)'}{files}"
        )
