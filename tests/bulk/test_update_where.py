"""Updates of all vectors that match a filter: what is sent, counted, refused, stopped and repeated."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.metadata_changes import changes_metadata, same_json
from airflow_provider_upstash_vector.client import Endpoint, Field, Filter, VectorClient
from airflow_provider_upstash_vector.client.errors import BadRequest, InvalidRequest
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.client.test_filters import FILTERS
from tests.client.test_filters import METADATA as STORED
from tests.support.bulk_runs import PATIENT, failed, stored

NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 1, 2, 1.0, 2.5, "", "1", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=5,
)
METADATA = st.dictionaries(NAMES, VALUES, max_size=3)
SENDABLE = STORED.filter(lambda metadata: str(2**70) not in str(metadata))  # of 64 bits


def where(endpoint: Endpoint, **arguments: Any) -> bulk.UpdateWhereReport:
    return bulk.update_where(endpoint, **{"policy": PATIENT, "progress": "none", **arguments})


def write(server: DevServer, count: int, namespace: str = "") -> None:
    """Write vectors of the years 0 to ``count - 1``, of which every other one is a draft."""
    rows = (
        {"id": f"v{n}", "vector": [1, 1], "metadata": {"year": n, **({"draft": 1} if n % 2 else {})}}
        for n in range(count)
    )
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert(rows, namespace)
        client.upsert([{"id": "bare", "vector": [1, 1]}], namespace)
    server.requests.clear()


@settings(max_examples=100, deadline=None)
@given(METADATA, METADATA)
@example({"a": 1}, {"a": True})
@example({"a": {}}, {"a": {"b": None}})
@example({}, {"a": {"b": None}})
@example({"a": None}, {"a": None})
@example({"a": [1, {"b": None}]}, {"a": [1.0, {"b": None}]})
def test_what_a_patch_changes_is_what_rfc_7396_makes_of_it(metadata: Any, patch: Any) -> None:
    [merged] = sqlite3.connect(":memory:").execute(
        "SELECT json_patch(?, ?)", (json.dumps(metadata), json.dumps(patch))
    )
    assert changes_metadata(metadata, patch, patch=True) is not same_json(metadata, json.loads(merged[0]))
    assert changes_metadata(metadata, patch, patch=False) is not same_json(metadata, patch)
    assert same_json(metadata, patch) is (_tagged(metadata) == _tagged(patch))


def _tagged(value: Any) -> Any:
    """Return a JSON value as one that Python compares as JSON does."""
    if isinstance(value, dict):
        return {name: _tagged(item) for name, item in value.items()}
    return [*map(_tagged, value)] if isinstance(value, list) else (type(value) is bool, value)


def test_matches_change_once(server: DevServer, endpoint: Endpoint) -> None:
    namespace = "films"
    write(server, 1_100, namespace)
    before = stored(server, namespace)
    server.requests.clear()
    change: dict[str, Any] = {"where": Field("year") < 1_050, "metadata": {"draft": None, "old": True}}
    report = where(endpoint, namespace=namespace, **change)
    assert report.to_dict() == {
        **report.to_dict(),
        "scanned": 1_101,
        "matched": 1_050,
        "unchanged": 0,
        "updated": 1_050,
        "missing": 0,
        "operations": {"written": 1_050, "read": 2},
    }
    assert server.requests == {"range": 2, "update": 1_050}
    expected = {
        id: {"year": old["year"], "old": True} if old and old["year"] < 1_050 else old
        for id, old in before.items()
    }
    assert stored(server, namespace) == expected
    server.requests.clear()
    again = where(endpoint, namespace=namespace, **change)
    assert (again.matched, again.unchanged, again.done, again.total) == (1_050, 1_050, 0, 0)
    assert server.requests == {"range": 2}


def test_overwrite_replaces_all_metadata_of_the_prefix(
    server: DevServer, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    write(server, 30)
    with VectorClient(endpoint) as client:
        client.update({"id": "v11", "metadata": {"text": "of LangChain", "year": 11}})
    change: dict[str, Any] = {
        "where": Field("year").exists(),
        "metadata": {"year": 12.0},
        "metadata_update_mode": "overwrite",
        "prefix": "v1",
    }
    report = where(endpoint, **change)
    assert (report.scanned, report.matched, report.unchanged, report.done) == (11, 11, 1, 10)
    after = stored(server)
    assert {id for id, metadata in after.items() if metadata == {"year": 12}} == {
        f"v{n}" for n in (1, *range(10, 20))
    }
    assert "remove 'text', in which other tools keep the text" in caplog.text
    assert where(endpoint, **change).unchanged == 11


@pytest.mark.parametrize("dry_run", [False, True])
def test_too_many_matches_write_nothing(server: DevServer, endpoint: Endpoint, dry_run: bool) -> None:
    write(server, 400)
    change: dict[str, Any] = {"where": Field("year") >= 0, "metadata": {"x": 1}, "dry_run": dry_run}
    with pytest.raises(bulk.TooManyMatches, match="400 vectors match, more than max_matches=399; none"):
        where(endpoint, max_matches=399, **change)
    assert server.requests == {"range": 1}
    report = where(endpoint, max_matches=400, **{**change, "dry_run": True})
    assert (report.matched, report.not_attempted, report.done) == (400, 400, 0)
    assert not server.requests["update"]
    assert where(endpoint, max_matches=None, **{**change, "dry_run": False}).done == 400


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"where": "year < 1990"},
            r'where: must be built with Field, since .*, e.g. Field\("year"\) < 1990; got str',
        ),
        ({"where": None}, "where: must be built with Field"),
        ({"metadata": None}, "metadata: must be a JSON object, got None"),
        ({"metadata": ["a"]}, "metadata: must be a JSON object"),
        ({"metadata": {"a": float("nan")}}, "metadata: .*null deletes a field|which JSON cannot hold"),
        ({"metadata": {"a": "x" * 50_000}}, "more than the limit"),
        ({"metadata_update_mode": "MERGE"}, "metadata_update_mode: must be"),
        ({"prefix": 5}, "prefix: must be text"),
        ({"prefix": ""}, "prefix: must not be empty: leave it out to read all vectors"),
        ({"metadata": {}}, "metadata: must not be empty: a PATCH with it changes nothing"),
        ({"where": Field("a") < "{{ params.a }}"}, "has the template .*, which is not rendered"),
        ({"max_matches": 0}, "max_matches: must be a whole number from 1"),
        ({"max_matches": "5"}, "max_matches: must be a whole number from 1"),
        ({"max_concurrency": 0}, "max_concurrency must be from 1"),
        ({"time_limit_seconds": -1}, "time_limit_seconds must be a number greater than 0"),
        ({"namespace": 1.5}, "namespace: must be text"),
    ],
)
def test_invalid_arguments_are_refused_before_anything_is_sent(
    server: DevServer, endpoint: Endpoint, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises((ValueError, InvalidRequest), match=message):
        where(endpoint, **{"where": Field("a") == 1, "metadata": {"a": 2}, **arguments})
    assert not server.requests


class AfterTheScan(logging.LoggerAdapter[logging.Logger]):
    """A logger that calls a function at its first line, which is that of the scan."""

    def __init__(self, function: Callable[[], object]) -> None:
        super().__init__(logging.getLogger(__name__), {})
        self.functions = [function]

    def info(self, *_: Any, **__: Any) -> None:
        while self.functions:
            self.functions.pop()()


def test_what_others_write_between_the_scan_and_the_updates(server: DevServer, endpoint: Endpoint) -> None:
    write(server, 10)
    change: dict[str, Any] = {"where": Field("year") < 10, "metadata": {"x": 1, "draft": None}}

    def interfere() -> None:
        patch = {"metadata_update_mode": "PATCH"}
        with VectorClient(endpoint) as client:
            client.delete(["v9"])
            client.update({"id": "v1", "metadata": {"by": "others", "draft": 2}, **patch})
            client.update({"id": "v2", "metadata": {"year": 1_000}, **patch})
            client.update({"id": "bare", "metadata": {"year": 3}, **patch})
            client.upsert([{"id": "new", "vector": [1, 1], "metadata": {"year": 4}}])

    report = where(endpoint, log=AfterTheScan(interfere), **change)
    assert (report.matched, report.done, report.missing, report.failed) == (10, 9, 1, 0)
    assert report.to_dict()["operations"] == {"written": 10, "read": 1}
    after = stored(server)
    assert after["v1"] == {"year": 1, "by": "others", "x": 1}
    assert after["v2"] == {"year": 1_000, "x": 1}
    assert "v9" not in after
    assert (after["bare"], after["new"]) == ({"year": 3}, {"year": 4})
    again = where(endpoint, **change)
    assert (again.matched, again.unchanged, again.done) == (10, 8, 2)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILTERS, st.lists(SENDABLE, max_size=5))
def test_what_changes_is_what_a_query_with_the_filter_finds(
    server: DevServer, endpoint: Endpoint, filter: Filter, documents: list[Any]
) -> None:
    rows = [{"id": f"v{n}", "vector": [1, n], "metadata": metadata} for n, metadata in enumerate(documents)]
    with VectorClient(endpoint) as client:
        client.reset("ns")
        client.upsert(rows, "ns")
        found = {result.id for result in client.query([1, 1], namespace="ns", top_k=1_000, filter=filter)}
        before = stored(server, "ns")
        report = where(endpoint, where=filter, metadata={"seen": [1]}, namespace="ns")
    expected = {id: {**(old or {}), "seen": [1]} if id in found else old for id, old in before.items()}
    assert stored(server, "ns") == expected
    assert (report.scanned, report.matched, report.done) == (len(rows), len(found), len(found))


def test_a_killed_run_is_completed_by_the_next_one(server: DevServer, endpoint: Endpoint) -> None:
    write(server, 400)
    code = """
