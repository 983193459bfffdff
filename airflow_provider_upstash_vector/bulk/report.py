"""The report of a run: a manifest of fixed size whose counts add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow_provider_upstash_vector.plurals import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class ThisAttempt:
    """The work of one run, without that of the runs it resumed."""

    done: int = 0
    missing: int = 0
    rejected: int = 0
    failed: int = 0
    requests: int = 0
    request_seconds: float = 0.0
    retries: int = 0
    throttled_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a run was: the rows per second that 429s have shown to be allowed, requests in flight, and latency.

    The last two are means. ``allowed_rows_per_second`` is ``None`` if there was no limit below what was sent.
    """

    allowed_rows_per_second: float | None
    requests_in_flight: float
    latency_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkReport:
    """The counts of a run: every row is in exactly one of five, and ``total`` is their sum.

    ``done`` rows were updated, upserted or deleted, as ``outcome`` says, which is their name in the manifest.
    ``rejected`` rows were never sent, ``failed`` rows may have been applied, ``not_attempted`` rows are left.
    ``all_read`` is false if a run that stopped early could not count the rest of its input. ``bytes_sent`` counts
    request bodies, repeated ones included; ``retries`` the requests that were sent again. In a ``dry_run`` the
    rows that would be sent are those not attempted, and ``bytes_sent`` is their size. The report of a resumed run
    covers the earlier runs too, but not what one that was killed on another machine did after its last save;
    ``throttled_seconds`` is the part of ``seconds`` in which a 429 or an outage held back all requests. Rows that
    were sent but had no response in an outage that ended the run are not attempted. ``embedded`` counts the texts
    that this run has embedded, or in a dry run would embed; with ``embed`` alone.

    ``operations`` are those that the service bills: a row that it has accepted, also one whose id is unknown, is
    written, or would be in a ``dry_run``; each of the ``reads``, the requests of ``check_index``, is read.

    ``rows_by_namespace`` has the first 100 namespaces with a row that is done, without names of more than 256
    characters; ``unknown_namespace_rows`` of its rows are guesses, because the run that sent them was killed.
    ``this_attempt`` is the work of this run alone. None of these is part of the manifest.

    ``read`` are the vectors that a copy has read, those that were dropped included; ``None`` for other runs, whose
    manifest is without it. ``pace`` is that of this run; if it has sent nothing, it is ``None``, and not in
    the manifest.
    """

    total: int
    done: int
    missing: int
    rejected: int
    failed: int
    not_attempted: int
    retries: int
    bytes_sent: int
    seconds: float
    throttled_seconds: float
    failures_path: str | None = None
    missing_path: str | None = None
    operation: str = "update"
    outcome: str = "updated"
    all_read: bool = True
    dry_run: bool = False
    reads: int = 0
    embedded: int | None = None
    rows_by_namespace: dict[str, int] = field(default_factory=dict)
    unknown_namespace_rows: int = 0
    this_attempt: ThisAttempt = field(default_factory=ThisAttempt)
    read: int | None = None
    pace: Pace | None = None

    def __post_init__(self) -> None:
        """Raise ``ValueError`` if the counts do not add up."""
        counts = (self.done, self.missing, self.rejected, self.failed, self.not_attempted)
        if sum(counts) != self.total or min(counts) < 0:
            raise ValueError(f"{self.total} rows, but outcomes {counts}")

    @property
    def finished(self) -> bool:
        """Whether every row has an outcome."""
        return self.all_read and not self.not_attempted

    @property
    def namespace_counts_exact(self) -> bool:
        """Whether ``rows_by_namespace`` has every row that is done, in its own namespace."""
        return not self.unknown_namespace_rows and sum(self.rows_by_namespace.values()) == self.done

    @property
    def rows_per_second(self) -> float:
        """Rows with an outcome per second of the run."""
        done = self.total - self.not_attempted if not self.dry_run else self.total
        return done / self.seconds if self.seconds > 0 else 0.0

    @property
    def operations(self) -> dict[str, int]:
        """What the service bills: vectors written, and requests that read."""
        return {"written": self.not_attempted if self.dry_run else self.done + self.missing, "read": self.reads}

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        rounded = {"seconds": round(self.seconds, 3), "throttled_seconds": round(self.throttled_seconds, 3)}
        internal = {"operation", "outcome", "reads", "rows_by_namespace", "unknown_namespace_rows", "this_attempt"}
        plain = {
            self.outcome if name == "done" else name: value
            for name, value in asdict(self).items()
            if name not in internal and (name not in {"read", "embedded", "pace"} or value is not None)
        }
        rate = round(self.rows_per_second, 1)
        return {**plain, **rounded, "rows_per_second": rate, "operations": self.operations}

    def __str__(self) -> str:
        paths = {"failures_path": self.failures_path, "missing_path": self.missing_path}
        files = "".join(f"; {name}: {path}" for name, path in paths.items() if path is not None)
        embedded = "" if self.embedded is None else f", {plural(self.embedded, 'text')} embedded"
        if self.dry_run:
            return (
                f"{self.not_attempted:,} of {plural(self.total, 'row')} would be sent, "
                f"{plural(self.bytes_sent, 'byte')}{embedded}; "
                f"{self.rejected:,} rejected{files}"
            )
        rest = "" if self.all_read else " of those read"
        return (
            f"{self.done:,} of {plural(self.total, 'row')} {self.outcome}, {self.missing:,} missing, "
            f"{self.rejected:,} rejected, {self.failed:,} failed, {self.not_attempted:,}{rest} not attempted"
            f"{embedded}, in {self.seconds:,.1f} s ({self.rows_per_second:,.0f}/s, "
            f"{plural(self.retries, 'retry', 'retries')}, {self.throttled_seconds:,.1f} s throttled){files}"
        )


MAX_NAMESPACES = 100
MAX_NAMESPACE_CHARS = 256


class NamespaceCounts:
    """Counts of rows that are done for the first 100 namespaces, without names of more than 256 characters."""

    def __init__(self, before: Mapping[str, int] | None = None) -> None:
        self._counts = dict(before or {})

    def add(self, namespace: str, rows: int = 1) -> None:
        """Count rows of a namespace that are done."""
        counts = self._counts
        if namespace in counts:
            counts[namespace] += rows
        elif len(counts) < MAX_NAMESPACES and len(namespace) <= MAX_NAMESPACE_CHARS:
            counts[namespace] = rows

    def counts(self) -> dict[str, int]:
        """Return the counts so far."""
        return dict(self._counts)
