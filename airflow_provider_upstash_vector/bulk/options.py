"""What a run is asked to do, checked before anything is read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypedDict, get_args

from airflow_provider_upstash_vector.bulk.limits import DailyBudget, FailureLimit
from airflow_provider_upstash_vector.bulk.sources import FieldNames, Format, Shard
from airflow_provider_upstash_vector.client import fields

OnMissing = Literal["count", "fail"]
OnBudget = Literal["fail", "return"]
MAX_CONCURRENCY = 4096


class BulkArguments(TypedDict, total=False):
    """What may be given to a run by name. Defaults are those of :class:`BulkOptions`.

    :param metadata_update_mode: for rows that give none.
    :param concurrency: requests in flight, up to 4,096.
    :param max_requests_per_second: retries included; ``None`` for as many as the service takes.
    :param max_failures: a count, or a fraction of all rows as a float from 0 to 1; one more stops the run.
    :param on_missing: ``"count"`` rows whose id is unknown, or let them ``"fail"``.
    :param daily_budget: requests in a day of UTC, over all runs that share a checkpoint.
    :param on_budget: when that or the service's daily quota is spent: ``"fail"`` or ``"return"``.
    :param time_limit_seconds: then the run, or dry run, stops.
    :param check_index: ask for ``info`` first, so that a wrong dimension is told at the first row.
    :param dry_run: read and check all rows and send nothing.
    :param shard: ``(i, n)``: part i, from 0, of n.
    :param format: ``"jsonl"``, ``"csv"`` or ``"parquet"`` where a file's ending does not say it.
    :param id_field: what the rows call the id.
    :param vector_field: what they call the vector.
    :param sparse_vector_field: what they call the sparse vector.
    :param data_field: what they call the raw text.
    :param metadata_field: what they call the metadata.
    :param metadata_update_mode_field: what they call the mode.
    :param namespace_field: what they call the namespace.
    """

    metadata_update_mode: str | None
    concurrency: int
    max_requests_per_second: float | None
    max_failures: int | float
    on_missing: OnMissing
    daily_budget: int | None
    on_budget: OnBudget
    time_limit_seconds: float | None
    check_index: bool
    dry_run: bool
    shard: Sequence[int] | None
    format: Format | None
    id_field: str
    vector_field: str
    sparse_vector_field: str
    data_field: str
    metadata_field: str
    metadata_update_mode_field: str
    namespace_field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOptions:
    """The options of :class:`BulkArguments`, checked. Raises ``ValueError`` for values that make no sense."""

    namespace: str = ""
    metadata_update_mode: str | None = None
    concurrency: int = 64
    max_requests_per_second: float | None = None
    max_failures: int | float = 0
    on_missing: OnMissing = "count"
    daily_budget: int | None = None
    on_budget: OnBudget = "fail"
    time_limit_seconds: float | None = None
    check_index: bool = True
    dry_run: bool = False
    names: FieldNames = field(default_factory=FieldNames)
    shard: Shard | Sequence[int] | None = None
    format: Format | None = None

    def __post_init__(self) -> None:
        if not _whole(self.concurrency) or not 1 <= self.concurrency <= MAX_CONCURRENCY:
            raise ValueError(f"concurrency must be from 1 to {MAX_CONCURRENCY:,}, got {self.concurrency!r}")
        for name in ("max_requests_per_second", "time_limit_seconds"):
            value = getattr(self, name)
            if value is not None and not _positive(value):
                raise ValueError(f"{name} must be a number of more than 0, got {value!r}")
        for name in ("check_index", "dry_run"):
            fields.flag(getattr(self, name), name)
        for name, choices in (
            ("on_missing", get_args(OnMissing)),
            ("on_budget", get_args(OnBudget)),
            ("format", (None, *get_args(Format))),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} must be one of {', '.join(map(str, choices))}, got {getattr(self, name)!r}"
                )
        FailureLimit(self.max_failures)
        DailyBudget(self.daily_budget)
        fields.namespace_segment(self.namespace)
        mode = fields.choice(self.metadata_update_mode, "metadata_update_mode", "OVERWRITE", "PATCH")
        object.__setattr__(self, "metadata_update_mode", mode)
        if self.shard is not None:
            object.__setattr__(self, "shard", _shard(self.shard))

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> BulkOptions:
        """Return the options that arguments of a run give."""
        names = {name[: -len("_field")]: value for name, value in arguments.items() if name.endswith("_field")}
        others = {name: value for name, value in arguments.items() if not name.endswith("_field")}
        return cls(**others, names=FieldNames(**names))

    def part(self) -> Shard | None:
        """Return the shard."""
        return None if self.shard is None else Shard(*self.shard)

    def fingerprint(self) -> str:
        """Return what of the options decides which rows are read and what is sent for them."""
        shard = None if self.shard is None else (*self.shard,)
        names = [*asdict(self.names).values()]
        return f"{fields.text(self.namespace, 'namespace')!r} {self.metadata_update_mode} {shard} {names}"


def _shard(shard: Sequence[int]) -> Shard:
    if not isinstance(shard, list | tuple) or len(shard) != 2 or not all(map(_whole, shard)):
        raise ValueError(f"shard must be (i, n), got {shard!r}")
    if not 0 <= shard[0] < shard[1]:
        raise ValueError(f"shard must be (i, n) with i from 0 to n - 1, got {tuple(shard)!r}")
    return Shard(*shard)


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
