"""The options of a bulk run: default, help and check of each, once.

The command line, the operator's defaults, docstrings and the tables of the documentation derive from the fields of
:class:`BulkOptions`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypedDict, TypeVar, get_args

from airflow_provider_upstash_vector.bulk.sending.limits import DailyBudget, FailureLimit
from airflow_provider_upstash_vector.bulk.sources import FieldNames, Format, Shard
from airflow_provider_upstash_vector.client import validation

OnMissing = Literal["count", "fail"]
OnBudget = Literal["fail", "return"]
MAX_CONCURRENCY = 4096

T = TypeVar("T")
_FIELD_NAMES = FieldNames()


def _help(text: str) -> dict[str, str]:
    return {"help": text}


def _field_name(name: str) -> Any:
    return field(default=getattr(_FIELD_NAMES, name), metadata=_help(f"name of ``{name}`` in the rows"))


@dataclass(frozen=True, kw_only=True)  # without slots, so that a default can be read from the class
class BulkOptions:
    """The options of a run. Raises ``ValueError`` for an invalid value."""

    namespace: str = field(default="", metadata=_help("namespace of rows that have none"))
    metadata_update_mode: str | None = field(
        default=None,
        metadata=_help("``OVERWRITE``, the service's default, or ``PATCH``, for rows that have none"),
    )
    concurrency: int = field(default=64, metadata=_help(f"requests in flight, 1 to {MAX_CONCURRENCY:,}"))
    max_requests_per_second: float | None = field(
        default=None, metadata=_help("limit of the request rate, retries included; unlimited by default")
    )
    max_failures: int | float = field(
        default=0,
        metadata=_help(
            "rejected and failed rows to tolerate, a count or a fraction of all (``0.01``); one more stops the run"
        ),
    )
    on_missing: OnMissing = field(
        default="count",
        metadata=_help("rows with an unknown id: ``count`` them separately, or as failures (``fail``)"),
    )
    daily_budget: int | None = field(
        default=None,
        metadata=_help("requests per day (UTC), over all runs that share a checkpoint; unlimited by default"),
    )
    on_budget: OnBudget = field(
        default="fail",
        metadata=_help(
            "when the daily budget or the service's daily quota is spent: ``fail``, so that a retry resumes, or "
            "``return`` with the remaining rows as ``not_attempted``"
        ),
    )
    time_limit_seconds: float | None = field(
        default=None,
        metadata=_help("seconds after which the run, or dry run, stops and fails; unlimited by default"),
    )
    check_index: bool = field(
        default=True,
        metadata=_help("request the index's dimension and type first, to reject vectors that do not fit"),
    )
    dry_run: bool = field(default=False, metadata=_help("read and check every row, send nothing"))
    shard: Sequence[int] | None = field(
        default=None, metadata=_help("``(i, n)``: only part i, from 0, of n; all rows by default")
    )
    format: Format | None = field(
        default=None, metadata=_help("``jsonl``, ``csv`` or ``parquet``; by default from the file's ending")
    )
    id_field: str = _field_name("id")
    vector_field: str = _field_name("vector")
    sparse_vector_field: str = _field_name("sparse_vector")
    data_field: str = _field_name("data")
    metadata_field: str = _field_name("metadata")
    metadata_update_mode_field: str = _field_name("metadata_update_mode")
    namespace_field: str = _field_name("namespace")

    def __post_init__(self) -> None:
        if not _whole(self.concurrency) or not 1 <= self.concurrency <= MAX_CONCURRENCY:
            raise ValueError(f"concurrency must be from 1 to {MAX_CONCURRENCY:,}, got {self.concurrency!r}")
        for name in ("max_requests_per_second", "time_limit_seconds"):
            value = getattr(self, name)
            if value is not None and not _positive(value):
                raise ValueError(f"{name} must be a number greater than 0, got {value!r}")
        for name in ("check_index", "dry_run"):
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
        FailureLimit(self.max_failures)
        DailyBudget(self.daily_budget)
        validation.namespace_segment(self.namespace)
        mode = validation.choice(self.metadata_update_mode, "metadata_update_mode", "OVERWRITE", "PATCH")
        object.__setattr__(self, "metadata_update_mode", mode)
        if self.shard is not None:
            object.__setattr__(self, "shard", _shard(self.shard))
        self.names  # noqa: B018 - raises if a name is invalid

    @property
    def names(self) -> FieldNames:
        """The names of the rows' fields."""
        return FieldNames(**{name: getattr(self, f"{name}_field") for name in asdict(_FIELD_NAMES)})

    def part(self) -> Shard | None:
        """Return the shard."""
        return None if self.shard is None else Shard(*self.shard)

    def fingerprint(self) -> str:
        """Return a text of the options that decide which rows are read and what is sent for them."""
        shard = None if self.shard is None else (*self.shard,)
        names = [*asdict(self.names).values()]
        return f"{validation.text(self.namespace, 'namespace')!r} {self.metadata_update_mode} {shard} {names}"


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


OPTION_HELP: dict[str, str] = {option.name: option.metadata["help"] for option in fields(BulkOptions)}
_PLACEHOLDER = re.compile(r"^( *):param \w+: .*BulkArguments`\.$", re.MULTILINE)


def expand_option_docs(docstring: str) -> str:
    """Replace the ``:param`` line that refers to ``BulkArguments`` by a line for each option but the namespace."""
    helps = {name: text for name, text in OPTION_HELP.items() if name != "namespace"}
    return _PLACEHOLDER.sub(
        lambda line: "\n".join(f"{line[1]}:param {name}: {text}." for name, text in helps.items()), docstring
    )


def documents_options(documented: T) -> T:
    """Expand the docstring of a class or function, as :func:`expand_option_docs` does."""
    documented.__doc__ = expand_option_docs(documented.__doc__ or "")
    return documented


@documents_options
class BulkArguments(TypedDict, total=False):
    """Keyword arguments of a bulk run: the types of :class:`BulkOptions` for ``Unpack``.

    :param options: those of :class:`BulkArguments`.
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
