"""The options of bulk runs: type, help, default and check of each.

The command line, the operators' defaults, the reference and the how-to derive from :class:`BulkOptions` and the
subclass of each operation.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from functools import cache
from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, TypedDict, get_args, get_origin, get_type_hints

from airflow_provider_upstash_vector.bulk.embedding.function import Embedding, EmbedFunction
from airflow_provider_upstash_vector.bulk.operations.base import Operation
from airflow_provider_upstash_vector.bulk.sending.limits import DailyBudget, RowLimit
from airflow_provider_upstash_vector.bulk.sources import FieldNames, Format, Shard
from airflow_provider_upstash_vector.bulk.sources.csv_records import checked_delimiter
from airflow_provider_upstash_vector.bulk.sources.field_names import UPDATE_FIELDS
from airflow_provider_upstash_vector.bulk.sources.field_paths import rows_path
from airflow_provider_upstash_vector.client import IndexInfo, RetryPolicy, validation

OnBudget = Literal["fail", "return"]
MAX_CONCURRENCY = 4096
_FIELD = "_field"
_EMBED_LIMITS = {"embed_batch_size": 2_048, "embed_concurrency": 64, "embed_attempts": 100}


@dataclass(frozen=True, kw_only=True)  # without slots, so that a default can be read from the class
class BulkOptions:
    """The options of every operation. Raises ``ValueError`` for an invalid value."""

    operation_type: ClassVar[type[Operation]]
    left_out: ClassVar[frozenset[str]] = frozenset()  # options that a subclass does not have

    namespace: Annotated[str, "for rows that set no namespace"] = ""
    max_concurrency: Annotated[
        int, "the most requests in flight, 1 to 4,096; how many there are follows from latency and 429s"
    ] = 1_024
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
    rows_field: Annotated[
        str | None,
        "name of the list of rows within a mapping or a JSON object, as ``chunks`` or ``result.chunks``",
    ] = None
    id_template: Annotated[
        str | None,
        "makes the ids of rows that have none: ``{metadata.file}#{index}``, which counts adjacent rows with the "
        "same other values, from 0",
    ] = None
    id_field: str = "id"
    namespace_field: str = "namespace"

    def __post_init__(self) -> None:
        for name in sorted(self.left_out):
            if getattr(self, name) != getattr(type(self), name):
                raise TypeError(f"{self.run_name()} has no argument {name!r}")
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
        rows_path(self.rows_field)
        template = self.names.template()  # raises if a name is invalid
        if template and template.counts and self.shard is not None:
            raise ValueError("id_template cannot count with {index} in a shard, which does not have all rows")

    @property
    def names(self) -> FieldNames:
        """The names of the rows' fields."""
        return FieldNames(**self._names())

    def _names(self) -> dict[str, Any]:
        """Return the arguments of :class:`FieldNames`."""
        names = {name: f"{name}{_FIELD}" for name in UPDATE_FIELDS if hasattr(self, f"{name}{_FIELD}")}
        return {name: getattr(self, option) for name, option in names.items()} | {"id_template": self.id_template}

    @property
    def missing_fails(self) -> bool:
        """Whether an unknown id is a failure."""
        return False

    def empty_namespaces(self, exported: Collection[str] | None = None) -> frozenset[str] | None:  # noqa: ARG002 - upserts do
        """Return the namespaces that must be empty at the start, and the only ones of rows; any if ``None``.

        If the rows are those of an export, its namespaces are ``exported``.
        """
        return None

    @property
    def max_rows(self) -> int:
        """The rows that a request may have."""
        return self.operation_type.max_rows

    @classmethod
    def run_name(cls) -> str:
        """Return the name of the function in ``bulk`` that takes the options."""
        return cls.operation_type.name

    def part(self) -> Shard | None:
        """Return the shard."""
        return None if self.shard is None else Shard(*self.shard)

    def operation(self, index: IndexInfo | None) -> Operation:
        """Return the operation, which checks rows against ``index`` if that is known."""
        return self.operation_type(self.names, namespace=self.namespace, index=index)

    def policy(self, policy: RetryPolicy) -> RetryPolicy:
        """Return the policy of requests with rows."""
        return policy

    @property
    def embedding(self) -> Embedding | None:
        """How texts are embedded, ``None`` if they are not."""
        return None

    def fingerprint(self) -> str:
        """Return a text of the operation and the options that decide which rows are read and what is sent.

        Raises ``ValueError`` if a function cannot be imported, which may take seconds.
        """
        shard = None if self.shard is None else (*self.shard,)
        names = [name for field, name in self._names().items() if name is not None and field != "id_template"]
        delimiter = [] if self.delimiter is None else [self.delimiter]
        of_rows = {name: getattr(self, name) for name in ("rows_field", "id_template")}
        added = [f"{name}={value!r}" for name, value in of_rows.items() if value is not None]
        added += [f"embed={self.embedding.fingerprint}"] if self.embedding else []
        parts = [self.operation_type.name, repr(self.namespace), shard, names, *delimiter, *added]
        return " ".join(map(str, parts))


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
    embed: Annotated[
        EmbedFunction | str | None,
        "a function from a list of texts to a list of vectors, or its import path, ``package.module:function``: "
        "rows with data and no vector get one",
    ] = None
    embed_batch_size: Annotated[int, "texts in a call of ``embed``, 1 to 2,048"] = 64
    embed_concurrency: Annotated[
        int, "calls of ``embed`` at once, 1 to 64; those of a function that is not async run in threads"
    ] = 1
    embed_attempts: Annotated[
        int, "calls of ``embed`` with the same texts, 1 to 100, until the run stops for its error"
    ] = 5

    def __post_init__(self) -> None:
        if isinstance(self.metadata_fields, list):
            object.__setattr__(self, "metadata_fields", tuple(self.metadata_fields))
        super().__post_init__()
        for name, maximum in _EMBED_LIMITS.items():
            validation.whole_number(getattr(self, name), name, maximum)
        self.embedding  # noqa: B018 - raises if the function is invalid

    def _names(self) -> dict[str, Any]:
        return {**super()._names(), "metadata_fields": self.metadata_fields}

    @property
    def embedding(self) -> Embedding | None:
        """How texts are embedded, ``None`` if they are not."""
        numbers = self.embed_batch_size, self.embed_concurrency, self.embed_attempts
        return None if self.embed is None else Embedding(self.embed, *numbers)

    def operation(self, index: IndexInfo | None) -> Operation:
        """Return the operation, which checks rows against ``index`` if that is known."""
        embeds = self.embed is not None
        return self.operation_type(self.names, namespace=self.namespace, index=index, embeds=embeds)


