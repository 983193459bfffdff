"""The functions that start a sync, on an event loop and without one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_upstash_vector.bulk.api import (
    BulkSyncArguments,
    SharedRunArguments,
    blocking,
    taken_run_arguments,
    with_signature,
)
from airflow_provider_upstash_vector.bulk.sources import FindPaths, local_paths
from airflow_provider_upstash_vector.bulk.starting import PathLike, one_path
from airflow_provider_upstash_vector.bulk.syncing.job import SyncJob
from airflow_provider_upstash_vector.bulk.syncing.options import SyncOptions
from airflow_provider_upstash_vector.bulk.syncing.phases import Budget, PhaseEnvironment
from airflow_provider_upstash_vector.bulk.syncing.report import SyncReport
from airflow_provider_upstash_vector.bulk.tracking.budget import BudgetStore
from airflow_provider_upstash_vector.bulk.tracking.progress import Log, ProgressKind
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import Credentials, Endpoint, RetryPolicy

if TYPE_CHECKING:
    from typing_extensions import Unpack

log = logging.getLogger(__name__)


@with_signature(SyncOptions, SharedRunArguments)
async def sync_async(
    rows: object,
    endpoint: Endpoint | Credentials,
    *,
    namespace: str = "",
    plan_path: PathLike | None = None,
    **arguments: Unpack[BulkSyncArguments],
) -> SyncReport:
    """Make a namespace, or a prefix in it, equal to the rows, on the running event loop; return the report.

    The rows are read to their end and joined with a scan of the scope, on disk.
    Only what differs is written: new and changed vectors by upserts, then other metadata by updates, then, with
    ``delete_missing``, what is in no row is deleted. Nothing is deleted if anything failed. A run that was killed
    or failed needs no checkpoint: run it again, it finds in the index what is done.

    Raises :class:`~.errors.SyncFailed`, with the report, if it stopped early; ``InvalidRows`` or ``ValueError``
    before anything is sent; the errors of the client if the scope cannot be read.

    :param rows: as for :func:`upsert_async`. What can be read only once, as an iterable, is spooled to disk.
    :param endpoint: URL and token of the index, or the :class:`Credentials` that read a rotated token again.
    :param namespace: the namespace; ``""`` for the index's default one. Rows that name another one are rejected.
    :param plan_path: a JSON file in which ``mode="plan"`` leaves counts and hashes of the ids; ``apply`` fails
        before it writes if they are others by then.
    :param arguments: those of :class:`BulkSyncArguments`.
    """
    given: dict[str, Any] = {**arguments}
    of_run = taken_run_arguments(given)
    find_paths = of_run.pop("find_paths", local_paths)
    options = SyncOptions(namespace=namespace, **given)
    environment = _environment(find_paths, **of_run)
    job = SyncJob(rows, endpoint, options, environment, plan_path=plan_path, find_paths=find_paths)
    return await job.run()


def _environment(
    find_paths: FindPaths,
    *,
    policy: RetryPolicy | None = None,
    failures_path: PathLike | None = None,
    budget_store: BudgetStore | None = None,
    cancel_token: CancelToken | None = None,
    progress: ProgressKind = "auto",
    log: Log = log,
) -> PhaseEnvironment:
    return PhaseEnvironment(
        policy=policy or RetryPolicy(),
        cancel_token=cancel_token or CancelToken(),
        budget_store=budget_store or Budget(),
        failures_path=None if failures_path is None else one_path(failures_path, find_paths),
        progress=progress,
        log=log,
    )


sync = blocking(sync_async)
