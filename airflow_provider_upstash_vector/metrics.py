"""Metrics of a task, told once at its end through Airflow's Stats, which without metrics are not even imported."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta

from airflow.providers.common.compat.sdk import conf

from airflow_provider_upstash_vector.bulk.report import BulkReport
from airflow_provider_upstash_vector.client.traffic import Traffic

log = logging.getLogger(__name__)

_PREFIX = "upstash_vector"
_SWITCHES = ("statsd_on", "statsd_datadog_enabled", "otel_on")


def tell_update(outcome: str, traffic: Traffic) -> None:
    """Tell of one update: its outcome, and what its client has sent."""
    _tell({outcome: 1}, traffic)


def tell_bulk_update(report: BulkReport) -> None:
    """Tell of a bulk run what it has done itself: what an earlier try did, that one has told."""
    added = report.added
    if report.dry_run:
        return
    outcomes = {
        "updated": added.updated,
        "missing": added.missing,
        "rejected": added.rejected,
        "failed": added.failed,
        "not_attempted": report.not_attempted,
    }
    traffic = Traffic(
        requests=added.requests,
        request_seconds=added.request_seconds,
        retries=added.retries,
        throttled_seconds=added.throttled_seconds,
    )
    _tell(outcomes, traffic)


def _tell(outcomes: Mapping[str, int], traffic: Traffic) -> None:
    try:
        if not any(conf.getboolean("metrics", switch, fallback=False) for switch in _SWITCHES):
            return
        from airflow.providers.common.compat.sdk import Stats  # noqa: PLC0415 - as above

        for outcome, rows in outcomes.items():
            if rows:
                Stats.incr(f"{_PREFIX}.updates.{outcome}", rows)
        if traffic.requests:
            Stats.incr(f"{_PREFIX}.requests", traffic.requests)
            mean = timedelta(seconds=traffic.request_seconds / traffic.requests)
            Stats.timing(f"{_PREFIX}.request_duration", mean)
        if traffic.retries:
            Stats.incr(f"{_PREFIX}.retries", traffic.retries)
        if traffic.throttled_seconds:
            Stats.timing(f"{_PREFIX}.throttled_duration", timedelta(seconds=traffic.throttled_seconds))
    except Exception as error:  # noqa: BLE001 - no task fails for its metrics
        log.warning("Metrics could not be told: %s: %s", type(error).__name__, error)
