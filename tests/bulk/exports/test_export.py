"""What an export writes, what it refuses, and how it resumes when it is stopped."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import pickle
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.exports.job import ExportJob
from airflow_provider_upstash_vector.bulk.exports.target import STATE_NAME, Target
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.client.errors import BadRequest
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.dev_server.store import Store
from tests.support.bulk_runs import PATIENT
from tests.support.observed_server import responses_together
from tests.support.stored_vectors import read, write

QUIET: dict[str, Any] = {"policy": PATIENT, "progress": "none"}
SMALL: dict[str, Any] = {**QUIET, "page_size": 10, "max_part_bytes": 1}


def vectors(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [{"id": f"v{n}", "vector": [n, 1], "data": "text"} for n in range(first, first + count)]


def after(requests: int, fault: Fault) -> list[Fault]:
    """Return a fault of the request after so many of its command."""
    return [Fault(kind="slow", seconds=0, command=fault.command, times=requests), fault]


def manifest_at(path: Any) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((path / "manifest.json").read_bytes())
    return manifest


def restored(path: Any, server: DevServer) -> set[str]:
    """Restore into the emptied index; return the ids in the default namespace."""
    server.clear()
    bulk.upsert(path / "manifest.json", Endpoint.of(server.url, server.token), **QUIET)
    return {*read(server)}


def folder_of(place: str, tmp_path: Path) -> Any:
    return UPath(f"memory://{uuid.uuid4()}/backup") if place == "memory" else tmp_path / "new" / "backup"


@pytest.mark.parametrize("place", ["disk", "memory"])
def test_the_manifest_says_what_there_is(
    server: DevServer, endpoint: Endpoint, tmp_path: Path, place: str
) -> None:
    folder = folder_of(place, tmp_path)
    write(server, vectors(25))
    write(server, vectors(5), "films")
    report = bulk.export(folder, endpoint, **SMALL)
    manifest = manifest_at(folder)
    assert {
        name: manifest[name] for name in ("index_type", "dimension", "similarity_function", "rows", "format")
    } == {
        "index_type": "DENSE",
        "dimension": 2,
        "similarity_function": "COSINE",
        "rows": 30,
        "format": "jsonl",
    }
    assert {item["namespace"]: [part["rows"] for part in item["parts"]] for item in manifest["namespaces"]} == {
        "": [10, 10, 5],
        "films": [5],
    }
    names = [part["name"] for item in manifest["namespaces"] for part in item["parts"]]
    assert all("/" not in name for name in names)
    assert {str(path).rpartition("/")[2] for path in folder.iterdir()} == {"manifest.json", *names}
    assert (
        manifest["operations"]
        == report.operations
        == {
            "written": 0,
            "read": server.requests["info"] + server.requests["range"],
        }
    )
    assert report.to_dict() | {"path": "", "seconds": 0} == {
        "path": "",
        "rows": 30,
        "namespaces": 2,
        "parts": 4,
        "bytes": manifest["size"],
        "seconds": 0,
        "finished": True,
        "changed_meanwhile": False,
        "operations": report.operations,
    }
    assert server.token not in json.dumps(manifest)
    assert restored(folder, server) == {f"v{n}" for n in range(25)}
    assert {*read(server, "films")} == {f"v{n}" for n in range(5)}


def test_what_is_included(server: DevServer, endpoint: Endpoint, tmp_path: Path) -> None:
    write(server, [{"id": "a1", "vector": [1, 1], "metadata": {"a": 1}, "data": "x"}, *vectors(3)])
    formats: list[Any] = ["jsonl", "parquet"]
    for format in formats:
        folder = tmp_path / format
        report = bulk.export(folder, endpoint, prefix="a", include=["data"], format=format, **QUIET)
        assert (report.rows, report.changed_meanwhile) == (1, False)
    (path,) = (tmp_path / "jsonl").glob("*.jsonl")
    assert json.loads(path.read_text()) == {"id": "a1", "namespace": "", "data": "x"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"namespaces": []}, 'write "*" for all'),
        ({"namespaces": 5}, "namespaces: must be"),
        ({"namespaces": ["unknown"]}, "there is no namespace 'unknown'"),
        ({"format": "csv"}, "format: must be one of jsonl, parquet"),
        ({"compression": "xz"}, "compression: must be one of"),
        ({"compression": "gz", "format": "parquet"}, "is compressed inside"),
        ({"include": "vectors"}, "include: must be a list"),
        ({"include": ["ids"]}, "include: must be a list"),
        ({"page_size": 1_001}, "page_size: must be"),
        ({"max_part_bytes": 0}, "max_part_bytes: must be"),
        ({"max_concurrency": 65}, "max_concurrency: must be"),
        ({"time_limit_seconds": 0}, "time_limit_seconds: must be"),
        ({"prefix": 5}, "prefix: must be"),
        ({"path": ""}, "path must name one folder"),
    ],
)
def test_invalid_arguments(
    server: DevServer, endpoint: Endpoint, tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message.replace("*", r"\*")):
        bulk.export(**{"path": tmp_path / "e", "endpoint": endpoint, **QUIET, **arguments})
    assert server.requests["range"] == ("no namespace" in message)  # the counts may be stale
    assert not (tmp_path / "e").exists()


def test_a_folder_with_something_else_is_refused(
    server: DevServer, endpoint: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(server, vectors(5))
    bulk.export(tmp_path, endpoint, owner="this task", **QUIET)
    for owner in ("", "another task"):
        with pytest.raises(bulk.InvalidRows, match=r"has an export of .* export to another path"):
            bulk.export(tmp_path, endpoint, owner=owner, **QUIET)
    caplog.set_level(logging.INFO)
    assert bulk.export(tmp_path, endpoint, owner="this task", **QUIET).rows == 5
    assert "An earlier try finished the export" in caplog.text
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(bulk.InvalidRows, match="is not that of an export"):
        bulk.export(tmp_path, endpoint, **QUIET)


@pytest.mark.parametrize("state_left", [True, False])
def test_a_finished_export_is_not_the_result_of_another(
    server: DevServer,
    endpoint: Endpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state_left: bool,
) -> None:
    write(server, vectors(5))
    write(server, vectors(1), "films")
    with monkeypatch.context() as killed:
        if state_left:  # by a run that was killed when it had written the manifest
            killed.setattr(Target, "clean", lambda *_: None)
        bulk.export(tmp_path, endpoint, owner="this task", **QUIET)
    with DevServer(dimension=2) as other:
        for url, change in (
            (other.url, {}),
            (server.url, {"namespaces": ["films"]}),
            (server.url, {"prefix": "v"}),
        ):
            with pytest.raises(bulk.InvalidRows, match="has an export of"):
                bulk.export(tmp_path, Endpoint.of(url, other.token), owner="this task", **QUIET, **change)
    assert bulk.export(tmp_path, endpoint, owner="this task", **QUIET).rows == 6
    assert not (tmp_path / STATE_NAME).exists()


@pytest.mark.parametrize("place", ["disk", "memory"])
def test_an_export_that_failed_resumes(server: DevServer, endpoint: Endpoint, tmp_path: Path, place: str) -> None:
    folder = folder_of(place, tmp_path)
    write(server, vectors(100))
    server.faults.add(*after(5, Fault(kind="status", status=400, command="range")))
    with pytest.raises(BadRequest):
        bulk.export(folder, endpoint, **SMALL)
    assert not (folder / "manifest.json").exists()
    for change in ({"format": "parquet"}, {"namespaces": [""]}, {"include": ["data"]}):
        with pytest.raises(bulk.InvalidRows, match="an unfinished export of another index, or with other options"):
            bulk.export(folder, endpoint, **{**SMALL, **change})
    (part, *_) = sorted(path for path in folder.iterdir() if str(path).endswith(".jsonl"))
    content = part.read_bytes()
    for spoil in (part.unlink, lambda: part.write_bytes(content[:-1])):
        spoil()
        with pytest.raises(bulk.InvalidRows, match=r"was changed or deleted: delete export\.state"):
            bulk.export(folder, endpoint, **SMALL)
    part.write_bytes(content)
    server.requests.clear()
    report = bulk.export(folder, endpoint, **SMALL)
    assert report.rows == 100
    assert server.requests["range"] < 10
    assert restored(folder, server) == {f"v{n}" for n in range(100)}


def test_a_stopped_export_has_a_report_and_resumes(server: DevServer, endpoint: Endpoint, tmp_path: Path) -> None:
    write(server, vectors(100))
    cases: list[tuple[dict[str, Any], str]] = [({"time_limit_seconds": 0.5}, "time_limit"), ({}, "cancelled")]
    for arguments, reason in cases:
        server.faults.add(*after(3, Fault(kind="slow", seconds=60, command="range")))
        token = bulk.CancelToken()
        if not arguments:
            timer = threading.Timer(0.5, token.cancel)
            timer.start()
        with pytest.raises(bulk.ExportFailed) as raised:
            bulk.export(tmp_path / "e", endpoint, cancel_token=token, **arguments, **SMALL)
        error = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - its own
        assert (error.reason, error.retryable, error.report.finished) == (reason, True, False)
        assert "not written" in str(error)
        server.faults.clear()
    assert bulk.export(tmp_path / "e", endpoint, **SMALL).rows == 100
    assert restored(tmp_path / "e", server) == {f"v{n}" for n in range(100)}


def test_a_damaged_state_starts_over(server: DevServer, endpoint: Endpoint, tmp_path: Path) -> None:
    write(server, vectors(5))
    (tmp_path / STATE_NAME).write_text("")
    other = tmp_path / "vectors-of-mine.jsonl"
    other.write_text("{}")
    assert bulk.export(tmp_path, endpoint, **QUIET).rows == 5
    assert other.exists()


def test_an_export_beside_another_ones_parts_keeps_them(
    server: DevServer, endpoint: Endpoint, tmp_path: Path
) -> None:
    write(server, vectors(5))
    bulk.export(tmp_path, endpoint, **QUIET)
    kept = (tmp_path / "manifest.json").rename(tmp_path / "kept.json")
    parts = {*tmp_path.glob("vectors-*")}
    bulk.export(tmp_path, endpoint, **QUIET)
    assert {*tmp_path.glob("vectors-*")} > parts
    assert kept.exists()


def test_a_run_that_is_taken_over_ends(
    server: DevServer, endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(server, vectors(30))
    check_newest = Target.check_newest

    def taken_over(target: Target, run: str) -> None:
        monkeypatch.setattr(Target, "check_newest", check_newest)
        assert bulk.export(tmp_path, endpoint, **SMALL).rows == 30
        check_newest(target, run)

    monkeypatch.setattr(Target, "check_newest", taken_over)
    with pytest.raises(bulk.Superseded):
        bulk.export(tmp_path, endpoint, **SMALL)
    assert restored(tmp_path, server) == {f"v{n}" for n in range(30)}


def test_an_index_that_changes_meanwhile(server: DevServer, endpoint: Endpoint, tmp_path: Path) -> None:
    write(server, vectors(30))
    write(server, vectors(3), "films")
    server.faults.add(*after(2, Fault(kind="status", status=400, command="range")))
    arguments = {**SMALL, "max_concurrency": 1}
    with pytest.raises(BadRequest):
        bulk.export(tmp_path, endpoint, **arguments)
    write(server, vectors(2, first=30))
    with VectorClient(endpoint) as client:
        client.delete_namespace("films")
    report = bulk.export(tmp_path, endpoint, **arguments)
    assert (report.rows, report.changed_meanwhile) == (32, True)
    changed = {item["namespace"]: item["changed_meanwhile"] for item in manifest_at(tmp_path)["namespaces"]}
    assert changed == {"": True, "films": True}


@pytest.mark.parametrize(
    ("namespaces", "count", "limit", "expected"),
    [
        pytest.param(70, 1, {"page_size": 1_000}, 64, id="many small"),
        pytest.param(8, 5, {}, 8, id="half a page each"),
        pytest.param(8, 20, {}, 4, id="few large"),
        pytest.param(8, 1, {"max_concurrency": 3}, 3, id="as many as allowed"),
    ],
)
def test_as_many_namespaces_are_read_as_have_four_pages(
    server: DevServer,
    endpoint: Endpoint,
    tmp_path: Path,
    namespaces: int,
    count: int,
    limit: dict[str, int],
    expected: int,
) -> None:
    names = [f"n{n:02}" for n in range(namespaces)]
    for name in names:
        write(server, vectors(count), name)
    server.faults.add(Fault(kind="slow", command="range", times=1_000))
    with responses_together(expected) as together:
        report = bulk.export(tmp_path, endpoint, namespaces=names, **{**SMALL, **limit})
    assert together.most == expected
    assert report.rows == namespaces * count


def test_namespaces_that_have_grown_share_the_memory(
    server: DevServer, endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, limits = [f"n{n}" for n in range(8)], set()
    for name in names:
        write(server, vectors(1), name)
    export, read_range = ExportJob._export, Store.range

    async def export_later(*args: Any) -> None:
        for name in names:
            await asyncio.to_thread(write, server, vectors(20), name)
        await export(*args)

    def counted(self: Store, namespace: str, after: int, limit: int, prefix: str) -> Any:
        limits.add(limit)
        return read_range(self, namespace, after, limit, prefix)

    monkeypatch.setattr(ExportJob, "_export", export_later)
    monkeypatch.setattr(Store, "range", counted)
    report = bulk.export(tmp_path, endpoint, namespaces=names, **SMALL)
    assert (report.rows, report.changed_meanwhile) == (160, True)
    assert max(limits) <= 7  # 8 times 5 are four pages of ten; and one, and one of the server's own


def test_a_full_disk_ends_the_export(
    server: DevServer, endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(server, vectors(5))
    (tmp_path / "file").write_text("")
    with pytest.raises(bulk.ExportFailed, match="cannot be") as raised:
        bulk.export(tmp_path / "file" / "e", endpoint, **QUIET)
    assert (raised.value.reason, raised.value.retryable) == ("export_file", True)


def test_parts_before_an_error_are_not_read_again(server: DevServer, endpoint: Endpoint, tmp_path: Path) -> None:
    names = [f"n{n}" for n in range(20)]
    for name in names:
        write(server, vectors(1), name)
    server.faults.add(*after(19, Fault(kind="status", status=400, command="range")))
    options = {**SMALL, "namespaces": names, "max_concurrency": 1}
    with pytest.raises(BadRequest):
        bulk.export(tmp_path, endpoint, **options)
    server.requests.clear()
    assert bulk.export(tmp_path, endpoint, **options).rows == 20
    assert server.requests["range"] == 1


@pytest.mark.parametrize("options", [{"format": "parquet"}, {"compression": "gz"}], ids=["parquet", "gz"])
def test_parts_that_are_discarded_print_nothing(
    server: DevServer,
    endpoint: Endpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
) -> None:
    write(server, vectors(25))
    server.faults.add(*after(1, Fault(kind="status", status=400, command="range")))
    printed: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", printed.append)
    with pytest.raises(BadRequest):
        bulk.export(tmp_path, endpoint, **{**SMALL, "max_part_bytes": 10**6, **options})
    gc.collect()
    assert not printed
    assert [path.name for path in tmp_path.iterdir()] == [STATE_NAME]


def test_a_restore_refuses_what_does_not_fit(server: DevServer, endpoint: Endpoint, tmp_path: Path) -> None:
    write(server, vectors(5))
    bulk.export(tmp_path, endpoint, **QUIET)
    path = tmp_path / "manifest.json"
    changes: list[dict[str, Any]] = [{}, {"check_index": False}, {"dry_run": True}]
    for spec in ({"dimension": 3}, {"dimension": 2, "similarity": "EUCLIDEAN"}, {"index_type": "SPARSE"}):
        with DevServer(**spec) as other:
            target = Endpoint.of(other.url, other.token)
            for arguments in changes:
                with pytest.raises(bulk.InvalidRows, match=r"the export is of an index of .* DENSE 2 COSINE"):
                    bulk.upsert(path, target, **arguments, **QUIET)
            assert not other.requests["upsert"]
    manifest = json.loads(path.read_text())
    for name in ("../x.jsonl", "/x.jsonl", "s3://b/x.jsonl", "..", "", "a/b.jsonl", "a\\b.jsonl"):
        manifest["namespaces"][0]["parts"][0]["name"] = name
        path.write_text(json.dumps(manifest))
        with pytest.raises(bulk.InvalidRows, match="is not the name of a file beside the manifest"):
            bulk.upsert(path, endpoint, **QUIET)
    path.write_text(json.dumps({**manifest, "upstash_vector_export": 2}))
    with pytest.raises(bulk.InvalidRows, match="is not a manifest that this version can read"):
        bulk.upsert(path, endpoint, **QUIET)


def test_a_restore_refuses_a_part_that_is_not_complete(
    server: DevServer, endpoint: Endpoint, tmp_path: Path
) -> None:
    write(server, vectors(5))
    bulk.export(tmp_path, endpoint, **QUIET)
    (part,) = tmp_path.glob("*.jsonl")
    part.write_bytes(part.read_bytes()[:-10])
    with pytest.raises(bulk.InvalidRows, match="is not the part of the export that it was"):
        bulk.upsert(tmp_path / "manifest.json", endpoint, **QUIET)
    part.unlink()
    with pytest.raises(bulk.InvalidRows, match="there is no file"):
        bulk.upsert(tmp_path / "manifest.json", endpoint, **QUIET)


def test_a_restore_needs_empty_namespaces(server: DevServer, endpoint: Endpoint, tmp_path: Path) -> None:
    write(server, vectors(5), "films")
    bulk.export(tmp_path, endpoint, namespaces=["films"], **QUIET)
    path = tmp_path / "manifest.json"
    with pytest.raises(bulk.BulkJobFailed, match="namespace 'films' is not empty"):
        bulk.upsert(path, endpoint, **QUIET)
    assert bulk.upsert(path, endpoint, if_not_empty="merge", **QUIET).done == 5
    with VectorClient(endpoint) as client:
        client.delete_namespace("films")
    write(server, vectors(1))
    assert bulk.upsert(path, endpoint, **QUIET).done == 5  # of no other namespace


def test_a_json_file_that_is_no_manifest_has_rows(server: DevServer, endpoint: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps([{"id": "a", "vector": [1, 1]}]))
    assert bulk.upsert(path, endpoint, **QUIET).done == 1
