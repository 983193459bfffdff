"""The options of a sync."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict

from airflow_provider_upstash_vector.bulk.embedding.function import EmbedFunction
from airflow_provider_upstash_vector.bulk.operations.upsert import UpsertOptions
from airflow_provider_upstash_vector.bulk.options import OnBudget
from airflow_provider_upstash_vector.bulk.sending.limits import RowLimit
from airflow_provider_upstash_vector.bulk.sources import Format
from airflow_provider_upstash_vector.bulk.syncing.decision import MetadataRules
from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.wire.writes import MAX_ITEMS

Mode = Literal["plan", "apply"]
Scope = Literal["all"]
Verify = Literal["data"]
OnDuplicate = Literal["fail", "last"]


@dataclass(frozen=True, kw_only=True)
class SyncOptions(UpsertOptions):
    """The options of syncs. Raises ``ValueError`` for an invalid value."""

    left_out = frozenset({"max_failures", "resume", "check_index", "dry_run", "shard", "if_not_empty"})

    scope: Annotated[
        Scope | None, "``all``: every vector of the namespace is to be in the rows; or set ``prefix``"
    ] = None
    prefix: Annotated[str | None, "only vectors whose id starts with it are to be in the rows, and no others"] = (
        None
    )
    mode: Annotated[Mode, "``plan`` writes nothing; ``apply`` computes the differences again, and writes them"] = (
        "apply"
    )
    config_version: Annotated[
        str, "changes with what makes vectors of the data, as ``bge-m3/512``, so that all are written again"
    ] = ""
    fingerprint_key: Annotated[str, "the key of the metadata that holds the fingerprint of the content"] = "_fp"
    keep_metadata: Annotated[
        Sequence[str], "keys of the metadata that others write: neither compared, nor changed, nor removed"
    ] = ()
    verify: Annotated[Verify | None, "``data`` reads the stored texts too, to find those that others changed"] = (
        None
    )
    on_duplicate: Annotated[
        OnDuplicate, "if several rows have the same id: ``fail``, or the ``last`` one wins"
    ] = "fail"
    delete_missing: Annotated[bool, "delete the vectors of the scope that are in no row; needs ``max_delete``"] = (
        False
    )
    max_delete: Annotated[
        int | str | None,
        "vectors that may be deleted: a count, or a share of those in the scope before the run as text (``5%``); "
        "if there are more, nothing is written",
    ] = None
    page_size: Annotated[int, "vectors read in a request, 1 to 1,000; fewer if a page is larger than 16 MB"] = (
        MAX_ITEMS
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.scope is None) == (self.prefix is None):
            raise ValueError('set exactly one of scope="all" and prefix, so that it is clear what may be deleted')
        if self.prefix is not None and not validation.text(self.prefix, "prefix"):
            raise ValueError('prefix must not be empty; set scope="all" for all vectors')
        validation.text(self.config_version, "config_version")
        if not validation.text(self.fingerprint_key, "fingerprint_key"):
            raise ValueError("fingerprint_key must not be empty")
        if isinstance(self.keep_metadata, str):
            raise TypeError(f"keep_metadata must be a list of keys, got {self.keep_metadata!r}")
        kept = tuple(validation.text(name, "keep_metadata") for name in self.keep_metadata)
        object.__setattr__(self, "keep_metadata", kept)
        if self.fingerprint_key in kept:
            raise ValueError(f"fingerprint_key {self.fingerprint_key!r} must not be in keep_metadata")
        if self.max_delete is not None:
            object.__setattr__(self, "max_delete", RowLimit("max_delete", self.max_delete).value)
        elif self.delete_missing:
            raise ValueError('delete_missing needs max_delete, a count or a share of the scope such as "5%"')
        validation.whole_number(self.page_size, "page_size", MAX_ITEMS)

    @classmethod
    def run_name(cls) -> str:
        """Return the name of the function in ``bulk`` that takes the options."""
        return "sync"

    @property
    def metadata_rules(self) -> MetadataRules:
        """Which metadata are written and compared."""
        return MetadataRules(self.fingerprint_key, self.keep_metadata)


class SyncArguments(TypedDict, total=False):
    """The keyword arguments of :class:`SyncOptions`."""

    max_concurrency: int
    max_rows_per_second: float | None
    daily_budget: int | None
    on_budget: OnBudget
    time_limit_seconds: float | None
    format: Format | None
    delimiter: str | None
    rows_field: str | None
    id_template: str | None
    id_field: str
    namespace_field: str
    metadata_fields: Sequence[str] | None
    vector_field: str
    sparse_vector_field: str
    data_field: str
    metadata_field: str
    embed: EmbedFunction | str | None
    embed_batch_size: int
    embed_concurrency: int
    embed_attempts: int
    max_rows_per_request: int
    request_timeout_seconds: float
    scope: Scope | None
    prefix: str | None
    mode: Mode
    config_version: str
    fingerprint_key: str
    keep_metadata: Sequence[str]
    verify: Verify | None
    on_duplicate: OnDuplicate
    delete_missing: bool
    max_delete: int | str | None
    page_size: int
