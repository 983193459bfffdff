"""The commands that sync and check a namespace, in this process and through a connection of Airflow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_upstash_vector.bulk.checking.base import Check
from airflow_provider_upstash_vector.command_line.check import CHECKS
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.command_line.conftest import Call
from tests.support.bulk_runs import stored


def test_a_sync_is_planned_and_applied(call: Call, server: DevServer, tmp_path: Path) -> None:
    path, plan = tmp_path / "rows.jsonl", tmp_path / "plan.json"
    rows = [{"id": id, "vector": [n, 1], "metadata": {"n": n}} for n, id in enumerate(("m1", "m2", "m3"))]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    sync = (
        "sync",
        str(path),
        "--namespace=ns",
        "--scope=all",
        f"--plan-path={plan}",
        "--keep-metadata=year,other",
    )
    deleting = (*sync, "--delete-missing", "--max-delete=50%")
    assert "set exactly one of --scope all and prefix" in call(*sync[:3])[2]
    assert "delete_missing needs" not in call("sync", str(path), "--namespace=ns", "--delete-missing", "--yes")[2]
    code, report, errors = call(*deleting, "--plan")
    assert (code, report["mode"], report["deleted"]) == (0, "plan", 1), errors
    assert plan.exists()
    assert stored(server, "ns").keys() == {"m0", "m1", "m2"}
    code, output, errors = call(*deleting)
    assert (code, output) == (2, None)
    assert "sync cannot be undone, so it needs --yes, or --plan" in errors
    assert "needs --namespace;" in call(*(part for part in deleting if part != sync[2]), "--yes")[2]
    code, report, errors = call(*deleting, "--yes")
    assert (code, report["deleted"], report["finished"]) == (0, 1, True), errors
    assert stored(server, "ns") == {
        "m1": {"n": 0, "year": 1991, "_fp": stored(server, "ns")["m1"]["_fp"]},  # type: ignore[index]
        **{id: stored(server, "ns")[id] for id in ("m2", "m3")},
    }


def test_a_sync_that_would_delete_too_much_exits_with_3(call: Call, server: DevServer, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "m0", "vector": [0, 1]}\n')
    guarded = ("sync", str(path), "--namespace=ns", "--scope=all", "--delete-missing", "--max-delete=1", "--yes")
    code, report, errors = call(*guarded)
    assert (code, report["finished"]) == (3, False)
    assert "--max-delete 1" in errors
    path.write_text("")
    code, report, errors = call(*guarded)
    assert (code, report["rows"]) == (3, 0), errors
    assert stored(server, "ns").keys() == {"m0", "m1", "m2"}


def test_checks_pass_and_fail(call: Call, tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    gold.write_text('{"vector": [0, 1], "ids": ["m0"]}\n')
    checks = ("--no-zero-vectors", "--metadata-has", "year", "least=0.9", "--count-between", "95%", "maximum=3")
    queries = ("--self-recall", "least=0.5", "--gold-queries", str(gold), "recall_at=1")
    code, report, errors = call("check", "--namespace=ns", "--baseline=other", *checks, *queries, "--seed=7")
    names = ["NoZeroVectors", "MetadataHas", "CountBetween", "SelfRecall", "GoldQueries"]
    assert (code, [check["name"] for check in report["checks"]], report["seed"]) == (0, names, 7), errors
    code, report, errors = call("check", "--namespace=ns", "--count-between", "9", "--metadata-has", "no", "year")
    assert (code, report["passed"], [check["passed"] for check in report["checks"]]) == (4, False, [False, False])
    assert "2 of 2 checks failed" in errors


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "set at least one of the checks --count-between, --no-zero-vectors"),
        (("--self-recall", "0", "1", "2"), "--self-recall: "),
        (("--self-recall", "x"), "at: must be a whole number"),
        (("--self-recall", "least=x"), "least: must be a number from 0 to 1, got str 'x'"),
        (("--self-recall", "at=[["), "at: must be a whole number"),
        (("--count-between", "95%"), "baseline: must be set"),
        (("--metadata-has",), "needs a field"),
        (("--gold-queries", "/no.jsonl"), "there is no file /no.jsonl"),
        (("--no-zero-vectors", "1"), "unrecognized arguments: 1"),
    ],
)
def test_invalid_checks_exit_with_2(call: Call, arguments: tuple[str, ...], error: str) -> None:
    code, output, errors = call("check", *arguments)
    assert (code, output) == (2, None)
    assert error in errors


def test_every_check_has_an_option() -> None:
    assert {*CHECKS} == {
        check for check in Check.__subclasses__() if check.__module__.startswith("airflow_provider")
    }
