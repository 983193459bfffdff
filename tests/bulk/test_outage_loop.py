"""Outages of every kind and length, several times: no row is lost, sent too often, or overtaken."""

from __future__ import annotations

import random
import sys
import threading
import time
from dataclasses import replace

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint, RetryPolicy
from tests.support.kill_loop import Tally, examine
from tests.support.slow_server import Outage, SlowServer

LONG = [pytest.mark.long, pytest.mark.timeout(1_800)]
ROWS = 6_000
# a timeout of 30 s would make every run with a stretch of timeouts last as long
POLICY = replace(RetryPolicy(), request_timeout_seconds=5.0)


def run_through(
    operation: str, server: SlowServer, outage: Outage, seconds: float, concurrency: int, tally: Tally
) -> None:
    order = [place % (2 * concurrency) for place in range(ROWS)]
    random.shuffle(order)

    def be_down() -> None:
        end, begin = time.monotonic() + 60, random.randrange(1, ROWS - 2 * concurrency)
        while len(server.times) < begin and time.monotonic() < end:
            time.sleep(0.002)
        server.be_down(outage, seconds)

    thread = threading.Thread(target=be_down, daemon=True)
    thread.start()
    tally.inputs += 1
    try:
        report = getattr(bulk, operation)(
            [{"id": f"v{id}", "vector": [1, 1], "data": str(number)} for number, id in enumerate(order)],
            Endpoint.of(server.url, "token"),
            max_concurrency=concurrency,
            policy=POLICY,
            progress="none",
            **({"max_rows_per_request": 5} if operation == "upsert" else {}),
        )
    except bulk.BulkJobFailed as error:
        tally.failed += 1
        sys.stdout.write(f"{error}\n")
    else:
        tally.completed += report.done == ROWS
        tally.resent += report.retries
    thread.join(60 + seconds)
    assert not thread.is_alive()
    examine(server, tally)


@pytest.mark.parametrize(
    ("operation", "outage", "seconds", "concurrency", "runs"),
    [
        ("update", "503", 2.0, 64, 1),
        ("update", "refused", 1.0, 64, 1),
        ("update", "refused", 2.0, 64, 1),
        ("update", "timeouts", 1.0, 64, 1),
        ("upsert", "503", 1.0, 8, 1),
        ("upsert", "refused", 1.0, 8, 1),
        *(
            pytest.param(operation, outage, seconds, concurrency, runs, marks=LONG)
            for operation in ("update", "upsert")
            for outage in ("503", "refused", "timeouts")
            for seconds, runs in ((1.0, 5), (5.0, 3), (30.0, 2))
            for concurrency in (64, 512)
        ),
    ],
)
def test_runs_complete_after_an_outage(
    operation: str, outage: Outage, seconds: float, concurrency: int, runs: int, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = Tally()
    for _ in range(runs):
        with SlowServer() as server:
            run_through(operation, server, outage, seconds, concurrency, tally)
    with capsys.disabled():
        sys.stdout.write(f"\n{operation}, {outage} for {seconds:g} s, {concurrency} in flight: {tally}\n")
    assert (tally.inputs, tally.completed) == (runs, runs)
    assert (tally.failed, tally.stale, tally.overlapping) == (0, 0, 0)
