"""Runs on a disk that is full at random moments: ``full_disk URL TOKEN FOLDER SEED CASES`` as a module.

A limit of the size of files stands for the full disk: writes are cut short, then fail. Each case is one run that
meets the limit and one without it; prints a line of JSON for each case.
"""

from __future__ import annotations

import json
import random
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.tracking import budget, monitor
from airflow_provider_upstash_vector.client import Endpoint

ROWS, EVERY_REJECTED = 200, 10


def limit_files(size: int | None) -> None:
    """Limit the size of files, or lift the limit."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if size is None else size, hard))


def rows(limit: int | None, at: int) -> Iterator[dict[str, Any]]:
    """Yield rows, some of which are rejected; row ``at`` finds the disk full."""
    for number in range(ROWS):
        if number == at and limit is not None:
            limit_files(limit)
        rejected = {"unknown_field": "x" * 50} if number % EVERY_REJECTED == 0 else {}
        yield {"id": f"v{number}", "data": "x", **rejected}


def run_once(
    folder: Path, endpoint: Endpoint, limit: int | None, at: int, options: dict[str, Any]
) -> dict[str, Any]:
    """Return how a run ended."""
    if limit is not None and at < 0:
        limit_files(limit)
    try:
        report = bulk.update(
            rows(limit, at),
            endpoint,
            checkpoint=folder / "checkpoint",
            failures_path=folder / "failures.jsonl",
            max_failures=ROWS,
            max_rows_per_second=400,
            max_concurrency=4,
            check_index=False,
            progress="none",
            **options,
        )
    except bulk.BulkJobFailed as error:
        result: dict[str, Any] = {
            "error": "BulkJobFailed",
            "reason": error.reason,
            "report": error.report.to_dict(),
        }
    except BaseException as error:  # noqa: BLE001 - what the test is about
        result = {"error": type(error).__name__, "text": str(error)}
    else:
        result = {"error": None, "report": report.to_dict()}
    limit_files(None)
    return {**result, "files": sorted(file.name for file in folder.iterdir())}


def main(url: str, token: str, folder: str, seed: str, cases: str) -> None:
    """Run the cases."""
    monitor._SAVE_EVERY_SECONDS = monitor._TICK_SECONDS = 0.02
    budget._RETRY_SECONDS = 0.02
    random_value = random.Random(int(seed))
    endpoint = Endpoint.of(url, token)
    for number in range(int(cases)):
        case = Path(folder) / str(number)
        case.mkdir()
        limit = random_value.choice([0, 1, random_value.randrange(5_000), 500_000])
        at = random_value.randrange(-ROWS // 4, ROWS)
        if number == 0:
            limit, at = 0, ROWS // 4  # at least one run fails
        options: dict[str, Any] = random_value.choice([{}, {"daily_budget": 10_000}])
        runs = [run_once(case, endpoint, size, at, options) for size in (limit, None)]
        settled = [
            json.loads(line)["failure"]["row"] for line in (case / "failures.jsonl").read_text().splitlines()
        ]
        print(json.dumps({"limit": limit, "at": at, "options": options, "runs": runs, "failures": settled}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
