"""Runs that find out how fast they may be, on a server with a limit, and say so."""

from __future__ import annotations

import logging
import os
import resource

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.sending.ceiling import concurrency_ceiling
from airflow_provider_upstash_vector.bulk.sending.throttle import Throttle
from airflow_provider_upstash_vector.bulk.tracking import progress
from airflow_provider_upstash_vector.client import Endpoint
from benchmarks.bulk.limiting_server import Limits, limiting_server


@pytest.mark.parametrize("ends_early", [False, True])
def test_what_a_run_has_found_is_logged_once_shown_and_kept(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, ends_early: bool
) -> None:
    if ends_early:
        monkeypatch.setattr(Throttle, "is_settled", False)
    monkeypatch.setattr(progress, "LOG_EVERY_SECONDS", 0.1)
    caplog.set_level(logging.INFO)
    rows = [{"id": str(number), "metadata": {}} for number in range(1_500)]
    with limiting_server(Limits(latency=0.005, rate=300, burst=20), sorted(os.sched_getaffinity(0))) as url:
        report = bulk.update(rows, Endpoint.of(url, "token"), check_index=False, progress="log")
    assert report.done == 1_500
    assert report.pace is not None
    assert report.pace.allowed_rows_per_second is not None
    assert 50 < report.pace.allowed_rows_per_second < 600
    assert report.to_dict()["pace"]["latency_seconds"] >= 0.005
    found = [text for text in caplog.messages if text.startswith("About ")]
    assert len(found) == 1
    assert "rows/s allowed, " in found[0]
    assert any("/s (about " in text for text in caplog.messages)


@pytest.mark.parametrize(
    ("files", "ceiling"), [(65_536, 1_024), (2_048, 1_024), (1_000, 500), (1, 1), (resource.RLIM_INFINITY, 1_024)]
)
def test_half_of_the_open_files_is_the_most_in_flight(
    files: int, ceiling: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert concurrency_ceiling(1_024) == ceiling
    assert len(caplog.messages) == (ceiling < 1_024)
