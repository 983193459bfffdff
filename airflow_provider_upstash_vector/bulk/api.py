"""The functions that start a run, each on an event loop (``update_async``) and without one (``update``)."""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from textwrap import indent
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ParamSpec, TypedDict, TypeVar, cast, get_type_hints

from airflow_provider_upstash_vector.bulk.exports.api import export_async
from airflow_provider_upstash_vector.bulk.operations.copy import CopyArguments
from airflow_provider_upstash_vector.bulk.operations.delete import DeleteArguments, DeleteOptions
from airflow_provider_upstash_vector.bulk.operations.update import UpdateArguments, UpdateOptions
from airflow_provider_upstash_vector.bulk.operations.upsert import UpsertArguments, UpsertOptions
from airflow_provider_upstash_vector.bulk.options import BulkOptions, LimitArguments, option_help, option_types
from airflow_provider_upstash_vector.bulk.report import BulkReport
from airflow_provider_upstash_vector.bulk.sources import FindPaths, local_paths
from airflow_provider_upstash_vector.bulk.starting import PathLike, open_store, run_async
from airflow_provider_upstash_vector.bulk.syncing.options import SyncArguments
from airflow_provider_upstash_vector.bulk.tracking.budget import BudgetStore
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import CheckpointStore
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import clear_checkpoint
from airflow_provider_upstash_vector.bulk.tracking.progress import Log, ProgressKind
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import Credentials, Endpoint, RetryPolicy
from airflow_provider_upstash_vector.client.errors import UpstashVectorError

if TYPE_CHECKING:
    from typing_extensions import Unpack

log = logging.getLogger(__name__)

_ARGUMENTS = re.compile(r":param arguments: .*")

P = ParamSpec("P")
T = TypeVar("T")
AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


class SharedRunArguments(TypedDict, total=False):
    """The keyword arguments of every run, with or without a checkpoint."""

    policy: RetryPolicy | None
    failures_path: PathLike | None
    budget_store: BudgetStore | None
    cancel_token: CancelToken | None
    progress: ProgressKind
    find_paths: FindPaths
    log: Log


class RunArguments(SharedRunArguments, total=False):
    """The keyword arguments of runs with a checkpoint, with the defaults of :func:`run_async`.

    :param policy: the retries and timeouts of one request. While no request at all gets a response, rows use up
        no attempts; after ``total_timeout_seconds`` of that, the run stops as ``service_unavailable``.
    :param failures_path: a JSON Lines file for rows that were rejected or failed. It and the checkpoint's file are
        never read as rows, and get mode 0600; a file there that no run has written is an error, and a symbolic
        link is replaced.
    :param checkpoint: a file, or a :class:`CheckpointStore`, that a later run resumes from.
    :param budget_store: keeps the rows of the day for ``daily_budget``; by default in ``<checkpoint>.budget``.
        Without either, the budget covers this run alone.
    :param keep_checkpoint: keep the checkpoint of a finished run too, so that a later run sends nothing, until
        :func:`forget`.
    :param cancel_token: cancels the run from another thread.
    :param progress: ``"log"``, ``"bar"``, ``"none"``, or ``"auto"`` for a bar on a terminal.
    :param find_paths: turns a path, glob or URI into paths; by default those of this machine's disk.
    :param log: the logger for the lines of progress.
    """

    checkpoint: PathLike | CheckpointStore | None
    keep_checkpoint: bool


class BulkUpdateArguments(UpdateArguments, RunArguments, total=False):
    """The keyword arguments of :func:`update`."""


class BulkUpsertArguments(UpsertArguments, RunArguments, total=False):
    """The keyword arguments of :func:`upsert`."""


class BulkCopyArguments(CopyArguments, RunArguments, total=False):
    """The keyword arguments of :func:`copy`."""


class BulkDeleteArguments(DeleteArguments, RunArguments, total=False):
    """The keyword arguments of :func:`delete`."""


class BulkSyncArguments(SyncArguments, SharedRunArguments, total=False):
    """The keyword arguments of :func:`sync`."""


class BulkUpdateWhereArguments(LimitArguments, SharedRunArguments, total=False):
    """The keyword arguments of :func:`update_where`."""

    metadata_update_mode: str | None
    prefix: str | None
    max_matches: int | None


def run_help(run_arguments: type = RunArguments) -> str:
    """Return the lines about the arguments of a run."""
    _, *texts = inspect.cleandoc(RunArguments.__doc__ or "").split("\n:param ")
    return "\n".join(f":param {text}" for text in texts if text.partition(":")[0] in run_arguments.__annotations__)


def with_signature(
    options_type: type[BulkOptions], run_arguments: type = RunArguments
) -> Callable[[AnyFunction], AnyFunction]:
    """Return a decorator that spells out ``**arguments``, also in the docstring."""

    def complete(function: AnyFunction) -> AnyFunction:
        own = inspect.signature(function)
        parameters = {name: part for name, part in own.parameters.items() if part.kind is not part.VAR_KEYWORD}
        run = inspect.signature(run_async).parameters
        parameters |= {name: run[name] for name in run_arguments.__annotations__ if name not in parameters}
        types = {name: part.annotation for name, part in parameters.items()}
        types = get_type_hints(SimpleNamespace(__annotations__=types), globals())
        parameters = {name: part.replace(annotation=types[name]) for name, part in parameters.items()}
        texts = option_help(options_type)
        for name, kind in option_types(options_type).items():
            if name not in parameters:
                default = getattr(options_type, name)
                keyword = inspect.Parameter.KEYWORD_ONLY
                parameters[name] = inspect.Parameter(name, keyword, default=default, annotation=kind)
        options = [f":param {name}: {text}." for name, text in texts.items() if name != "namespace"]
        lines = indent("\n".join([run_help(run_arguments), *options]), "    ").lstrip()
        function.__doc__ = _ARGUMENTS.sub(lambda _: lines, function.__doc__ or "")
        signature = own.replace(parameters=[*parameters.values()])
        function.__signature__ = signature  # type: ignore[attr-defined]  # functions take any attribute
        return function

    return complete