import sys
from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint, Field
change = {"where": Field("year") >= 0, "metadata": {"x": 1}}
bulk.update_where(Endpoint.of(*sys.argv[1:]), max_rows_per_second=100.0, max_concurrency=4, **change)
"""
    process = subprocess.Popen([sys.executable, "-c", code, server.url, server.token])
    end = time.monotonic() + 120
    while server.requests["update"] < 50:
        assert process.poll() is None, "the run ended"
        assert time.monotonic() < end, "the run makes no progress"
        time.sleep(0.01)
    process.kill()
    process.wait(60)
    changed = sum("x" in (metadata or {}) for metadata in stored(server).values())
    assert 40 < changed < 400
    report = where(endpoint, where=Field("year") >= 0, metadata={"x": 1})
    assert (report.matched, report.missing) == (400, 0)
    assert report.unchanged >= changed
    assert report.unchanged + report.done == 400
    assert where(endpoint, where=Field("year") >= 0, metadata={"x": 1}).unchanged == 400


def test_the_daily_budget_covers_runs_that_share_a_store(
    server: DevServer, endpoint: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    write(server, 10)
    change: dict[str, Any] = {"where": Field("year") >= 0, "metadata": {"x": 1}, "daily_budget": 6}
    store = bulk.FileCheckpoint(tmp_path / "checkpoint")
    error = failed(lambda: where(endpoint, budget_store=store, **change))
    report: Any = error.report
    assert error.reason == "daily_budget"
    assert (report.matched, report.done, report.not_attempted) == (10, 6, 4)
    again = where(endpoint, budget_store=store, on_budget="return", **change)
    assert (again.unchanged, again.done, again.not_attempted) == (6, 0, 4)
    assert "daily_budget" not in caplog.text
    assert where(endpoint, **change).done == 4
    assert "daily_budget covers this run alone" in caplog.text


def test_failed_updates_are_reported_with_the_counts_of_the_scan(
    server: DevServer, endpoint: Endpoint, tmp_path: Path
) -> None:
    write(server, 20)
    server.faults.add(Fault(kind="status", status=400, command="update", times=3))
    error = failed(
        lambda: where(
            endpoint,
            where=Field("year") >= 0,
            metadata={"x": 1},
            failures_path=tmp_path / "failures.jsonl",
            max_concurrency=1,
        )
    )
    report: Any = error.report
    assert (report.scanned, report.matched, report.done, report.failed, report.not_attempted) == (21, 20, 0, 1, 19)
    assert (tmp_path / "failures.jsonl").read_text().count("\n") == 1
    server.faults.clear()
    assert where(endpoint, where=Field("year") >= 0, metadata={"x": 1}).done == 20


def test_a_failed_scan_writes_nothing(server: DevServer, endpoint: Endpoint) -> None:
    write(server, 5)
    server.faults.add(Fault(kind="status", status=400, command="range"))
    with pytest.raises(BadRequest):
        where(endpoint, where=Field("year") >= 0, metadata={"x": 1})
    assert not server.requests["update"]


def test_a_scan_can_be_cancelled_and_has_the_time_limit(server: DevServer, endpoint: Endpoint) -> None:
    write(server, 10)
    change: dict[str, Any] = {"where": Field("year") >= 0, "metadata": {"x": 1}}
    server.faults.add(Fault(kind="slow", seconds=60, command="range", times=2))
    error = failed(lambda: where(endpoint, time_limit_seconds=0.2, **change))
    assert (error.reason, error.explanation) == ("time_limit", "the time limit of 0.2 s has passed")
    token = bulk.CancelToken()
    threading.Timer(0.2, token.cancel).start()
    assert failed(lambda: where(endpoint, cancel_token=token, **change)).reason == "cancelled"
    assert not server.requests["update"]
    limited = failed(lambda: where(endpoint, time_limit_seconds=2, max_rows_per_second=1.0, **change))
    assert (limited.reason, limited.explanation) == ("time_limit", "the time limit of 2 s has passed")


def test_any_id_survives_the_spool(server: DevServer, endpoint: Endpoint) -> None:
    ids = ['"', "a\nb", "\\", "\u2028", "é", " ", "\x00"]
    with VectorClient(endpoint) as client:
        client.upsert([{"id": id, "vector": [1, 1]} for id in ids])
    assert where(endpoint, where=Field("a").missing(), metadata={"a": 1}).done == len(ids)
    assert stored(server) == {id: {"a": 1} for id in ids}