def option_types(options: type[BulkOptions]) -> dict[str, Any]:
    """Return the type of each option, without those left out."""
    return _types(options)  # type: ignore[arg-type]  # of the class, mypy takes the __hash__ of its instances


@cache
def _types(options: type[BulkOptions]) -> dict[str, Any]:
    hints = get_type_hints(options)
    return {option.name: hints[option.name] for option in fields(options) if option.name not in options.left_out}


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
        if option.name not in options.left_out
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


class LimitArguments(TypedDict, total=False):
    """The keyword arguments of every run that writes, with the types of :class:`BulkOptions`, for ``Unpack``."""

    max_concurrency: int
    max_rows_per_second: float | None
    max_failures: int | str
    daily_budget: int | None
    on_budget: OnBudget
    time_limit_seconds: float | None
    dry_run: bool


class SendArguments(LimitArguments, total=False):
    """The keyword arguments of every operation."""

    check_index: bool
    resume: bool


class BulkArguments(SendArguments, total=False):
    """The keyword arguments of operations on rows that the caller has."""

    shard: Sequence[int] | None
    format: Format | None
    delimiter: str | None
    rows_field: str | None
    id_template: str | None
    id_field: str
    namespace_field: str


class VectorRowArguments(BulkArguments, total=False):
    """The keyword arguments of :class:`VectorRowOptions`."""

    metadata_fields: Sequence[str] | None
    vector_field: str
    sparse_vector_field: str
    data_field: str
    metadata_field: str
    embed: EmbedFunction | str | None
    embed_batch_size: int
    embed_concurrency: int
    embed_attempts: int
