"""Runs on tables: numbers as ids, metadata from columns, folders of Spark and arrays, sent to an index."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.bulk_runs import Run, failed, fill, stored

IDS: list[Any] = [101, np.int64(102), Decimal("103.0"), UUID(int=4)]
TEXTS = ["101", "102", "103", str(UUID(int=4))]


def test_numbers_and_uuids_are_ids_and_namespaces_of_a_run(server: DevServer, run: Run) -> None:
    for namespace in ("", "7"):
        fill(server, TEXTS, namespace)
    rows = [{"id": id, "metadata": {"n": 1}, "namespace": name} for id in IDS for name in (None, 7)]
    report = run(rows)
    assert (report.done, report.rows_by_namespace) == (8, {"": 4, "7": 4})
    assert run([{"id": id, "metadata": {"n": 2}} for id in IDS], namespace=7).done == 4
    assert stored(server, "7") == {text: {"n": 2} for text in TEXTS}


def test_a_number_and_its_text_are_one_vector_updated_in_order(server: DevServer, run: Run) -> None:
    fill(server, ["101"])
    rows = [{"id": (101, "101")[n % 2], "metadata": {"n": n}} for n in range(200)]
    assert run(rows).done == 200
    assert stored(server) == {"101": {"n": 199}}


def test_a_column_of_floats_is_rejected_with_the_remedy(run: Run, tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [101, None], "data": ["x", "y"]})
    report = run(frame, max_failures="100%", failures_path=tmp_path / "failures.jsonl", check_index=False)
    assert report.rejected == 2
    reasons = [json.loads(line)["failure"]["reason"] for line in (tmp_path / "failures.jsonl").open()]
    assert reasons[0].endswith("got float 101.0; pandas' type Int64 keeps whole numbers in a column with gaps")


def test_rows_with_metadata_of_columns_that_failed_can_be_rows_again(
    server: DevServer, run: Run, tmp_path: Path
) -> None:
    fill(server, ["a", "b"])
    path, failures = tmp_path / "rows.csv", tmp_path / "failures.jsonl"
    path.write_text("id;genre;year;data\na;crime;1995;\nb;drama;2007;\n;western;1969;\n")
    report = run(path, metadata_fields=["genre", "year"], max_failures=1, failures_path=failures)
    assert (report.done, report.rejected) == (2, 1)
    assert stored(server) == {"a": {"genre": "crime", "year": 1995}, "b": {"genre": "drama", "year": 2007}}
    (line,) = failures.read_text().splitlines()
    failures.write_text(json.dumps({**json.loads(line), "id": "a"}))
    for fields in (["genre", "year"], "*"):
        assert run(failures, metadata_fields=fields).done == 1
        assert stored(server)["a"] == {"genre": "western", "year": 1969}


@pytest.mark.parametrize("kind", ["folder", "array"])
def test_a_run_resumes_within_a_folder_or_an_array(server: DevServer, run: Run, tmp_path: Path, kind: str) -> None:
    fill(server, [f"v{n}" for n in range(40)])
    rows = [{"id": f"v{n}", "n": n} for n in range(40)]
    path = tmp_path / "rows.json"
    if kind == "array":
        path.write_text(json.dumps(rows))
    else:
        path.mkdir()
        for part in range(4):
            (path / f"part-0000{part}.json").write_text(
                "\n".join(json.dumps(row) for row in rows[part * 10 : part * 10 + 10])
            )
        (path / "_SUCCESS").touch()
    options: dict[str, Any] = {"checkpoint": tmp_path / "c", "metadata_fields": "*", "max_concurrency": 1}
    error = failed(lambda: run(path, daily_budget=25, check_index=False, **options))
    assert (error.report.done, error.report.total) == (25, 40)
    (tmp_path / "c.budget").unlink()
    assert run(path, check_index=False, **options).done == 40
    assert server.requests["update"] == 40
    assert stored(server) == {f"v{n}": {"n": n} for n in range(40)}


def test_an_incomplete_folder_sends_nothing(server: DevServer, run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "part-00000.json").write_text('{"id":"a","data":"x"}')
    with pytest.raises(InvalidRows, match="without the file _SUCCESS"):
        run(tmp_path / "out")
    assert not server.requests
