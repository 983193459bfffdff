"""An export to be killed: ``… -m tests.support.killed_export URL FOLDER FORMAT``."""

from __future__ import annotations

import sys
from typing import Any

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint


def main(url: str, folder: str, format: Any) -> None:
    """Export once, in small parts."""
    bulk.export(
        folder, Endpoint.of(url, "token"), format=format, page_size=20, max_part_bytes=2_000, progress="none"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
