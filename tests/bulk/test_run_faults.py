"""Bulk runs while the service misbehaves: in the end, all rows have been applied in order."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import PATIENT, Run, failed, fill, stored

ROWS, IDS = 3_000, 299
# Longer than a busy machine holds up a request: one applied after its timeout could overwrite a newer row.
IMPATIENT = replace(PATIENT, request_timeout_seconds=5.0)

FAULTS: dict[str, dict[str, Any]] = {
    "503": {"kind": "status", "status": 503, "probability": 0.2},
    "503 but applied": {"kind": "status", "status": 503, "applied": True, "probability": 0.2},
    "502 from a proxy": {"kind": "status", "status": 502, "html": True, "probability": 0.1},
    "429": {"kind": "status", "status": 429, "retry_after": "0.01", "probability": 0.01},
    "cut": {"kind": "cut", "probability": 0.1},
    "cut amid the response": {"kind": "cut", "partial": True, "applied": True, "probability": 0.1},
    "slower than the timeout": {"kind": "slow", "seconds": 6.0, "times": 8},
    "byte after byte": {"kind": "drip", "headers": True, "seconds": 0.01, "times": 8},
}
UNREADABLE: dict[str, dict[str, Any]] = {
    "garbage": {"kind": "garbage", "applied": True, "probability": 0.05},
    "huge": {"kind": "huge", "applied": True, "probability": 0.01, "size_bytes": 17 * 1024 * 1024},
}


@pytest.mark.parametrize("operation", ["update", "upsert", "delete"])
def test_a_read_only_token_is_suspected(server: DevServer, operation: str) -> None:
    reader = Endpoint.of(server.url, server.read_only_token)
    error = failed(lambda: getattr(bulk, operation)([{"id": "a", "vector": [1, 1]}], reader, progress="none"))
    assert "403 Forbidden" in str(error)
    assert "the token may be the read-only one, which cannot write" in str(error)


def changes(count: int = ROWS) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return patches, about ten for each vector, and the metadata that they result in."""
    random_value = random.Random(7)
    rows: list[dict[str, Any]] = [
        {
            "id": f"v{random_value.randrange(IDS)}",
            "metadata": {"n": n, f"k{n % 3}": n},
            "metadata_update_mode": "PATCH",
        }
        for n in range(count)
    ]
    after: dict[str, Any] = {f"v{n}": {"n": -1} for n in range(IDS)}
    for row in rows:
        after[row["id"]].update(row["metadata"])
    return rows, after


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_every_row_lands_in_order_whatever_goes_wrong(server: DevServer, run: Run, fault: dict[str, Any]) -> None:
    fill(server, (f"v{n}" for n in range(IDS)))
    rows, after = changes()
    server.faults.add(Fault(**{"times": 10**9, **fault}, command="update"))
    slow = fault["kind"] in {"slow", "drip"}
    report = run(rows, policy=IMPATIENT if slow else PATIENT)
    server.faults.clear()

    assert stored(server) == after
    assert (report.total, report.done) == (ROWS, ROWS)
    retries = server.requests["update"] - ROWS
    # in its time limit, a busy machine may not even have received a request
    assert 0 < retries <= report.retries if slow else 0 < retries == report.retries
    if fault.get("status") == 429:
        assert report.throttled_seconds > 0


@pytest.mark.parametrize("fault", UNREADABLE.values(), ids=UNREADABLE)
def test_rows_with_unreadable_responses_may_have_been_applied(
    server: DevServer, run: Run, fault: dict[str, Any]
) -> None:
    fill(server, (f"v{n}" for n in range(IDS)))
    rows, after = changes(2_000)
    server.faults.add(Fault(**fault, times=10**9, command="update"))
    report = run(rows, max_failures="100%")
    server.faults.clear()

    assert stored(server) == after
    assert 0 < report.failed < 1_000
    assert report.done + report.failed == report.total == len(rows)
    assert report.retries == 0


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_every_upsert_lands_in_order_whatever_goes_wrong(
    server: DevServer, endpoint: Endpoint, fault: dict[str, Any]
) -> None:
    changed, _ = changes()
    rows = [{"id": row["id"], "vector": [1, 1], "metadata": row["metadata"]} for row in changed]
    # fewer requests than updates, each of several rows
    more = {"probability": min(0.3, 5 * fault["probability"])} if "probability" in fault else {}
    server.faults.add(Fault(**{"times": 10**9, **fault, **more}, command="upsert"))
    slow = fault["kind"] in {"slow", "drip"}
    timeout: dict[str, Any] = {"request_timeout_seconds": IMPATIENT.request_timeout_seconds} if slow else {}
    report = bulk.upsert(rows, endpoint, policy=PATIENT, max_rows_per_request=7, progress="none", **timeout)
    server.faults.clear()

    assert stored(server) == {row["id"]: row["metadata"] for row in rows}
    assert (report.total, report.done) == (ROWS, ROWS)
    assert report.retries > 0
