from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.bulk import BulkJobFailed, BulkReport

counts = st.tuples(*[st.integers(0, 10**12)] * 5)


def report(total: int = 10, **changes: Any) -> BulkReport:
    numbers: dict[str, Any] = {
        "done": total,
        "missing": 0,
        "rejected": 0,
        "failed": 0,
        "not_attempted": 0,
        "retries": 1_234,
        "bytes_sent": 567,
        "seconds": 2.0004,
        "throttled_seconds": 0.25,
    }
    return BulkReport(total=total, **{**numbers, **changes})


def names(five: tuple[int, ...]) -> dict[str, int]:
    return dict(zip(("done", "missing", "rejected", "failed", "not_attempted"), five, strict=True))


@given(counts)
def test_counts_that_add_up_are_a_report_small_as_json(five: tuple[int, ...]) -> None:
    result = report(sum(five), **names(five))
    manifest = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    manifest["done"] = manifest["updated"]
    assert {name: manifest[name] for name in names(five)} == names(five)
    upserts = report(sum(five), **names(five), operation="upsert", outcome="upserted").to_dict()
    assert list(upserts) == ["upserted" if name == "updated" else name for name in result.to_dict()]
    assert len(json.dumps(manifest)) < 550
    assert pickle.loads(pickle.dumps(result)) == result  # noqa: S301 - our own


@given(counts, st.integers(-3, 3).filter(bool))
def test_counts_that_do_not_add_up_are_an_error(five: tuple[int, ...], off: int) -> None:
    with pytest.raises(ValueError, match="rows, but outcomes"):
        report(sum(five) + off, **names(five))


def test_a_negative_count_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"10 rows, but outcomes \(11, 0, 0, 0, -1\)"):
        report(10, done=11, not_attempted=-1)


def test_a_report_as_json() -> None:
    assert report(10, done=8, failed=1, not_attempted=1, failures_path="f.jsonl", reads=2).to_dict() == {
        "total": 10,
        "updated": 8,
        "missing": 0,
        "rejected": 0,
        "failed": 1,
        "not_attempted": 1,
        "retries": 1_234,
        "bytes_sent": 567,
        "seconds": 2.0,
        "throttled_seconds": 0.25,
        "failures_path": "f.jsonl",
        "missing_path": None,
        "all_read": True,
        "dry_run": False,
        "rows_per_second": 4.5,
        "operations": {"written": 8, "read": 2},
    }
    assert report(10, done=3, missing=2, rejected=5).operations == {"written": 5, "read": 0}
    assert report(10, done=0, rejected=2, not_attempted=8, dry_run=True).operations == {"written": 8, "read": 0}


def test_a_report_as_text() -> None:
    assert str(report(12_345, done=12_000, failed=45, not_attempted=300, all_read=False)) == (
        "12,000 of 12,345 rows updated, 0 missing, 0 rejected, 45 failed, 300 of those read not attempted, "
        "in 2.0 s (6,021/s, 1,234 retries, 0.2 s throttled)"
    )
    assert str(report(3, outcome="upserted")).startswith("3 of 3 rows upserted, 0 missing")
    dry = report(10, done=0, rejected=2, not_attempted=8, dry_run=True)
    assert str(dry) == "8 of 10 rows would be sent, 567 bytes; 2 rejected"
    assert dry.rows_per_second == pytest.approx(5, abs=0.01)


def test_the_text_names_the_files_and_counts_one_row_as_one() -> None:
    paths: dict[str, Any] = {"failures_path": "/f", "missing_path": "s3://b/m"}
    assert str(report(1, done=1, retries=1, **paths)) == (
        "1 of 1 row updated, 0 missing, 0 rejected, 0 failed, 0 not attempted, "
        "in 2.0 s (0/s, 1 retry, 0.2 s throttled); failures_path: /f; missing_path: s3://b/m"
    )
    dry = report(1, done=0, not_attempted=1, bytes_sent=1, dry_run=True, failures_path="/f")
    assert str(dry) == "1 of 1 row would be sent, 1 byte; 0 rejected; failures_path: /f"


def test_a_run_that_took_no_time_has_no_rate() -> None:
    assert report(0, done=0, seconds=0.0).rows_per_second == 0


def test_the_error_of_a_run_says_why_and_pickles() -> None:
    error = BulkJobFailed("failures", "3 failures exceed max_failures=2", report(), False)
    text = str(error)
    assert text.startswith("3 failures exceed max_failures=2: 10 of 10 rows updated")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (copy.reason, copy.report, copy.retryable, str(copy)) == ("failures", report(), False, text)
