"""Types of the decorators, for editors and type checkers.

The options are spelled out because ``Unpack`` would reject the arguments of every task, e.g. ``retries``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from os import PathLike
from typing import Any, Protocol

from airflow.providers.common.compat.sdk import TaskDecorator

from airflow_provider_upstash_vector.bulk.embedding.function import EmbedFunction
from airflow_provider_upstash_vector.bulk.operations.update import OnMissing
from airflow_provider_upstash_vector.bulk.operations.upsert import IfNotEmpty
from airflow_provider_upstash_vector.bulk.options import OnBudget
from airflow_provider_upstash_vector.bulk.sources import Format
from airflow_provider_upstash_vector.client.models import NumbersLike, SparseLike


class UpdateTask(Protocol):
    """``@task.upstash_vector_update``, with all arguments of ``UpdateVectorOperator`` but ``vector_id``."""

    def __call__(
        self,
        python_callable: Callable[..., Any] | None = None,
        *,
        vector: NumbersLike | str | None = ...,
        sparse_vector: SparseLike | str | None = ...,
        data: str | None = ...,
        metadata: Mapping[str, Any] | str | None = ...,
        metadata_update_mode: str | None = ...,
        namespace: str | None = ...,
        on_missing: OnMissing = ...,
        wait_until_indexed: bool = ...,
        deferrable: bool = ...,
        poke_interval: timedelta | float = ...,
        wait_timeout: timedelta | float = ...,
        upstash_vector_conn_id: str = ...,
        **kwargs: Any,
    ) -> TaskDecorator:
        """Make a task of a function that returns a mapping with ``id`` and the fields to change.

        The mapping takes precedence over the arguments. ``**kwargs`` are those of every task.
        """


class BulkUpdateTask(Protocol):
    """``@task.upstash_vector_bulk_update``, with all arguments of ``BulkUpdateVectorsOperator`` but ``rows``."""

    def __call__(
        self,
        python_callable: Callable[..., Any] | None = None,
        *,
        namespace: str | None = ...,
        metadata_update_mode: str | None = ...,
        max_concurrency: int | str = ...,
        max_rows_per_second: float | str | None = ...,
        max_failures: int | str = ...,
        on_missing: OnMissing = ...,
        failures_path: str | PathLike[str] | None = ...,
        missing_path: str | PathLike[str] | None = ...,
        checkpoint: str | PathLike[str] | None = ...,
        daily_budget: int | str | None = ...,
        on_budget: OnBudget = ...,
        time_limit_seconds: float | str | None = ...,
        check_index: bool = ...,
        resume: bool | str = ...,
        dry_run: bool | str = ...,
        shard: Sequence[int] | None = ...,
        format: Format | None = ...,
        delimiter: str | None = ...,
        metadata_fields: Sequence[str] | None = ...,
        rows_field: str | None = ...,
        id_template: str | None = ...,
        id_field: str = ...,
        vector_field: str = ...,
        sparse_vector_field: str = ...,
        data_field: str = ...,
        metadata_field: str = ...,
        embed: EmbedFunction | str | None = ...,
        embed_batch_size: int = ...,
        embed_concurrency: int = ...,
        embed_attempts: int = ...,
        metadata_update_mode_field: str = ...,
        namespace_field: str = ...,
        wait_until_indexed: bool = ...,
        deferrable: bool = ...,
        poke_interval: timedelta | float = ...,
        wait_timeout: timedelta | float = ...,
        upstash_vector_conn_id: str = ...,
        **kwargs: Any,
    ) -> TaskDecorator:
        """Make a task of a function that returns or yields rows, paths of files, or a table.

        A retry that resumes from a checkpoint needs the same rows in the same order. ``**kwargs`` are those of
        every task.
        """


class BulkUpsertTask(Protocol):
    """``@task.upstash_vector_bulk_upsert``, with all arguments of ``BulkUpsertVectorsOperator`` but ``rows``."""

    def __call__(
        self,
        python_callable: Callable[..., Any] | None = None,
        *,
        namespace: str | None = ...,
        max_concurrency: int | str = ...,
        max_rows_per_second: float | str | None = ...,
        max_failures: int | str = ...,
        failures_path: str | PathLike[str] | None = ...,
        checkpoint: str | PathLike[str] | None = ...,
        daily_budget: int | str | None = ...,
        on_budget: OnBudget = ...,
        time_limit_seconds: float | str | None = ...,
        check_index: bool = ...,
        resume: bool | str = ...,
        dry_run: bool | str = ...,
        shard: Sequence[int] | None = ...,
        format: Format | None = ...,
        delimiter: str | None = ...,
        metadata_fields: Sequence[str] | None = ...,
        rows_field: str | None = ...,
        id_template: str | None = ...,
        id_field: str = ...,
        vector_field: str = ...,
        sparse_vector_field: str = ...,
        data_field: str = ...,
        metadata_field: str = ...,
        embed: EmbedFunction | str | None = ...,
        embed_batch_size: int = ...,
        embed_concurrency: int = ...,
        embed_attempts: int = ...,
        namespace_field: str = ...,
        if_not_empty: IfNotEmpty | None = ...,
        max_rows_per_request: int | str = ...,
        request_timeout_seconds: float | str = ...,
        wait_until_indexed: bool = ...,
        deferrable: bool = ...,
        poke_interval: timedelta | float = ...,
        wait_timeout: timedelta | float = ...,
        upstash_vector_conn_id: str = ...,
        **kwargs: Any,
    ) -> TaskDecorator:
        """Make a task of a function that returns or yields rows, paths of files, or a table.

        A retry that resumes from a checkpoint needs the same rows in the same order. ``**kwargs`` are those of
        every task.
        """


class BulkDeleteTask(Protocol):
    """``@task.upstash_vector_bulk_delete``, with all arguments of ``BulkDeleteVectorsOperator`` but ``rows``."""

    def __call__(
        self,
        python_callable: Callable[..., Any] | None = None,
        *,
        namespace: str | None = ...,
        max_concurrency: int | str = ...,
        max_rows_per_second: float | str | None = ...,
        max_failures: int | str = ...,
        failures_path: str | PathLike[str] | None = ...,
        checkpoint: str | PathLike[str] | None = ...,
        daily_budget: int | str | None = ...,
        on_budget: OnBudget = ...,
        time_limit_seconds: float | str | None = ...,
        check_index: bool = ...,
        resume: bool | str = ...,
        dry_run: bool | str = ...,
        shard: Sequence[int] | None = ...,
        format: Format | None = ...,
        delimiter: str | None = ...,
        rows_field: str | None = ...,
        id_template: str | None = ...,
        id_field: str = ...,
        namespace_field: str = ...,
        wait_until_indexed: bool = ...,
        deferrable: bool = ...,
        poke_interval: timedelta | float = ...,
        wait_timeout: timedelta | float = ...,
        upstash_vector_conn_id: str = ...,
        **kwargs: Any,
    ) -> TaskDecorator:
        """Make a task of a function that returns or yields rows, yields ids, or returns paths of files or a table.

        A retry that resumes from a checkpoint needs the same rows in the same order. ``**kwargs`` are those of
        every task.
        """
