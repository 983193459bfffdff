"""Metrics of a task, emitted once at its end through Airflow's Stats, which are imported only if enabled."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta

from airflow.providers.common.compat.sdk import conf

from airflow_provider_upstash_vector.bulk.report import BulkReport, ThisAttempt
from airflow_provider_upstash_vector.client.base import RequestStats

_log = logging.getLogger(__name__)

_PREFIX = "upstash_vector"
_SWITCHES = ("statsd_on", "statsd_datadog_enabled", "otel_on")


def emit_bulk_metrics(report: BulkReport) -> None:
    """Emit a bulk run's own work; earlier attempts have reported theirs."""
    this_attempt = report.this_attempt
    if report.dry_run:
        return
    outcomes = {name: getattr(this_attempt, name) for name in ("missing", "rejected", "failed")}
    outcomes |= {report.outcome: this_attempt.done, "not_attempted": report.not_attempted}
    emit_metrics(f"{report.operation}s", outcomes, request_stats(this_attempt))


def request_stats(this_attempt: ThisAttempt) -> RequestStats:
    """Return the requests of a run alone."""
    return RequestStats(**{field.name: getattr(this_attempt, field.name) for field in fields(RequestStats)})


def emit_metrics(operations: str, outcomes: Mapping[str, int], stats: RequestStats) -> None:
    """Emit the rows of an operation, named in the plural, by outcome, and its requests."""
    try:
        if not any(conf.getboolean("metrics", switch, fallback=False) for switch in _SWITCHES):
            return
        from airflow.providers.common.compat.sdk import Stats  # noqa: PLC0415 - only if enabled

        for outcome, rows in outcomes.items():
            if rows:
                Stats.incr(f"{_PREFIX}.{operations}.{outcome}", rows)
        if stats.requests:
            Stats.incr(f"{_PREFIX}.requests", stats.requests)
            mean = timedelta(seconds=stats.request_seconds / stats.requests)
            Stats.timing(f"{_PREFIX}.request_duration", mean)
        if stats.retries:
            Stats.incr(f"{_PREFIX}.retries", stats.retries)
        if stats.throttled_seconds:
            Stats.timing(f"{_PREFIX}.throttled_duration", timedelta(seconds=stats.throttled_seconds))
    except Exception as error:  # noqa: BLE001 - metrics must not fail a task
        _log.warning("Metrics could not be emitted: %s: %s", type(error).__name__, error)
