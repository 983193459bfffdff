"""Peak memory of runs: it does not grow with the rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Prints the peak memory in MB of a run over rows that a generator makes, all of which succeed at once.
RUN = """
import asyncio, re, sys
from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import AsyncVectorClient, Endpoint
from airflow_provider_upstash_vector.client.wire import Response

operation, count, checkpoint = sys.argv[1], int(sys.argv[2]), sys.argv[3]
counted = b'{"result":{"%sd":1000}}' % operation.encode()
body = {"upsert": b'{"result":"Success"}'}.get(operation, counted)

async def send(self, path, body_sent, timeout_seconds):
    await asyncio.sleep(0)
    return Response(200, {}, body)

AsyncVectorClient.send = send
rows = ({"id": f"doc-{n}", "data": "text " * 20, "metadata": {"n": n}} for n in range(count))
endpoint = Endpoint.of("http://127.0.0.1:9", "token")
report = getattr(bulk, operation)(rows, endpoint, check_index=False, progress="none", checkpoint=checkpoint)
assert report.done == count, report
print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1)) / 1024)
"""


def peak_mb(*arguments: object) -> float:
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1_200)
    assert process.returncode == 0, process.stderr
    return float(process.stdout)


@pytest.mark.long
@pytest.mark.parametrize("operation", ["update", "upsert", "delete"])
def test_memory_is_flat_from_100_000_to_1_000_000_rows(operation: str, tmp_path: Path) -> None:
    small, large = (peak_mb(operation, rows, f"{tmp_path}/{rows}") for rows in (100_000, 1_000_000))
    assert large < small * 1.1, (small, large)
