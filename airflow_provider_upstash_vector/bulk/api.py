"""The functions that start a run: ``update_async`` on an event loop, ``update`` without one."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import ExitStack
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, cast

from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed
from airflow_provider_upstash_vector.bulk.job import Job
from airflow_provider_upstash_vector.bulk.options import BulkArguments, BulkOptions
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
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import RowsChanged, clear_checkpoint, locked
from airflow_provider_upstash_vector.bulk.tracking.failures import FailuresFile, MissingFile
from airflow_provider_upstash_vector.bulk.tracking.progress import Log, ProgressKind
from airflow_provider_upstash_vector.bulk.tracking.writing import WriteFailed, writing
from airflow_provider_upstash_vector.cancellation import CancelToken, in_thread
from airflow_provider_upstash_vector.client import Credentials, Endpoint, RetryPolicy

if TYPE_CHECKING:
    from typing_extensions import Unpack

log = logging.getLogger(__name__)

P = ParamSpec("P")

PathLike = str | os.PathLike[str] | OpenablePath


async def update_async(
    rows: object,
    endpoint: Endpoint | Credentials,
    *,
    namespace: str = "",
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
    **arguments: Unpack[BulkArguments],
) -> BulkReport:
    """Send an update for each row, many at a time, on the running event loop; return the report.

    Updates of one vector are sent in the order of the rows, one after another. After a timeout or a lost response
    the service may still apply the request later than newer ones, which no client can prevent.

    Raises :class:`~.errors.BulkJobFailed`, with the report, if the run stopped early or had more failures than
    allowed; ``InvalidRows`` or ``ValueError`` before anything is sent; and the errors of ``info``, which is
    requested first; :class:`~.errors.CheckpointInUse` if another run has the local checkpoint.

    :param rows: mappings with ``id`` and any of ``vector``, ``sparse_vector``, ``data``, ``metadata``,
        ``metadata_update_mode`` and ``namespace``, or ``VectorUpdate`` objects, in a list, any iterable or async
        iterable; a DataFrame or Arrow table; the path of a JSON, CSV or Parquet file, a folder of Spark, a glob,
        or several of them.
    :param endpoint: URL and token of the index, or the :class:`Credentials` that read a rotated token again.
    :param namespace: for rows that set none; ``""`` for the index's default one.
    :param policy: the retries and timeouts of one row. While no request at all gets a response, rows use up no
        attempts; after ``total_timeout_seconds`` of that, the run stops as ``service_unavailable``.
    :param failures_path: a JSON Lines file for rows that were rejected or failed. It and the checkpoint's file are
        never read as rows, and get mode 0600; a file there that no run has written is an error, and a symbolic
        link is replaced.
    :param missing_path: such a file for the ids that are not in the index, with id and namespace on each line.
    :param checkpoint: a file, or a :class:`CheckpointStore`, that a later run resumes from.
    :param budget_store: keeps the day's requests for ``daily_budget``; by default in ``<checkpoint>.budget``.
        Without either, the budget covers this run alone.
    :param keep_checkpoint: keep the checkpoint of a finished run too, so that a later run sends nothing, until
        :func:`forget`.
    :param cancel_token: cancels the run from another thread.
    :param progress: ``"log"``, ``"bar"``, ``"none"``, or ``"auto"`` for a bar on a terminal.
    :param find_paths: turns a path, glob or URI into paths; by default those of this machine's disk.
    :param log: the logger for the lines of progress.
    :param arguments: those of :class:`~.options.BulkArguments`.
    """
    options = BulkOptions(namespace=namespace, **arguments)
    store = _store(checkpoint, find_paths)
    failures = None if failures_path is None else FailuresFile(_path(failures_path, find_paths))
    missing = None if missing_path is None else MissingFile(_path(missing_path, find_paths))

    def open_checked() -> tuple[Source | AsyncSource, WriteFailed | None]:
        files = [file.own_files() for file in (failures, missing) if file]
        own = OwnFiles(*files, own_files(store) if store else ())
        part, names = options.part(), options.names
        source = open_source(
            rows,
            names,
            shard=part,
            format=options.format,
            delimiter=options.delimiter,
            find_paths=find_paths,
            own=own,
        )
        try:
            if missing and not options.dry_run:
                missing.check()
            _check_files(failures, store, dry_run=options.dry_run)
        except WriteFailed as error:
            return source, error
        return source, None

    # in a thread, since it may ask an object store for sizes
    source, blocked = await in_thread(open_checked)
    if budget_store is None and isinstance(store, BudgetStore):
        budget_store = store
    if options.daily_budget is not None and budget_store is None:
        log.info("daily_budget covers this run alone; set checkpoint to a path to cover all runs that share it.")
    with ExitStack() as locking:
        try:
            lock = locking.enter_context(locked(None if options.dry_run or blocked else store))
        except WriteFailed as error:
            lock, blocked = None, error
        environment = RunEnvironment(
            policy=policy or RetryPolicy(),
            cancel_token=cancel_token or CancelToken(),
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


def forget(checkpoint: PathLike | CheckpointStore, find_paths: FindPaths = local_paths) -> None:
    """Delete the checkpoint of a finished run with ``keep_checkpoint``. Raises the errors of its store."""
    store = _store(checkpoint, find_paths)
    if store is not None:
        clear_checkpoint(store)


def open_checkpoint(path: PathLike, find_paths: FindPaths = local_paths, *, owner: str = "") -> FileCheckpoint:
    """Return the checkpoint in a file, whose runs of the same ``owner`` take over from one another."""
    return FileCheckpoint(_path(path, find_paths), owner)


def _store(checkpoint: PathLike | CheckpointStore | None, find: FindPaths) -> CheckpointStore | None:
    if checkpoint is None or isinstance(checkpoint, CheckpointStore):
        return checkpoint
    return open_checkpoint(checkpoint, find)


def _path(path: PathLike, find: FindPaths) -> OpenablePath:
    """Return the path of a file; a local one is absolute, since messages and the report name it."""
    if not isinstance(path, Path) and (isinstance(path, str) or not isinstance(path, OpenablePath)):
        paths = find(os.fspath(path)) if os.fspath(path) else ()
        if len(paths) != 1:
            raise InvalidRows(f"{path!r} must name one file")
        path = paths[0]
    local = local_path(path)
    return path if local is None else local.absolute()


def _run_in_thread(job: Coroutine[Any, Any, BulkReport], cancel_token: CancelToken) -> BulkReport:
    """Run ``job`` in another thread, and wait for it.

    If the wait is interrupted, cancel the run, and raise the interruption when nothing is in flight; its cause is
    the error of the run, with the report.

    The loop has its own thread because Airflow raises a task's timeout in a signal handler, so anywhere in the
    main thread: while an outcome is being recorded, or in a callback whose errors asyncio only logs. Also, this
    thread may already have a loop.
    """
    done: Future[BulkReport] = Future()

    def work() -> None:
        try:
            done.set_result(asyncio.run(job))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            done.set_exception(error)

    thread = threading.Thread(target=copy_context().run, args=(work,), name="bulk-update", daemon=True)
    thread.start()
    try:
        return done.result()
    except BaseException as interruption:
        if not done.done():
            cancel_token.cancel()
            try:
                log.warning("Interrupted when the run had finished: %s", done.result())
            except BulkJobFailed as error:
                log.warning("Interrupted: %s", error)
                raise interruption from error
        raise


def _blocking(start: Callable[P, Coroutine[Any, Any, BulkReport]]) -> Callable[P, BulkReport]:
    def run(*args: P.args, **kwargs: P.kwargs) -> BulkReport:
        cancel_token = kwargs["cancel_token"] = kwargs.get("cancel_token") or CancelToken()
        return _run_in_thread(start(*args, **kwargs), cast("CancelToken", cancel_token))

    run.__doc__ = (start.__doc__ or "").replace("on the running event loop", "and wait for it")
    run.__signature__ = inspect.signature(start)  # type: ignore[attr-defined]  # functions take any attribute
    return run


update = _blocking(update_async)
