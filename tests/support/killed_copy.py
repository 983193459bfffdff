"""A copy to be killed: ``… -m tests.support.killed_copy SOURCE TARGET TOKEN CHECKPOINT [RATE]``.

Prints its report.
"""

from __future__ import annotations

import json
import sys

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint


def main(source: str, target: str, token: str, checkpoint: str, rate: str | None = None) -> None:
    """Run once, with small pages and requests."""
    report = bulk.copy(
        Endpoint.of(source, token),
        Endpoint.of(target, token),
        checkpoint=checkpoint,
        if_not_empty="fail",
        page_size=25,
        max_rows_per_request=4,
        max_concurrency=8,
        max_rows_per_second=float(rate) if rate else None,
        progress="none",
    )
    sys.stdout.write(json.dumps(report.to_dict()))


if __name__ == "__main__":
    main(*sys.argv[1:])
