"""A bulk run to be killed: ``python -m tests.support.killed_run KIND URL ROWS CHECKPOINT``; prints its report."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint

BATCH_ROWS, PAUSE_SECONDS = 200, 0.03


def cursor(path: Path) -> Iterator[dict[str, Any]]:
    """Yield rows as a database cursor does, which asks for the next batch now and then."""
    for number, line in enumerate(path.read_text().splitlines()):
        if number % BATCH_ROWS == 0:
            time.sleep(PAUSE_SECONDS)
        yield json.loads(line)


def main(kind: str, url: str, rows: str, checkpoint: str) -> None:
    """Run once."""
    options: dict[str, Any] = {"max_requests_per_second": 250} if kind == "file" else {}
    report = bulk.update(
        rows if kind == "file" else cursor(Path(rows)),
        Endpoint.of(url, "token"),
        checkpoint=checkpoint,
        check_index=False,
        progress="none",
        **options,
    )
    sys.stdout.write(json.dumps(report.to_dict()))


if __name__ == "__main__":
    main(*sys.argv[1:])
