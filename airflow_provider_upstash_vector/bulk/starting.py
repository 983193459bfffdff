"""The start of a run: opens its rows, checkpoint and files, before anything is sent."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from pathlib import Path

from airflow_provider_upstash_vector.bulk.job import Job
from airflow_provider_upstash_vector.bulk.options import BulkOptions
from airflow_provider_upstash_vector.bulk.report import BulkReport
from airflow_provider_upstash_vector.bulk.run_state import RunEnvironment
from airflow_provider_upstash_vector.bulk.sources import (
    AsyncSource,
    FindPaths,
    InvalidRows,
    Source,
    local_paths,
    open_source,
)
from airflow_provider_upstash_vector.bulk.sources.own_files import OwnFiles
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath, local_path
from airflow_provider_upstash_vector.bulk.tracking.budget import BudgetStore
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import CheckpointStore, FileCheckpoint, own_files
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import RowsChanged, locked
from airflow_provider_upstash_vector.bulk.tracking.failures import FailuresFile, MissingFile
from airflow_provider_upstash_vector.bulk.tracking.progress import Log, ProgressKind
from airflow_provider_upstash_vector.bulk.tracking.writing import WriteFailed, writing
from airflow_provider_upstash_vector.cancellation import CancelToken, in_thread
from airflow_provider_upstash_vector.client import Credentials, Endpoint, RetryPolicy

log = logging.getLogger(__name__)

PathLike = str | os.PathLike[str] | OpenablePath


async def run_async(
    options: BulkOptions,
    rows: object,
    endpoint: Endpoint | Credentials,
    *,
    policy: RetryPolicy | None = None,
    failures_path: PathLike | None = None,
    missing_path: PathLike | None = None,
    checkpoint: PathLike | CheckpointStore | None = None,
    budget_store: BudgetStore | None = None,
    keep_checkpoint: bool = False,
    cancel_token: CancelToken | None = None,
    progress: ProgressKind = "auto",
    find_paths: FindPaths = local_paths,
    log: Log = log,
) -> BulkReport:
    """Run the operation of ``options`` on each row; return the report."""
    store = open_store(checkpoint, find_paths)
    failures = None if failures_path is None else FailuresFile(one_path(failures_path, find_paths))
    missing = None if missing_path is None else MissingFile(one_path(missing_path, find_paths))

    def open_checked() -> tuple[Source | AsyncSource, str, WriteFailed | None]:
        files = [file.own_files() for file in (failures, missing) if file]
        own = OwnFiles(*files, own_files(store) if store else ())
        source = open_rows(rows, options, find_paths, own)
        fingerprint = f"{endpoint.url} {source.fingerprint} {options.fingerprint()}"
        try:
            if missing and not options.dry_run:
                missing.check()
            _check_files(failures, store, dry_run=options.dry_run)
        except WriteFailed as error:
            return source, fingerprint, error
        return source, fingerprint, None

    # in a thread, since it may ask an object store for sizes, and import a model
    source, fingerprint, blocked = await in_thread(open_checked)
    if budget_store is None and isinstance(store, BudgetStore):
        budget_store = store
    if options.daily_budget is not None and budget_store is None:
        log.info("daily_budget covers this run alone: it has no checkpoint at a path, or budget_store, to share.")
    with ExitStack() as locking:
        try:
            lock = locking.enter_context(locked(None if options.dry_run or blocked else store))
        except WriteFailed as error:
            lock, blocked = None, error
        environment = RunEnvironment(
            policy=policy or RetryPolicy(),
            cancel_token=cancel_token or CancelToken(),
            fingerprint=fingerprint,
            store=store,
            lock=lock,
            budget_store=budget_store,
            keep_checkpoint=keep_checkpoint,
            failures=failures,
            missing=missing,
            progress=progress,
            log=log,
            blocked=blocked,
        )
        try:
            return await Job(source, endpoint, options, environment).run()
        except RowsChanged:
            return await Job(source, endpoint, options, environment).run()


def open_rows(rows: object, options: BulkOptions, find_paths: FindPaths, own: OwnFiles) -> Source | AsyncSource:
    """Return the source for ``rows``, without the files that the run writes. Raises :class:`InvalidRows`."""
    return open_source(
        rows,
        options.names,
        shard=options.part(),
        format=options.format,
        delimiter=options.delimiter,
        rows_field=options.rows_field,
        find_paths=find_paths,
        own=own,
    )


def _check_files(failures: FailuresFile | None, store: CheckpointStore | None, *, dry_run: bool) -> None:
    """Raise ``InvalidRows`` rather than replace a file that is not a run's, or failures that a run will need."""
    if failures:
        failures.check()
    if isinstance(store, FileCheckpoint):
        with writing("checkpoint", f"the checkpoint {store.path} cannot be read"):
            store.check()
    if dry_run and failures and store:
        with writing("checkpoint", "the checkpoint cannot be read"):
            resumable = bool(store.load())
        if resumable:
            raise InvalidRows(
                f"{failures} has the failures of a run that can be resumed; give the dry run another failures_path"
            )


def open_checkpoint(path: PathLike, find_paths: FindPaths = local_paths, *, owner: str = "") -> FileCheckpoint:
    """Return the checkpoint in a file, whose runs of the same ``owner`` take over from one another."""
    return FileCheckpoint(one_path(path, find_paths), owner)


def open_store(checkpoint: PathLike | CheckpointStore | None, find: FindPaths) -> CheckpointStore | None:
    """Return the store of a checkpoint."""
    if checkpoint is None or isinstance(checkpoint, CheckpointStore):
        return checkpoint
    return open_checkpoint(checkpoint, find)


def one_path(path: PathLike, find: FindPaths) -> OpenablePath:
    """Return the path of a file; a local one is absolute, since messages and the report name it."""
    if not isinstance(path, Path) and (isinstance(path, str) or not isinstance(path, OpenablePath)):
        paths = find(os.fspath(path)) if os.fspath(path) else ()
        if len(paths) != 1:
            raise InvalidRows(f"{path!r} must name one file")
        path = paths[0]
    local = local_path(path)
    return path if local is None else local.absolute()
