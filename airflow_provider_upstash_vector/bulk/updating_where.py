"""Updates of the metadata of all vectors that match a filter: a scan finds those that it would change."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from airflow_provider_upstash_vector.bulk.api import blocking
from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed, TooManyMatches
from airflow_provider_upstash_vector.bulk.matches import Matches, MetadataChange
from airflow_provider_upstash_vector.bulk.operations.update import UpdateOptions
from airflow_provider_upstash_vector.bulk.options import BulkOptions, OnBudget
from airflow_provider_upstash_vector.bulk.reading.paced import PacedClient
from airflow_provider_upstash_vector.bulk.reading.scan import Scan
from airflow_provider_upstash_vector.bulk.report import BulkReport
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import for_time_limit, raise_for_stop
from airflow_provider_upstash_vector.bulk.sources import FindPaths, local_paths
from airflow_provider_upstash_vector.bulk.starting import PathLike, run_async
from airflow_provider_upstash_vector.bulk.stopping import Stopped, unless_stopped
from airflow_provider_upstash_vector.bulk.tracking.budget import BudgetStore
from airflow_provider_upstash_vector.bulk.tracking.progress import Log, ProgressKind
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import (
    Credentials,
    Endpoint,
    RetryPolicy,
    validation,
)
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.filters import Filter

log = _log = logging.getLogger(__name__)

_MAX_MATCHES = 2**40
_NOTHING_SENT = BulkReport(
    total=0,
    done=0,
    missing=0,
    rejected=0,
    failed=0,
    not_attempted=0,
    retries=0,
    bytes_sent=0,
    seconds=0.0,
    throttled_seconds=0.0,
    all_read=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateWhereReport(BulkReport):
    """The report of the updates, and the counts of the scan before them, whose pages are ``reads``.

    Of the ``matched`` vectors, ``unchanged`` have the metadata already; the others are the rows of the report.
    """

    scanned: int = 0
    matched: int = 0
    unchanged: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        counts = {name: getattr(self, name) for name in ("scanned", "matched", "unchanged")}
        return {**counts, **BulkReport.to_dict(self)}

    def __str__(self) -> str:
        counts = f"{self.matched:,} of {self.scanned:,} scanned vectors match, {self.unchanged:,} unchanged; "
        return counts + BulkReport.__str__(self)


@dataclass(frozen=True, kw_only=True)
class UpdateWhereOptions:
    """The limits of an update of all that matches. Raises ``ValueError`` for an invalid value."""

    left_out: ClassVar[frozenset[str]] = frozenset()
    max_matches: int | None = 50_000
    max_concurrency: int = BulkOptions.max_concurrency
    max_rows_per_second: float | None = BulkOptions.max_rows_per_second
    max_failures: int | str = BulkOptions.max_failures
    daily_budget: int | None = BulkOptions.daily_budget
    on_budget: OnBudget = BulkOptions.on_budget
    time_limit_seconds: float | None = BulkOptions.time_limit_seconds
    dry_run: bool = BulkOptions.dry_run

    def __post_init__(self) -> None:
        if self.max_matches is not None:
            validation.whole_number(self.max_matches, "max_matches", _MAX_MATCHES)
        self.of_updates()

    def of_updates(self, **others: Any) -> UpdateOptions:
        """Return the options of the updates."""
        limits = {name: value for name, value in vars(self).items() if name != "max_matches"}
        return UpdateOptions(**limits, **others, check_index=False)


async def update_where_async(
    endpoint: Endpoint | Credentials,
    *,
    where: Filter,
    metadata: Mapping[str, Any],
    metadata_update_mode: str | None = "PATCH",
    prefix: str | None = None,
    namespace: str = "",
    max_matches: int | None = UpdateWhereOptions.max_matches,
    max_concurrency: int = BulkOptions.max_concurrency,
    max_rows_per_second: float | None = BulkOptions.max_rows_per_second,
    max_failures: int | str = BulkOptions.max_failures,
    daily_budget: int | None = BulkOptions.daily_budget,
    on_budget: OnBudget = BulkOptions.on_budget,
    time_limit_seconds: float | None = BulkOptions.time_limit_seconds,
    dry_run: bool = BulkOptions.dry_run,
    policy: RetryPolicy | None = None,
    failures_path: PathLike | None = None,
    budget_store: BudgetStore | None = None,
    cancel_token: CancelToken | None = None,
    progress: ProgressKind = "auto",
    find_paths: FindPaths = local_paths,
    log: Log = log,
) -> UpdateWhereReport:
    """Change the metadata of all vectors that match a filter, on the running event loop; return the report.

    The vectors of the namespace are read first, in pages without vectors, and the filter is evaluated here: a
    query with a filter may leave matches out. Only those that the metadata would change are updated, so that a
    second run sends no update. What is written meanwhile may or may not be seen.

    Raises ``InvalidRequest`` or ``ValueError`` before anything is sent; :class:`~.errors.TooManyMatches` and
    the errors of the client before anything is written; :class:`~.errors.BulkJobFailed`, with the report, if it
    stopped early or had more failures than allowed.

    :param endpoint: URL and token of the index, or the :class:`Credentials` that read a rotated token again.
    :param where: the filter, built with ``Field``.
    :param metadata: the metadata that each match gets.
    :param metadata_update_mode: ``PATCH``, which changes only the fields in ``metadata`` and deletes those that
        are ``None`` there, or ``OVERWRITE``, which replaces all metadata.
    :param prefix: read only vectors whose id starts with it.
    :param namespace: the namespace; ``""`` for the index's default one.
    :param max_matches: the number of vectors that may match; if more do, nothing is written. ``None``: no limit.
    :param max_concurrency: the maximum of requests in flight, 1 to 4,096.
    :param max_rows_per_second: of the updates; unlimited by default.
    :param max_failures: failed updates to tolerate: a count, or a share as text (``1%``).
    :param daily_budget: updates per day (UTC), over all runs with this ``budget_store``.
    :param on_budget: ``fail`` or ``return`` when the daily budget or quota is exhausted.
    :param time_limit_seconds: seconds after which the run stops and fails.
    :param dry_run: write nothing; the vectors that would be updated are ``not_attempted``.
    :param policy: the retries and timeouts of one request.
    :param failures_path: a JSON Lines file for failed updates.
    :param budget_store: keeps the rows of the day.
    :param cancel_token: cancels the run from another thread.
    :param progress: ``"log"``, ``"bar"``, ``"none"``, or ``"auto"`` for a bar on a terminal.
    :param find_paths: turns a path or URI into a path; by default one of this machine's disk.
    :param log: the logger for the lines of progress.
    """
    options = UpdateWhereOptions(
        max_matches=max_matches,
        max_concurrency=max_concurrency,
        max_rows_per_second=max_rows_per_second,
        max_failures=max_failures,
        daily_budget=daily_budget,
        on_budget=on_budget,
        time_limit_seconds=time_limit_seconds,
        dry_run=dry_run,
    )
    change = MetadataChange.checked(where, metadata, metadata_update_mode)
    updates = options.of_updates(namespace=namespace, metadata_update_mode=change.mode)
    scan = Scan(
        namespace=updates.namespace,
        prefix=_checked_prefix(prefix),
        include_vectors=False,
        include_data=False,
    )
    token, started = cancel_token or CancelToken(), time.monotonic()
    with tempfile.TemporaryFile(prefix="update-where-") as file:
        matches = Matches(change, file)
        try:
            async with PacedClient(endpoint, policy=policy) as client:
                await unless_stopped(matches.find(client, scan), token, options.time_limit_seconds)
        except Stopped as stopped:
            raise_for_stop(stopped.stop_reason, _report(_NOTHING_SENT, matches, time.monotonic() - started))
        if matches.warning:
            _log.warning("%s", matches.warning)
        if options.max_matches is not None and matches.matched > options.max_matches:
            error = TooManyMatches(matches.matched, options.max_matches, "max_matches")
            error.add_context(call="update_where", namespace=updates.namespace, id=None, attempts=0)
            raise error
        scan_seconds = time.monotonic() - started
        log.info("%s", matches)
        try:
            report = await run_async(
                _within(updates, scan_seconds),
                matches.rows(),
                endpoint,
                policy=policy,
                failures_path=failures_path,
                budget_store=budget_store,
                cancel_token=token,
                progress=progress,
                find_paths=find_paths,
                log=log,
            )
        except BulkJobFailed as error:
            raise _failed(error, _report(error.report, matches, scan_seconds), options) from error.__cause__
    return _report(report, matches, scan_seconds)


def _checked_prefix(prefix: object) -> str | None:
    if prefix == "":
        raise InvalidRequest("prefix", "must not be empty: leave it out to read all vectors")
    return None if prefix is None else validation.text(prefix, "prefix")


def _within(options: UpdateOptions, seconds: float) -> UpdateOptions:
    """Return the options of a run that began ``seconds`` ago."""
    limit = options.time_limit_seconds
    return options if limit is None else replace(options, time_limit_seconds=max(limit - seconds, 0.001))


def _report(report: BulkReport, matches: Matches, scan_seconds: float) -> UpdateWhereReport:
    """Return the report with the counts of the scan, and the rows that a run that stopped has not read."""
    fields = {name: getattr(report, name) for name in BulkReport.__dataclass_fields__}
    for name in ("scanned", "matched", "unchanged", "reads"):
        fields[name] = getattr(matches, name)
    left, stats = matches.changed - report.total, matches.request_stats
    fields["total"] += left
    fields["not_attempted"] += left
    fields["all_read"] = matches.complete
    fields["seconds"] += scan_seconds
    fields["retries"] += stats.retries
    fields["throttled_seconds"] += stats.throttled_seconds
    fields["this_attempt"] = replace(
        report.this_attempt,
        **{name: getattr(report.this_attempt, name) + value for name, value in asdict(stats).items()},
    )
    return UpdateWhereReport(**fields)


def _failed(error: BulkJobFailed, report: UpdateWhereReport, options: UpdateWhereOptions) -> BulkJobFailed:
    explanation = error.explanation
    if error.reason == "time_limit" and options.time_limit_seconds is not None:
        explanation = for_time_limit(options.time_limit_seconds).explanation
    return BulkJobFailed(error.reason, explanation, report, error.retryable)


update_where = blocking(update_where_async)