@with_signature(UpdateOptions)
async def update_async(
    rows: object,
    endpoint: Endpoint | Credentials,
    *,
    namespace: str = "",
    missing_path: PathLike | None = None,
    **arguments: Unpack[BulkUpdateArguments],
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
    :param missing_path: a JSON Lines file for the ids that are not in the index, with id and namespace on each
        line.
    :param arguments: those of :class:`BulkUpdateArguments`.
    """
    return await _run(UpdateOptions, rows, endpoint, {"namespace": namespace, **arguments}, missing_path)


@with_signature(UpsertOptions)
async def upsert_async(
    rows: object,
    endpoint: Endpoint | Credentials,
    *,
    namespace: str = "",
    **arguments: Unpack[BulkUpsertArguments],
) -> BulkReport:
    """Write a whole vector for each row, up to 1,000 a request, on the running event loop; return the report.

    An upsert replaces the whole vector: data and metadata that a row does not have are gone. Rows with only
    ``data`` are embedded by the index. A batch that the service refuses is sent in halves, until the bad row fails
    alone. Order, errors and retries are those of :func:`update_async`.

    :param rows: mappings with ``id`` and any of ``vector``, ``sparse_vector``, ``data``, ``metadata`` and
        ``namespace``, or ``Vector`` and ``Data`` objects, in any form that :func:`update_async` takes.
    :param endpoint: URL and token of the index, or the :class:`Credentials` that read a rotated token again.
    :param namespace: for rows that set none; ``""`` for the index's default one.
    :param arguments: those of :class:`BulkUpsertArguments`.
    """
    return await _run(UpsertOptions, rows, endpoint, {"namespace": namespace, **arguments})


@with_signature(DeleteOptions)
async def delete_async(
    rows: object,
    endpoint: Endpoint | Credentials,
    *,
    namespace: str = "",
    **arguments: Unpack[BulkDeleteArguments],
) -> BulkReport:
    """Delete the vector of each row, up to 1,000 a request, on the running event loop; return the report.

    The service reports how many vectors existed, but not which. After a lost response, those that were deleted
    count as missing. Order, errors and retries are those of :func:`update_async`.

    :param rows: mappings with ``id`` and ``namespace``, whose other fields are ignored, or ids, in any form that
        :func:`update_async` takes; a list or tuple of text names files.
    :param endpoint: URL and token of the index, or the :class:`Credentials` that read a rotated token again.
    :param namespace: for rows that set none; ``""`` for the index's default one.
    :param arguments: those of :class:`BulkDeleteArguments`.
    """
    return await _run(DeleteOptions, rows, endpoint, {"namespace": namespace, **arguments})


async def _run(
    options_type: type[BulkOptions],
    rows: object,
    endpoint: Endpoint | Credentials,
    arguments: dict[str, Any],
    missing_path: PathLike | None = None,
) -> BulkReport:
    run_arguments = taken_run_arguments(arguments)
    return await run_async(options_type(**arguments), rows, endpoint, missing_path=missing_path, **run_arguments)


def taken_run_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that are those of :class:`RunArguments`, and leave the options."""
    return {name: arguments.pop(name) for name in RunArguments.__annotations__.keys() & arguments.keys()}


def forget(checkpoint: PathLike | CheckpointStore, find_paths: FindPaths = local_paths) -> None:
    """Delete the checkpoint of a finished run with ``keep_checkpoint``. Raises the errors of its store."""
    store = open_store(checkpoint, find_paths)
    if store is not None:
        clear_checkpoint(store)


def _run_in_thread(job: Coroutine[Any, Any, T], cancel_token: CancelToken) -> T:
    """Run ``job`` in another thread, and wait for it.

    If the wait is interrupted, cancel the run, and raise the interruption when nothing is in flight; its cause is
    the error of the run, with the report.

    The loop has its own thread because Airflow raises a task's timeout in a signal handler, so anywhere in the
    main thread: while an outcome is being recorded, or in a callback whose errors asyncio only logs. Also, this
    thread may already have a loop.
    """
    done: Future[T] = Future()

    def work() -> None:
        try:
            done.set_result(asyncio.run(job))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            done.set_exception(error)

    thread = threading.Thread(target=copy_context().run, args=(work,), name="bulk-run", daemon=True)
    thread.start()
    try:
        return done.result()
    except BaseException as interruption:
        if not done.done():
            cancel_token.cancel()
            try:
                log.warning("Interrupted when the run had finished: %s", done.result())
            except UpstashVectorError as error:
                log.warning("Interrupted: %s", error)
                raise interruption from error
        raise


def blocking(start: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Return an async function as one that runs on an event loop of its own."""

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        cancel_token = kwargs["cancel_token"] = kwargs.get("cancel_token") or CancelToken()
        return _run_in_thread(start(*args, **kwargs), cast("CancelToken", cancel_token))

    run.__doc__ = (start.__doc__ or "").replace("on the running event loop", "and wait for it")
    run.__signature__ = inspect.signature(start, eval_str=True)  # type: ignore[attr-defined]  # functions take any attribute
    return run


delete = blocking(delete_async)
export = blocking(export_async)
update = blocking(update_async)
upsert = blocking(upsert_async)
