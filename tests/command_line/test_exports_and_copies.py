"""The commands that export, restore and copy, in this process and through a connection of Airflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector.command_line.program import main
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.command_line.conftest import Call
from tests.support.bulk_runs import fill, stored


def without_the_first(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Leave out m0."""
    return None if row["id"] == "m0" else {**row, "metadata": {"was": row["id"]}}


def lengths(texts: list[str]) -> list[list[float]]:
    """Embed texts."""
    return [[len(text), 1.0] for text in texts]


@pytest.mark.parametrize("names", [[], ["--namespaces", "*"], ["--namespaces", "ns", "", "--namespaces=other"]])
def test_an_export_is_restored(call: Call, server: DevServer, tmp_path: Path, names: list[str]) -> None:
    code, report, errors = call("export", str(tmp_path / "backup"), "--compression=gz", "--page-size=2", *names)
    assert (code, report["rows"], report["namespaces"], report["finished"]) == (0, 9, 3, True), errors
    assert call("export", str(tmp_path / "backup"))[0] == 2
    before = stored(server, "ns")
    code, refused, errors = call("upsert", report["path"])
    assert (code, refused["not_attempted"]) == (1, 9)
    assert "is not empty" in errors
    assert "set --if-not-empty merge to add" in errors
    assert call("upsert", report["path"], "--if-not-empty=merge")[1]["upserted"] == 9
    assert call("reset", "--all", "--yes")[0] == 0
    code, restored, errors = call("upsert", report["path"])
    assert (code, restored["upserted"]) == (0, 9), errors
    assert stored(server, "ns") == before


def test_an_export_of_some_fields_and_ids(call: Call, tmp_path: Path) -> None:
    options = ("--namespaces=ns", "--prefix=m2", "--include", "metadata", "data", "--format=jsonl")
    code, report, errors = call("export", str(tmp_path / "backup"), *options)
    assert (code, report["rows"], report["parts"]) == (0, 1, 1), errors
    (part,) = (tmp_path / "backup").glob("*.jsonl")
    row = {"id": "m2", "namespace": "ns", "metadata": {"year": 1992}, "data": "é"}
    assert json.loads(part.read_text()) == row


def test_an_export_that_stops_prints_the_report(call: Call, tmp_path: Path) -> None:
    code, report, errors = call("export", str(tmp_path / "backup"), "--time-limit-seconds=0.000001")
    assert (code, report["finished"]) == (1, False)
    assert "time limit" in errors


def test_a_copy_within_an_index(call: Call, server: DevServer, tmp_path: Path) -> None:
    copied = ("copy", "--namespace=ns", "--target-namespace=new", "--if-not-empty=fail")
    options = ("--transform", f"{__name__}:without_the_first", f"--checkpoint={tmp_path / 'checkpoint'}")
    code, report, errors = call(*copied, *options)
    assert (code, report["read"], report["upserted"]) == (0, 3, 2), errors
    assert stored(server, "new") == {"m1": {"was": "m1"}, "m2": {"was": "m2"}}
    code, report, errors = call(*copied)
    assert (code, report["upserted"]) == (1, 0)
    assert "is not empty" in errors
    code, _, errors = call("copy", "--namespace=ns", "--target-namespace=ns")
    assert code == 2
    assert "is the source" in errors


@pytest.mark.usefixtures("call")
def test_a_copy_of_another_index(server: DevServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with DevServer(token="another") as source:
        fill(source, ["a", "b"])
        copied = ["copy", f"--url={server.url}", f"--source-url={source.url}", "--target-namespace=new"]
        assert main(copied) == 2  # the token of the target is not sent to the source
        assert not source.requests
        monkeypatch.setenv("UPSTASH_VECTOR_SOURCE_REST_TOKEN", "another")
        assert main(copied) == 0
        connection = {"conn_type": "upstash_vector", "host": source.url, "password": "another"}
        monkeypatch.setenv("AIRFLOW_CONN_SOURCE", json.dumps(connection))
        by_connection = ["copy", "--conn-id=my_index", "--source-conn-id=source", "--target-namespace=newer"]
        assert main(by_connection) == 0
    assert stored(server, "new") == stored(server, "newer") == {"a": {"n": -1}, "b": {"n": -1}}
    for mixed in (["--conn-id=my_index", f"--source-url={server.url}"], [copied[1], "--source-conn-id=source"]):
        assert main(["copy", *mixed]) == 2


def test_rows_of_other_tools_are_embedded(call: Call, server: DevServer, tmp_path: Path) -> None:
    path = tmp_path / "chunks.json"
    chunks = [{"text": text, "metadata": {"file": "a.md"}} for text in ("one", "three")]
    path.write_text(json.dumps({"result": {"chunks": chunks}}))
    names = ("--rows-field=result.chunks", "--id-template={metadata.file}#{index}", "--data-field=text")
    code, report, errors = call("upsert", str(path), *names, f"--embed={__name__}:lengths", "--namespace=docs")
    assert (code, report["upserted"], report["embedded"]) == (0, 2, 2), errors
    assert stored(server, "docs") == {"a.md#0": {"file": "a.md"}, "a.md#1": {"file": "a.md"}}
