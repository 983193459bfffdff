"""The options of bulk runs: type, help, default and check of each.

The command line, the operators' defaults, the reference and the how-to derive from :class:`BulkOptions` and the
subclass of each operation.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, TypedDict, get_args, get_origin, get_type_hints

from airflow_provider_upstash_vector.bulk.operations.base import Operation
from airflow_provider_upstash_vector.bulk.sending.limits import DailyBudget, RowLimit
from airflow_provider_upstash_vector.bulk.sources import FieldNames, Format, Shard
from airflow_provider_upstash_vector.bulk.sources.csv_records import checked_delimiter
from airflow_provider_upstash_vector.client import IndexInfo, RetryPolicy, validation

OnBudget = Literal["fail", "return"]
MAX_CONCURRENCY = 4096
_FIELD = "_field"


@dataclass(frozen=True, kw_only=True)  # without slots, so that a default can be read from the class
class BulkOptions:
    """The options of every operation. Raises ``ValueError`` for an invalid value."""

    operation_type: ClassVar[type[Operation]]
    # options of a base class that the run does not offer
    fixed: ClassVar[frozenset[str]] = frozenset()

    namespace: Annotated[str, "for rows that set no namespace"] = ""
    max_concurrency: Annotated[int, "requests in flight, 1 to 4,096"] = 64
    max_rows_per_second: Annotated[float | None, "rows sent again included; unlimited by default"] = None
    max_failures: Annotated[
        int | str, "rejected or failed rows to tolerate: a count, or a share of all rows as text (``1%``)"
    ] = 0
    daily_budget: Annotated[
        int | None,
        "rows sent per day (UTC), those sent again included, over all runs that share the path of a checkpoint",
    ] = None
    on_budget: Annotated[
        OnBudget,
        "when the daily budget or the service's daily quota is exhausted: ``fail``, so that a retry resumes, or "
        "``return`` with the remaining rows as ``not_attempted``",
    ] = "fail"
    time_limit_seconds: Annotated[float | None, "seconds after which the run, or dry run, stops and fails"] = None
    check_index: Annotated[
        bool,
        "request the index's dimension and type first, and one stored vector, to warn if what is sent would "
        "remove what another tool keeps there",
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
    id_field: str = "id"
    namespace_field: str = "namespace"

    def __post_init__(self) -> None:
        if not _whole(self.max_concurrency) or not 1 <= self.max_concurrency <= MAX_CONCURRENCY:
            got = validation.shown(self.max_concurrency)
            raise ValueError(f"max_concurrency must be from 1 to {MAX_CONCURRENCY:,}, got {got}")
        for name, kind in option_types(type(self)).items():
            value, choices = getattr(self, name), _choices(kind)
            if choices and value not in choices:
                raise ValueError(
                    f"{name} must be one of {', '.join(map(str, choices))}, got {validation.shown(value)}"
                )
            is_unset = value is None and NoneType in get_args(kind)
            if kind in {float, float | None} and not is_unset and not _positive(value):
                raise ValueError(f"{name} must be a number greater than 0, got {validation.shown(value)}")
            if kind is bool:
                validation.flag(value, name)
        limit = RowLimit("max_failures", self.max_failures)
        object.__setattr__(self, "max_failures", limit.value)
        DailyBudget(self.daily_budget)
        namespace = validation.identifier(self.namespace, "namespace")
        validation.namespace_segment(namespace)
        object.__setattr__(self, "namespace", namespace)
        if self.shard is not None:
            object.__setattr__(self, "shard", _shard(self.shard))
        object.__setattr__(self, "delimiter", checked_delimiter(self.delimiter))
        self.names  # noqa: B018 - raises if a name is invalid

    @property
    def names(self) -> FieldNames:
        """The names of the rows' fields."""
        return FieldNames(**self._names())

    def _names(self) -> dict[str, Any]:
        """Return the arguments of :class:`FieldNames`."""
        named = (option.name for option in fields(self) if option.name.endswith(_FIELD))
        return {name.removesuffix(_FIELD): getattr(self, name) for name in named}

    @property
    def missing_fails(self) -> bool:
        """Whether an unknown id is a failure."""
        return False

    @property
    def max_rows(self) -> int:
        """The rows that a request may have."""
        return self.operation_type.max_rows

    def part(self) -> Shard | None:
        """Return the shard."""
        return None if self.shard is None else Shard(*self.shard)

    def operation(self, index: IndexInfo | None) -> Operation:
        """Return the operation, which checks rows against ``index`` if that is known."""
        return self.operation_type(self.names, namespace=self.namespace, index=index)

    def policy(self, policy: RetryPolicy) -> RetryPolicy:
        """Return the policy of requests with rows."""
        return policy

    def fingerprint(self) -> str:
        """Return a text of the operation and the options that decide which rows are read and what is sent."""
        shard = None if self.shard is None else (*self.shard,)
        names = [name for name in self._names().values() if name is not None]
        delimiter = [] if self.delimiter is None else [self.delimiter]
        return " ".join(map(str, [self.operation_type.name, repr(self.namespace), shard, names, *delimiter]))


