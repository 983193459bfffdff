"""A response with an invalid count fails the row: the engine parses responses as strictly as the client."""

from __future__ import annotations

import json

import pytest

from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import Run, failed, fill


@pytest.mark.parametrize("count", ["-5", "-1", "true", "1.0", '"1"', "null", "[1]"])
def test_a_wrong_count_fails_the_row(server: DevServer, run: Run, count: str) -> None:
    fill(server, ["a"])
    server.faults.add(
        Fault(kind="garbage", text=f'{{"result": {{"updated": {count}}}}}', times=9, command="update")
    )
    report = failed(lambda: run([{"id": "a", "data": "x"}])).report
    assert (report.done, report.failed) == (0, 1)


@pytest.mark.parametrize(("count", "updated"), [(0, 0), (1, 1), (2, 1)])
def test_a_valid_count_is_updated_or_missing(server: DevServer, run: Run, count: int, updated: int) -> None:
    fill(server, ["a"])
    text = json.dumps({"result": {"updated": count}})
    server.faults.add(Fault(kind="garbage", text=text, times=9, command="update"))
    report = run([{"id": "a", "data": "x"}])
    assert (report.done, report.missing) == (updated, 1 - updated)
