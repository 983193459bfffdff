"""How long an index of a million to a billion vectors takes: the tables of docs/scaling-arithmetic.md.

``python -m scripts.scaling`` prints them. What is measured or assumed, and not a limit of the service, is below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from airflow_provider_upstash_vector.bulk.reading.scan import Scan
from airflow_provider_upstash_vector.client.wire.writes import MAX_BODY_BYTES, MAX_ITEMS
from airflow_provider_upstash_vector.plurals import plural

# of the service: docs/limits.md and docs/costs.md
WRITES_PER_SECOND = 1_000
DAILY_UPDATES = {"free": 10_000, "fixed": 1_000_000}
DOLLARS_PER_OPERATION = 0.40 / 100_000
DOLLARS_PER_BYTE = 0.03 / 1e9
FREE_BYTES = 200e9  # a month
MAX_NUMBERS = 2_000_000_000  # vectors times dimensions of a pay-as-you-go index

# assumed
DIMENSION = 1_536
LATENCY_SECONDS = 0.05
BYTES_PER_SECOND = 50e6  # of one connection to the service
CHANGED_SHARE = 0.01  # of a nightly sync

# measured: bytes of a row with 1,536 dimensions, 1,000 characters of text and little metadata
ROW_BYTES = 20_000
METADATA_BYTES = 120  # what a sync reads of a vector
VECTOR_COUNTS = (1_000_000, 100_000_000, 1_000_000_000)
WORKERS = 16


@dataclass(frozen=True)
class Job:
    """What one row costs; a row that is read costs its share of a page, which waits for the one before.

    ``cpu_microseconds`` is the measured CPU time of a row.
    """

    name: str
    cpu_microseconds: float
    page: int = 0  # vectors in a response, if the job reads
    read_bytes: int = 0  # of a vector
    written_share: float = 1.0  # of the rows
    batch: int = 1  # rows in a request that writes

    def rates(self) -> dict[str, float]:
        """Return the rows a second that each bound allows: the service's to all workers, the others to each."""
        rates = {"processor": 1e6 / self.cpu_microseconds}
        if self.written_share:
            rates["service"] = WRITES_PER_SECOND / self.written_share
        if self.page:
            rates["pages"] = self.page / (LATENCY_SECONDS + self.page * self.read_bytes / BYTES_PER_SECOND)
        return rates

    def seconds(self, vectors: int, workers: int = 1) -> float:
        """Return how long the job takes: the lower of the service's rate and that of all workers."""
        rates = self.rates()
        service = rates.pop("service", float("inf"))
        return vectors / min(service, workers * min(rates.values()))

    def bound(self) -> str:
        """Return what bounds one worker."""
        rates = self.rates()
        return min(rates, key=lambda name: rates[name])

    def workers(self) -> int:
        """Return the workers that reach the service's rate; 1 if one does, 0 if the job has no such bound."""
        rates = self.rates()
        service = rates.pop("service", 0.0)
        return ceil(service / min(rates.values()))

    def operations(self, vectors: int) -> int:
        """Return the billed operations: each row that is written, and each request that reads."""
        return round(vectors * self.written_share) + (ceil(vectors / self.page) if self.page else 0)

    def bytes(self, vectors: int) -> float:
        """Return the bytes that are sent and received."""
        return vectors * (self.read_bytes + self.written_share * ROW_BYTES)

    def in_flight(self) -> float:
        """Return the requests in flight at the service's rate of writes: rate times latency."""
        return WRITES_PER_SECOND / self.batch * LATENCY_SECONDS


FULL_PAGE = Scan().of_dimension(DIMENSION).page_size
JOBS = (
    Job("load", 300, batch=min(MAX_ITEMS, MAX_BODY_BYTES // ROW_BYTES)),
    Job("re-embed by updates", 800),
    Job("sync", 300, page=MAX_ITEMS, read_bytes=METADATA_BYTES, written_share=CHANGED_SHARE),
    Job("export", 500, page=FULL_PAGE, read_bytes=ROW_BYTES, written_share=0),
)


def tables() -> Iterator[str]:
    """Yield each table of the page as Markdown."""
    yield _table(
        ("job", "service, rows/s", "processor of one worker", "pages of one worker", "bound of one", "workers"),
        (_bounds(job) for job in JOBS),
    )
    yield _table(
        ("job", "vectors", "on one worker", f"on {WORKERS}", "operations", "price", "bandwidth", "its price"),
        (_costs(job, vectors) for job in JOBS for vectors in VECTOR_COUNTS),
    )
    yield _table(
        ("plan", "updates a day", *(f"{vectors:,} vectors" for vectors in VECTOR_COUNTS)),
        (
            (plan, f"{limit:,}", *(plural(ceil(vectors / limit), "day") for vectors in VECTOR_COUNTS))
            for plan, limit in DAILY_UPDATES.items()
        ),
    )


def _bounds(job: Job) -> tuple[object, ...]:
    rates = job.rates()
    shown = (f"{rates[bound]:,.0f}" if bound in rates else "" for bound in ("service", "processor", "pages"))
    return (job.name, *shown, job.bound(), job.workers() or "")


def _costs(job: Job, vectors: int) -> tuple[object, ...]:
    operations, size = job.operations(vectors), job.bytes(vectors)
    return (
        *(job.name, f"{vectors:,}"),
        *(duration(job.seconds(vectors)), duration(job.seconds(vectors, WORKERS))),
        *(f"{operations:,}", f"${operations * DOLLARS_PER_OPERATION:,.2f}"),
        *(f"{size / 1e9:,.1f} GB", f"${max(0.0, size - FREE_BYTES) * DOLLARS_PER_BYTE:,.2f}"),
    )


def _table(head: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def duration(seconds: float) -> str:
    """Return a time in words of two digits."""
    for name, unit, below in (("s", 1, 120), ("min", 60, 7_200), ("h", 3_600, 172_800)):
        if seconds < below:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:,.1f} days"


if __name__ == "__main__":
    print("\n".join(tables()))
