"""The options of a bulk run: type, help, default and check of each.

The command line, the operator's defaults, the reference and the how-to derive from :class:`BulkOptions`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict, get_args, get_origin, get_type_hints

from airflow_provider_upstash_vector.bulk.sending.limits import DailyBudget, RowLimit
from airflow_provider_upstash_vector.bulk.sources import FieldNames, Format, Shard
from airflow_provider_upstash_vector.bulk.sources.csv_records import checked_delimiter
from airflow_provider_upstash_vector.bulk.sources.field_names import UPDATE_FIELDS
from airflow_provider_upstash_vector.client import validation

OnMissing = Literal["count", "fail"]
OnBudget = Literal["fail", "return"]
MAX_CONCURRENCY = 4096


@dataclass(frozen=True, kw_only=True)  # without slots, so that a default can be read from the class
class BulkOptions:
    """The options of a run. Raises ``ValueError`` for an invalid value."""

    namespace: Annotated[str, "for rows that set no namespace"] = ""
    metadata_update_mode: Annotated[
        str | None,
        "for rows that set none: ``PATCH``, or ``OVERWRITE``, the service's default, which removes the metadata "
        "that a row does not have",
    ] = None
    concurrency: Annotated[int, "requests in flight, 1 to 4,096"] = 64
    max_requests_per_second: Annotated[float | None, "retries included; unlimited by default"] = None
    max_failures: Annotated[
        int | str, "rejected or failed rows to tolerate: a count, or a share of all rows as text (``1%``)"
    ] = 0
    on_missing: Annotated[OnMissing, "``count`` unknown ids separately, or ``fail``: count them as failures"] = (
        "count"
    )
    daily_budget: Annotated[
        int | None, "requests per day (UTC), over all runs that share the path of a checkpoint"
    ] = None
    on_budget: Annotated[
        OnBudget,
        "when the daily budget or the service's daily quota is exhausted: ``fail``, so that a retry resumes, or "
        "``return`` with the remaining rows as ``not_attempted``",
    ] = "fail"
    time_limit_seconds: Annotated[float | None, "seconds after which the run, or dry run, stops and fails"] = None
    check_index: Annotated[
        bool,
        "request the index's dimension and type first, and one stored vector, to warn if ``OVERWRITE`` would drop "
        "the text that another tool keeps in its metadata",
    ] = True
    resume: Annotated[bool, "resume from the checkpoint; ``False`` to start over"] = True
    dry_run: Annotated[
        bool, "read and check every row, write nothing; with ``check_index=False`` nothing is sent"
    ] = False
    shard: Annotated[Sequence[int] | None, "``(i, n)``: only part i, from 0, of n; all rows by default"] = None
    format: Annotated[Format | None, "``jsonl``, ``json``, ``csv``, ``parquet``; by default from the suffix"] = (
        None
    )
    delimiter: Annotated[
        str | None,
        "what separates the cells of CSV; by default ``,`` or ``;`` or a tab, as in the header",
    ] = None
    metadata_fields: Annotated[
        Sequence[str] | None,
        "names of columns or keys that are added to the metadata, or ``*`` for all that are no other field",
    ] = None
    id_field: str = "id"
    vector_field: str = "vector"
    sparse_vector_field: str = "sparse_vector"
    data_field: str = "data"
    metadata_field: str = "metadata"
    metadata_update_mode_field: str = "metadata_update_mode"
    namespace_field: str = "namespace"

    def __post_init__(self) -> None:
        if not _whole(self.concurrency) or not 1 <= self.concurrency <= MAX_CONCURRENCY:
            raise ValueError(f"concurrency must be from 1 to {MAX_CONCURRENCY:,}, got {self.concurrency!r}")
        for name in ("max_requests_per_second", "time_limit_seconds"):
            value = getattr(self, name)
            if value is not None and not _positive(value):
                raise ValueError(f"{name} must be a number greater than 0, got {value!r}")
        for name in ("check_index", "resume", "dry_run"):
            validation.flag(getattr(self, name), name)
        for name, choices in (
            ("on_missing", get_args(OnMissing)),
            ("on_budget", get_args(OnBudget)),
            ("format", (None, *get_args(Format))),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} must be one of {', '.join(map(str, choices))}, got {getattr(self, name)!r}"
                )
        limit = RowLimit("max_failures", self.max_failures)
        object.__setattr__(self, "max_failures", limit.value)
        DailyBudget(self.daily_budget)
        namespace = validation.identifier(self.namespace, "namespace")
        validation.namespace_segment(namespace)
        object.__setattr__(self, "namespace", namespace)
        mode = validation.choice(self.metadata_update_mode, "metadata_update_mode", "OVERWRITE", "PATCH")
        object.__setattr__(self, "metadata_update_mode", mode)
        if self.shard is not None:
            object.__setattr__(self, "shard", _shard(self.shard))
        object.__setattr__(self, "delimiter", checked_delimiter(self.delimiter))
        if isinstance(self.metadata_fields, list):
            object.__setattr__(self, "metadata_fields", tuple(self.metadata_fields))
        self.names  # noqa: B018 - raises if a name is invalid

    @property
    def names(self) -> FieldNames:
        """The names of the rows' fields."""
        named = {field: getattr(self, f"{field}_field") for field in UPDATE_FIELDS}
        return FieldNames(**named, metadata_fields=self.metadata_fields)

    def part(self) -> Shard | None:
        """Return the shard."""
        return None if self.shard is None else Shard(*self.shard)

    def fingerprint(self) -> str:
        """Return a text of the options that decide which rows are read and what is sent for them."""
        shard = None if self.shard is None else (*self.shard,)
        names = [getattr(self, f"{field}_field") for field in UPDATE_FIELDS]
        more = [option for option in (self.metadata_fields, self.delimiter) if option is not None]
        return " ".join(map(str, [repr(self.namespace), self.metadata_update_mode, shard, names, *more]))


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


OPTION_HELP: dict[str, str] = {
    name: kind.__metadata__[0]
    if get_origin(kind) is Annotated
    else f"name of ``{name.removesuffix('_field')}`` in the rows"
    for name, kind in get_type_hints(BulkOptions, include_extras=True).items()
}


class BulkArguments(TypedDict, total=False):
    """The keyword arguments of a bulk run, with the types of :class:`BulkOptions`, for ``Unpack``."""

    metadata_update_mode: str | None
    concurrency: int
    max_requests_per_second: float | None
    max_failures: int | str
    on_missing: OnMissing
    daily_budget: int | None
    on_budget: OnBudget
    time_limit_seconds: float | None
    check_index: bool
    resume: bool
    dry_run: bool
    shard: Sequence[int] | None
    format: Format | None
    delimiter: str | None
    metadata_fields: Sequence[str] | None
    id_field: str
    vector_field: str
    sparse_vector_field: str
    data_field: str
    metadata_field: str
    metadata_update_mode_field: str
    namespace_field: str
