"""A bulk run to be killed: ``python -m tests.support.killed_run URL ROWS CHECKPOINT [RATE [BUDGET]]``.

It prints its report. Without a rate the rows come from a generator.
"""

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
    """Yield rows as a database cursor does, with a pause before each batch."""
    for number, line in enumerate(path.read_text().splitlines()):
        if number % BATCH_ROWS == 0:
            time.sleep(PAUSE_SECONDS)
        yield json.loads(line)


def main(url: str, rows: str, checkpoint: str, rate: str | None = None, budget: str | None = None) -> None:
    """Run once."""
    report = bulk.update(
        rows if rate else cursor(Path(rows)),
        Endpoint.of(url, "token"),
        checkpoint=checkpoint,
        check_index=False,
        max_requests_per_second=float(rate) if rate else None,
        daily_budget=int(budget) if budget else None,
        progress="none",
    )
    sys.stdout.write(json.dumps(report.to_dict()))


if __name__ == "__main__":
    main(*sys.argv[1:])
