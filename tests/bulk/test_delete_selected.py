"""Deletes by ids, prefix or filter: what is deleted, and what is refused before anything is."""

from __future__ import annotations

import pickle
import re
import threading
import time
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk import selected, starting
from airflow_provider_upstash_vector.client import Endpoint, Field, VectorClient
from airflow_provider_upstash_vector.client.errors import Cancelled, InvalidRequest
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import PATIENT, Run, stored

COUNT = 2_500  # of vectors with the prefix ``v``, half of them in each genre
OLD = Field("genre") == "it's old"


@pytest.fixture
def delete_nothing(endpoint: Endpoint) -> Run:
    """``bulk.delete_selected`` in the namespace ``ns`` of an empty index."""

    def run_bulk(**arguments: Any) -> bulk.BulkReport:
        return bulk.delete_selected(endpoint, namespace="ns", policy=PATIENT, **arguments)

    return run_bulk


@pytest.fixture
def delete(server: DevServer, endpoint: Endpoint, delete_nothing: Run) -> Run:
    """``bulk.delete_selected`` in the namespace ``ns`` of an index."""
    with VectorClient(endpoint) as client:
        genres = ("it's old", "new")
        vectors = [{"id": f"v{n}", "vector": [1, n], "metadata": {"genre": genres[n % 2]}} for n in range(COUNT)]
        client.upsert([*vectors, {"id": "other", "vector": [1, 1]}], "ns")
        client.upsert([{"id": "v1", "vector": [1, 1]}])
    server.requests.clear()
    return delete_nothing


def left(server: DevServer) -> int:
    assert [*stored(server)] == ["v1"]
    return len(stored(server, "ns"))


IDS = [f"v{n}" for n in range(5)]
SELECTIONS: list[tuple[dict[str, Any], int]] = [
    ({"ids": IDS}, 5),
    ({"ids": {*IDS}}, 5),
    ({"ids": range(5)}, 0),
    ({"ids": "v1"}, 1),
    ({"ids": []}, 0),
    ({"prefix": "v1"}, 1_111),
    ({"prefix": "nothing"}, 0),
    ({"filter": OLD}, 1_250),
    ({"filter": OLD & (Field("x").missing())}, 1_250),
]


@pytest.mark.parametrize("max_delete", [None, 1_250])
@pytest.mark.parametrize(("selection", "deleted"), SELECTIONS)
def test_what_is_selected_is_deleted(
    server: DevServer, delete: Run, selection: dict[str, Any], deleted: int, max_delete: int | None
) -> None:
    report = delete(**selection, max_delete=max_delete)
    assert (report.done, report.failed, report.outcome) == (deleted, 0, "deleted")
    assert report.rows_by_namespace == ({"ns": deleted} if deleted else {})
    assert (server.requests["range"] > 0) is (max_delete is not None and "ids" not in selection)
    assert left(server) == COUNT + 1 - deleted


def test_ids_of_an_iterator_count_once(server: DevServer, delete: Run) -> None:
    ids = [*IDS, *IDS, "unknown"]
    with pytest.raises(bulk.TooManyMatches, match="6 vectors"):
        delete(ids=iter(ids), max_delete=5)
    report = delete(ids=iter(ids), max_delete=6)
    assert (report.done, report.missing, left(server)) == (5, 1, COUNT + 1 - 5)


def test_prefix_and_filter_together_need_a_limit(server: DevServer, delete: Run) -> None:
    with pytest.raises(InvalidRequest, match="max_delete: must be set to delete by prefix and filter together"):
        delete(prefix="v1", filter=OLD, max_delete=None)
    assert delete(prefix="v1", filter=OLD, max_delete=555).done == 555
    assert left(server) == COUNT + 1 - 555


@pytest.mark.parametrize("beyond", [1, 4])
@pytest.mark.parametrize(("selection", "count"), [entry for entry in SELECTIONS if entry[1] > 1])
def test_too_many_matches_delete_nothing(
    server: DevServer, delete: Run, selection: dict[str, Any], count: int, beyond: int
) -> None:
    max_delete = count - beyond
    message = f"delete in namespace 'ns': {count:,} vectors match, more than max_delete={max_delete:,}"
    with pytest.raises(bulk.TooManyMatches, match=re.escape(message)) as raised:
        delete(**selection, max_delete=max_delete)
    assert not raised.value.retryable
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)  # noqa: S301 - our own
    assert not server.requests["delete"]
    assert left(server) == COUNT + 1


def test_what_is_written_meanwhile_is_not_deleted(
    server: DevServer, endpoint: Endpoint, delete: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_async(*arguments: Any, **keywords: Any) -> bulk.BulkReport:
        with VectorClient(endpoint) as client:
            client.upsert([{"id": "v_new", "vector": [1, 1]}], "ns")
        return await starting.run_async(*arguments, **keywords)

    monkeypatch.setattr(selected, "run_async", run_async)
    assert delete(prefix="v", max_delete=COUNT).done == COUNT
    assert [*stored(server, "ns")] == ["other", "v_new"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_delete": 1}, "delete: set ids, prefix or filter"),
        ({"ids": ["a"], "prefix": "v", "max_delete": 1}, "ids: must be without prefix and filter"),
        ({"prefix": "", "max_delete": 1}, "an empty prefix or filter would delete everything"),
        ({"filter": "", "max_delete": None}, "an empty prefix or filter would delete everything"),
        ({"prefix": 1, "max_delete": 1}, "prefix: must be text, got int 1"),
        ({"filter": "a = 1", "max_delete": 1}, "filter: must be built with Field if max_delete is set"),
        ({"filter": 1, "max_delete": None}, "filter: must be text or a Filter"),
        ({"prefix": "v", "max_delete": 0}, "max_delete: must be a whole number from 1 to 10,000,000, got int 0"),
        ({"prefix": "v", "max_delete": True}, "max_delete: must be a whole number"),
        ({"ids": ["a", ""], "max_delete": None}, "id: must not be empty"),
        ({"ids": ["a", 1.5], "max_delete": None}, "id: must be text, a whole number or a UUID"),
        ({"ids": {"a": 1}, "max_delete": None}, "ids: must be a list of ids, got dict"),
    ],
)
def test_invalid_selections_are_refused_before_anything_is_sent(
    server: DevServer, delete_nothing: Run, arguments: dict[str, Any], message: str
) -> None:
    server.requests.clear()
    with pytest.raises(InvalidRequest, match=re.escape(message)):
        delete_nothing(**arguments)
    assert not server.requests


@pytest.mark.parametrize("command", ["range", "delete"])
def test_it_can_be_cancelled(server: DevServer, delete: Run, command: str) -> None:
    token = bulk.CancelToken()
    server.faults.add(Fault(kind="slow", seconds=300.0, command=command))

    def cancel() -> None:
        end = time.monotonic() + 60
        while not server.requests[command] and time.monotonic() < end:
            time.sleep(0.001)
        token.cancel()

    thread = threading.Thread(target=cancel, daemon=True)
    thread.start()
    with pytest.raises(Cancelled):
        delete(prefix="v", max_delete=None if command == "delete" else 1, cancel_token=token)
    thread.join(60)
    assert not thread.is_alive()


def test_a_cancelled_token_cancels_at_once(delete: Run) -> None:
    token = bulk.CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        delete(prefix="v", max_delete=None, cancel_token=token)
