"""Copies between dev servers: what is in the target afterwards, what is refused, and where a run resumes."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import AsyncVectorClient, Endpoint, IndexInfo, VectorClient
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.filters import Field
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.bulk.test_upserts import INDEXES, MODEL, fetched
from tests.support.bulk_runs import PATIENT, failed

ODD_NAMES = ("", "ä/ö ?#%", "a b")


def endpoint_of(server: DevServer) -> Endpoint:
    return Endpoint.of(server.url, server.token)


def write(server: DevServer, count: int, namespace: str = "", **parts: Any) -> None:
    """Upsert vectors ``v0``, ``v1``, … with their number in the metadata."""
    rows = [
        {"id": f"v{n}", "vector": [0.1 * n, 1 / 3], "metadata": {"n": n, "even": n % 2 == 0}, **parts}
        for n in range(count)
    ]
    with VectorClient(endpoint_of(server)) as client:
        client.upsert(rows, namespace)
    server.requests.clear()


def copy_between(source: DevServer, target: DevServer, **arguments: Any) -> bulk.BulkReport:
    options = {"policy": PATIENT, "progress": "none", **arguments}
    return bulk.copy(endpoint_of(source), endpoint_of(target), **options)


@pytest.fixture
def target() -> Any:
    with DevServer(dimension=2) as server:
        yield server


@pytest.fixture
def copy(server: DevServer, target: DevServer) -> Callable[..., bulk.BulkReport]:
    """``bulk.copy`` from ``server`` to ``target``."""
    return partial(copy_between, server, target)


def test_a_copy_is_the_identity_on_every_index() -> None:
    for kind, (spec, parts) in INDEXES.items():
        rows = [
            {"id": f"{n}/ü", "metadata": {"n": 2**63 + n, "x": None, "float": 1e-7 * n}, **parts[n % len(parts)]}
            for n in range(25)
        ]
        if kind == "embedding":
            rows.append({"id": "own vector", "vector": [1 / 3] * spec["dimension"]})
        with DevServer(**spec) as source, DevServer(**spec) as target:
            for namespace, target_namespace in zip(ODD_NAMES, reversed(ODD_NAMES), strict=True):
                bulk.upsert(rows, endpoint_of(source), namespace=namespace, progress="none")
                names = {"namespace": namespace, "target_namespace": target_namespace}
                report = copy_between(source, target, **names, page_size=7, if_not_empty="fail")
                assert (report.done, report.total, report.read) == (len(rows),) * 3
                # each page, and what the index's checks read
                assert report.operations["written"] == len(rows)
                assert 4 + 2 <= report.operations["read"] <= 4 + 2 + 5
                assert fetched(target, target_namespace) == fetched(source, namespace), (kind, namespace)
            assert source.requests["range"] == 3 * (-(-len(rows) // 7) + 1), kind  # fetched() reads a page too
            assert target.requests["upsert-data"] == 0  # nothing is embedded again


def test_rows_are_chosen_by_prefix_and_filter(
    server: DevServer, target: DevServer, copy: Callable[..., bulk.BulkReport]
) -> None:
    write(server, 200, "films")
    chosen = (Field("n") >= 100) & Field("even").isin([True])
    arguments = {"namespace": "films", "prefix": "v1", "filter": chosen, "page_size": 10}
    report = copy(**arguments, dry_run=True)
    assert (report.not_attempted, report.done, report.read) == (50, 0, 111)
    assert fetched(target) == {}
    report = copy(**arguments)
    assert (report.done, report.total, report.read) == (50, 50, 111)
    assert {*fetched(target)} == {f"v{n}" for n in range(100, 200, 2)}
    assert report.to_dict()["read"] == 111
    assert "read" not in bulk.upsert([], endpoint_of(target), progress="none").to_dict()


async def later(row: dict[str, Any]) -> dict[str, Any] | None:
    await asyncio.sleep(0)
    return changed(row)


def changed(row: dict[str, Any]) -> dict[str, Any] | None:
    """Leave out every fifth row, spoil every seventh, and write the others with three dimensions."""
    number = row["metadata"].pop("n")
    assert {*row} == {"id", "vector", "sparse_vector", "data", "metadata"}
    assert threading.current_thread() is not threading.main_thread()
    if number % 5 == 0:
        return None
    if number % 7 == 0:
        raise KeyError(f"no {number}")
    if number == 1:
        return {**row, "namespace": "elsewhere"}
    return {**row, "vector": [*row["vector"], 1.0], "metadata": {**row["metadata"], "copied": True}}


@pytest.mark.parametrize("transform", [changed, later, f"{__name__}.changed", f"{__name__}:later"])
def test_rows_are_transformed(transform: Any, server: DevServer, tmp_path: Path) -> None:
    write(server, 40, data="text")
    failures = tmp_path / "failures.jsonl"
    spoilt = [n for n in range(40) if n % 5 and n % 7 == 0]
    with DevServer(dimension=3) as target:
        run = partial(copy_between, server, target, transform=transform, page_size=9, failures_path=failures)
        error = failed(run)
        assert error.reason == "failures"
        assert not error.retryable
        report = run(max_failures=len(spoilt) + 1)
        assert (report.done, report.rejected, report.read) == (31 - len(spoilt), len(spoilt) + 1, 40)
        vector = fetched(target)["v2"]
        assert (vector.data, vector.metadata) == ("text", {"even": True, "copied": True})
        assert len(vector.vector) == 3
    lines = [json.loads(line) for line in failures.read_text().splitlines()]
    reasons = {line["id"]: line["failure"] for line in lines}
    assert {*reasons} == {"v1", *(f"v{n}" for n in spoilt)}
    assert reasons["v7"]["reason"] == "raised KeyError: 'no 7'"
    assert (reasons["v7"]["field"], reasons["v1"]["field"]) == ("transform", "namespace")
    assert [line["vector"] for line in lines if line["id"] == "v7"] == [fetched(server)["v7"].vector]


def test_what_a_transform_returns_is_checked(copy: Callable[..., bulk.BulkReport], server: DevServer) -> None:
    write(server, 3)
    for wrong in (lambda row: row["id"], lambda row: {**row, "vektor": 1}, lambda row: {**row, "id": ""}):
        assert copy(transform=wrong, max_failures=3).rejected == 3
    assert copy(transform=lambda row: {"id": row["id"], "vector": [1, 2]}).done == 3


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "filter as text": ({"filter": "n > 1"}, "filter: must be a Field expression"),
    "no function": ({"transform": 5}, "transform: must be a function or its import path, got int 5"),
    "no path": ({"transform": "changed"}, "transform: must be a function or its import path"),
    "no such module": ({"transform": "no.such"}, "transform: 'no.such' cannot be imported: ModuleNotFoundError"),
    "no such function": ({"transform": "json.no"}, "transform: 'json.no' cannot be imported: AttributeError"),
    "a module": ({"transform": "json.decoder"}, "transform: 'json.decoder' is not a function"),
    "a page size": ({"page_size": 1_001}, "page_size: must be"),
    "a prefix": ({"prefix": 1.5}, "prefix: "),
    "a namespace": ({"namespace": None}, "namespace: "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_invalid_arguments_are_refused_before_a_request(
    case: str, server: DevServer, target: DevServer, copy: Callable[..., bulk.BulkReport]
) -> None:
    server.requests.clear()
    arguments, reason = REFUSED[case]
    with pytest.raises(InvalidRequest) as raised:
        copy(**arguments)
    assert str(raised.value).startswith(reason)
    assert not server.requests
    assert not target.requests


def test_arguments_of_rows_are_none_of_copies(copy: Callable[..., bulk.BulkReport]) -> None:
    parameters = inspect.signature(bulk.copy).parameters
    for name, value in {"shard": (0, 2), "format": "jsonl", "id_field": "x", "metadata_fields": "*"}.items():
        assert name not in parameters
        with pytest.raises(TypeError, match=f"copy has no argument '{name}'"):
            copy(**{name: value})


def test_a_namespace_is_not_copied_to_itself(server: DevServer) -> None:
    write(server, 3, "films")
    for namespace in ("films", ""):
        with pytest.raises(InvalidRequest, match="target: is the source"):
            copy_between(server, server, namespace=namespace, target_namespace=namespace)
        for url in (server.url.replace("127.0.0.1", "LocalHost"), f"{server.url}/", server.url.upper()):
            other = Endpoint(url=url, token=SecretStr("the read-only token"))
            with pytest.raises(InvalidRequest, match="target: is the source"):
                bulk.copy(other, endpoint_of(server), namespace=namespace, target_namespace=namespace)
    assert not server.requests
    assert copy_between(server, server, namespace="films", target_namespace="staging").done == 3
    assert fetched(server, "staging") == fetched(server, "films")


@pytest.mark.parametrize("arguments", [{}, {"dry_run": True}, {"transform": changed}, {"prefix": "v"}])
def test_a_namespace_that_does_not_exist_is_not_copied(
    server: DevServer, target: DevServer, copy: Callable[..., bulk.BulkReport], arguments: dict[str, Any]
) -> None:
    write(server, 3)
    with pytest.raises(
        InvalidRequest, match="namespace: there is no namespace 'flims' in the index to read: check"
    ):
        copy(namespace="flims", **arguments)
    assert {*target.requests} == {"info"}
    server.clear()
    assert copy(**arguments).total == 0  # the default one always exists


def test_a_namespace_that_is_not_counted_yet_is_copied(
    server: DevServer, copy: Callable[..., bulk.BulkReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(server, 3, "films")
    stale = partial(IndexInfo.model_copy, update={"namespaces": {}})
    info = AsyncVectorClient.info

    async def stale_info(client: AsyncVectorClient) -> IndexInfo:
        return stale(await info(client))

    monkeypatch.setattr(AsyncVectorClient, "info", stale_info)
    assert copy(namespace="films").done == 3


@pytest.mark.parametrize("arguments", [{}, {"transform": lambda row: row}])
def test_pages_of_many_dimensions_are_smaller(arguments: dict[str, Any]) -> None:
    with DevServer(dimension=5_000) as source, DevServer(dimension=5_000) as target:
        rows = [{"id": f"v{n}", "vector": np.full(5_000, 1.0)} for n in range(401)]
        bulk.upsert(rows, endpoint_of(source), progress="none")
        source.requests.clear()
        assert copy_between(source, target, **arguments).done == 401
        assert source.requests["range"] == 3  # of 200 vectors


def test_another_index_is_refused_unless_vectors_are_changed(
    server: DevServer, caplog: pytest.LogCaptureFixture
) -> None:
    write(server, 3)
    for spec, words in (
        ({"dimension": 3}, "DENSE with dimension 3, but the source is DENSE with dimension 2"),
        ({"index_type": "HYBRID", "dimension": 2}, "HYBRID with dimension 2, but the source is DENSE"),
        ({"dimension": 8, "embedding_model": MODEL}, "DENSE with dimension 8, but"),
    ):
        with DevServer(**spec) as target:
            for dry_run in (True, False):
                with pytest.raises(InvalidRequest, match=words):
                    copy_between(server, target, dry_run=dry_run)
            assert {*target.requests} == {"info"}
            if "embedding_model" in spec:
                assert copy_between(server, target, transform=lambda row: {"id": row["id"], "data": "x"}).done == 3
    with DevServer(dimension=2, similarity="EUCLIDEAN") as target:
        with caplog.at_level(logging.WARNING):
            assert copy_between(server, target).done == 3
        assert "The source compares vectors by COSINE, the target by EUCLIDEAN" in caplog.text


def test_a_target_that_must_be_empty(
    server: DevServer, target: DevServer, copy: Callable[..., bulk.BulkReport]
) -> None:
    write(server, 3)
    write(target, 1)
    error = failed(lambda: copy(if_not_empty="fail"))
    assert (error.reason, error.retryable, error.report.read) == ("not_empty", False, 0)
    assert copy().done == 3


def test_a_resumed_copy_reads_from_the_first_page_that_is_not_complete(
    server: DevServer, target: DevServer, copy: Callable[..., bulk.BulkReport], tmp_path: Path
) -> None:
    write(server, 1_000)
    checkpoint = tmp_path / "checkpoint"
    token = bulk.CancelToken()

    def slow(row: dict[str, Any]) -> dict[str, Any]:
        if row["id"] == "v600" and server.requests["range"] > 5:
            token.cancel()
        return row

    arguments = {"checkpoint": checkpoint, "page_size": 50, "if_not_empty": "fail", "keep_checkpoint": True}
    error = failed(lambda: copy(**arguments, transform=slow, max_rows_per_request=10, cancel_token=token))
    assert error.reason == "cancelled"
    saved = json.loads(checkpoint.read_text())
    read, cursor = map(int, saved["position"].split())
    assert 0 < read == saved["watermark"] == cursor <= error.report.done
    assert read % 50 == 0
    server.requests.clear()
    target.requests.clear()
    token = bulk.CancelToken()
    report = copy(**arguments, transform=slow)
    assert (report.done, report.total, report.read) == (1_000, 1_000, 1_000)
    assert server.requests["range"] == (1_000 - read) // 50
    assert fetched(target) == fetched(server)
    target.requests.clear()
    assert copy(**arguments, transform=slow).done == 1_000  # which is finished
    assert not target.requests["upsert"]
    write(server, 1_001)
    # another transform starts over
    assert failed(lambda: copy(**arguments, transform=None)).reason == "not_empty"
    assert copy(**{**arguments, "if_not_empty": "merge"}, transform=None).read == 1_001


def test_errors_of_the_source_end_the_run(
    server: DevServer, target: DevServer, copy: Callable[..., bulk.BulkReport], tmp_path: Path
) -> None:
    write(server, 100)
    for fault, reason, retryable in (
        (Fault(kind="status", status=401, command="range"), "token_rejected", True),
        (Fault(kind="status", status=403, command="range"), "error", False),
        (Fault(kind="status", status=404, command="range"), "source", False),
        (Fault(kind="status", status=500, command="range", times=20), "source", True),
        (Fault(kind="quota", command="range"), "daily_quota", True),
    ):
        server.faults.add(fault)
        error = failed(lambda: copy(page_size=10, checkpoint=tmp_path / "checkpoint"))
        server.faults.clear()
        assert (error.reason, error.retryable) == (reason, retryable)
        assert error.explanation.startswith("reading row 0 failed: ")
    server.faults.add(Fault(kind="cut", command="range", times=3))
    assert copy(page_size=10, checkpoint=tmp_path / "checkpoint").done == 100