@dataclass(frozen=True, kw_only=True)
class VectorRowOptions(BulkOptions):
    """The options of operations whose rows have vectors, data or metadata."""

    metadata_fields: Annotated[
        Sequence[str] | None,
        "names of columns or keys that are added to the metadata, or ``*`` for all that are no other field",
    ] = None
    vector_field: str = "vector"
    sparse_vector_field: str = "sparse_vector"
    data_field: str = "data"
    metadata_field: str = "metadata"

    def __post_init__(self) -> None:
        if isinstance(self.metadata_fields, list):
            object.__setattr__(self, "metadata_fields", tuple(self.metadata_fields))
        super().__post_init__()

    def _names(self) -> dict[str, Any]:
        return {**super()._names(), "metadata_fields": self.metadata_fields}


def option_types(options: type[BulkOptions]) -> dict[str, Any]:
    """Return the type of each option."""
    return _types(options)  # type: ignore[arg-type]  # of the class, mypy takes the __hash__ of its instances


@cache
def _types(options: type[BulkOptions]) -> dict[str, Any]:
    hints = get_type_hints(options)
    return {option.name: hints[option.name] for option in fields(options) if option.name not in options.fixed}


def _choices(kind: Any) -> tuple[Any, ...]:
    """Return the values of a type that is a ``Literal``, or ``None`` and one."""
    kinds = [kind, *get_args(kind)]
    values = [value for part in kinds if get_origin(part) is Literal for value in get_args(part)]
    return (None, *values) if values and NoneType in kinds else (*values,)


def option_help(options: type[BulkOptions]) -> dict[str, str]:
    """Return the help of each option."""
    hints = get_type_hints(options, include_extras=True)
    return {
        option.name: hints[option.name].__metadata__[0]
        if get_origin(hints[option.name]) is Annotated
        else f"name of ``{option.name.removesuffix(_FIELD)}`` in the rows"
        for option in fields(options)
        if option.name not in options.fixed
    }


def _shard(shard: Sequence[int]) -> Shard:
    if not isinstance(shard, list | tuple) or len(shard) != 2 or not all(map(_whole, shard)):
        raise ValueError(f"shard must be (i, n), got {validation.shown(shard)}")
    if not 0 <= shard[0] < shard[1]:
        raise ValueError(f"shard must be (i, n) with i from 0 to n - 1, got {validation.shown((*shard,))}")
    return Shard(*shard)


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= sys.float_info.max


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class BulkArguments(TypedDict, total=False):
    """The keyword arguments of every operation, with the types of :class:`BulkOptions`, for ``Unpack``."""

    max_concurrency: int
    max_rows_per_second: float | None
    max_failures: int | str
    daily_budget: int | None
    on_budget: OnBudget
    time_limit_seconds: float | None
    check_index: bool
    resume: bool
    dry_run: bool
    shard: Sequence[int] | None
    format: Format | None
    delimiter: str | None
    id_field: str
    namespace_field: str


class VectorRowArguments(BulkArguments, total=False):
    """The keyword arguments of :class:`VectorRowOptions`."""

    metadata_fields: Sequence[str] | None
    vector_field: str
    sparse_vector_field: str
    data_field: str
    metadata_field: str
