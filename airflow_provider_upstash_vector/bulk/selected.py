"""Deletes of the vectors that ids, a prefix or a filter select, unless they are more than expected."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Coroutine, Iterable, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from airflow_provider_upstash_vector.bulk.api import blocking
from airflow_provider_upstash_vector.bulk.errors import TooManyMatches
from airflow_provider_upstash_vector.bulk.operations.delete import Delete, DeleteOptions
from airflow_provider_upstash_vector.bulk.reading.paced import PacedClient
from airflow_provider_upstash_vector.bulk.reading.scan import Scan
from airflow_provider_upstash_vector.bulk.report import BulkReport, ThisAttempt
from airflow_provider_upstash_vector.bulk.starting import run_async
from airflow_provider_upstash_vector.bulk.tracking.progress import Log
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import (
    Credentials,
    Endpoint,
    RetryPolicy,
    validation,
)
from airflow_provider_upstash_vector.client.errors import Cancelled, InvalidRequest
from airflow_provider_upstash_vector.client.filters import Filter, filter_text
from airflow_provider_upstash_vector.client.validation import IdLike
from airflow_provider_upstash_vector.client.wire.writes import id_batches

log = logging.getLogger(__name__)

T = TypeVar("T")


# Their ids are kept in memory, some 100 bytes each.
MAX_DELETE = 10_000_000


def checked_limit(max_delete: object) -> int:
    """Return a valid ``max_delete`` other than ``None``."""
    return validation.whole_number(max_delete, "max_delete", MAX_DELETE)


def check_selection(*, ids: object, prefix: object, filter: object, max_delete: object) -> None:
    """Raise ``InvalidRequest`` unless the arguments select vectors in one way; their values are not checked."""
    if ids is not None and (prefix is not None or filter is not None):
        raise InvalidRequest("ids", "must be without prefix and filter")
    if ids is None and prefix is None and filter is None:
        raise InvalidRequest("delete", "set ids, prefix or filter")
    if max_delete is None and prefix is not None and filter is not None:
        raise InvalidRequest("max_delete", "must be set to delete by prefix and filter together")
    if max_delete is not None and filter is not None and not isinstance(filter, Filter):
        reason = "must be built with Field if max_delete is set, since matches are then looked up first"
        raise InvalidRequest("filter", f"{reason}; got {validation.shown(filter)}")
    if prefix == "" or filter == "":
        raise InvalidRequest("delete", "an empty prefix or filter would delete everything: use reset for that")


async def delete_selected_async(
    endpoint: Endpoint | Credentials,
    *,
    max_delete: int | None,
    ids: IdLike | Iterable[IdLike] | None = None,
    prefix: str | None = None,
    filter: str | Filter | None = None,
    namespace: str = "",
    policy: RetryPolicy | None = None,
    cancel_token: CancelToken | None = None,
    log: Log = log,
) -> BulkReport:
    """Delete the vectors that ids, a prefix or a filter select, on the running event loop; return the report.

    With ``max_delete``, the ids of all vectors with the prefix, or of the whole namespace, are read first, and
    those that match are deleted: nothing that is written meanwhile. If they are more, none is deleted. Without it,
    the service deletes what matches in one request. After a lost response, what it has deleted is not counted.

    Raises :class:`~.errors.TooManyMatches`; ``InvalidRequest`` before anything is sent; and, when it deletes, the
    errors of :func:`~.api.delete_async`, or of the client.

    :param endpoint: URL and token of the index, or the :class:`Credentials` that read a rotated token again.
    :param max_delete: the number of vectors that may be deleted, up to 10,000,000. ``None`` is no limit, and has
        to be written.
    :param ids: an id, or ids in a list or another iterable; none in it delete nothing.
    :param prefix: what the ids begin with; with ``filter`` only if there is a ``max_delete``.
    :param filter: a filter, built with ``Field`` if there is a ``max_delete``, else also its text.
    :param namespace: the namespace; ``""`` for the index's default one.
    :param policy: the retries and timeouts of one request.
    :param cancel_token: cancels the run from another thread.
    :param log: the logger.
    """
    _check_values(ids, prefix, filter, max_delete)
    options = DeleteOptions(namespace=namespace, check_index=False)
    token, started = cancel_token or CancelToken(), time.monotonic()
    if ids is not None:
        selected = _listed(ids)
        count = len(selected)
    else:
        async with PacedClient(endpoint, policy=policy) as client:
            if max_delete is None:
                call = client.delete(namespace=options.namespace, prefix=prefix, filter=filter)
                deleted = await _unless_cancelled(call, token)
                return _report(options.namespace, deleted, time.monotonic() - started)
            scan = _scan(options.namespace, prefix, with_metadata=filter is not None)
            selected, count = await _unless_cancelled(_matches(client, scan, filter, max_delete), token)
    if max_delete is not None and count > max_delete:
        error = TooManyMatches(count, max_delete, "max_delete")
        error.add_context(call=Delete.name, namespace=options.namespace, id=None, attempts=0)
        raise error
    if not selected:
        log.info("No vector is selected; nothing is deleted.")
        return _report(options.namespace, 0, time.monotonic() - started)
    rows = [{"id": id} for id in selected]
    return await run_async(options, rows, endpoint, policy=policy, cancel_token=token, progress="none", log=log)


def _check_values(ids: object, prefix: object, filter: str | Filter | None, max_delete: object) -> None:
    check_selection(ids=ids, prefix=prefix, filter=filter, max_delete=max_delete)
    if max_delete is not None:
        checked_limit(max_delete)
    if filter is not None:
        filter_text(filter)
    if prefix is not None:
        validation.text(prefix, "prefix")


def _scan(namespace: str, prefix: str | None, *, with_metadata: bool) -> Scan:
    return Scan(
        namespace=namespace,
        prefix=prefix,
        include_vectors=False,
        include_metadata=with_metadata,
        include_data=False,
    )


def _listed(ids: IdLike | Iterable[IdLike]) -> Collection[str]:
    if isinstance(ids, Mapping):
        raise InvalidRequest("ids", f"must be a list of ids, got {validation.shown(ids)}")
    return dict.fromkeys(id for batch in id_batches(ids) for id in batch)


async def _matches(
    client: PacedClient, scan: Scan, filter: str | Filter | None, max_delete: int
) -> tuple[Collection[str], int]:
    """Return the ids that match, not many more than ``max_delete``, and their number."""
    ids: dict[str, None] = {}
    more = 0
    async with aclosing(scan.pages(client)) as pages:
        async for _, page in pages:
            for vector in page.vectors:
                if not isinstance(filter, Filter) or filter.matches(vector.get("metadata")):
                    if len(ids) <= max_delete:
                        ids[vector["id"]] = None
                    else:
                        more += 1
    return ids, len(ids) + more


def _report(namespace: str, deleted: int, seconds: float) -> BulkReport:
    return BulkReport(
        total=deleted,
        done=deleted,
        missing=0,
        rejected=0,
        failed=0,
        not_attempted=0,
        retries=0,
        bytes_sent=0,
        seconds=seconds,
        throttled_seconds=0.0,
        operation=Delete.name,
        outcome=Delete.done,
        rows_by_namespace={namespace: deleted} if deleted else {},
        this_attempt=ThisAttempt(done=deleted),
    )


async def _unless_cancelled(work: Coroutine[Any, Any, T], token: CancelToken) -> T:
    """Return the result of ``work``, or raise :class:`Cancelled` once ``token`` is."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)

    def cancel() -> None:
        loop.call_soon_threadsafe(task.cancel)

    token.add_callback(cancel)
    try:
        return await task
    except asyncio.CancelledError:
        if not token.cancelled:
            raise
        raise Cancelled("the delete was cancelled") from None
    finally:
        token.remove_callback(cancel)


delete_selected = blocking(delete_selected_async)
