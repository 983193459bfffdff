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

# The same of a scan of as many vectors, all of which match, by a function of an endpoint.
SCAN = """
import asyncio, json, re, sys
from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.checking import MetadataHas, NoZeroVectors, check
from airflow_provider_upstash_vector.client import AsyncVectorClient, Endpoint, Field
from airflow_provider_upstash_vector.client.wire import Response

count = int(sys.argv[2])
namespaces = {"": {"vectorCount": count, "pendingVectorCount": 0}}
info = {"vectorCount": count, "pendingVectorCount": 0, "indexSize": 0, "namespaces": namespaces}
info |= {"dimension": 2, "similarityFunction": "COSINE", "indexType": "DENSE"}

def vector(id):
    return {"id": id, "vector": [1, 0], "metadata": {"text": "text " * 20}}

async def send(self, path, body, timeout_seconds):
    await asyncio.sleep(0)
    command = path.strip("/")
    if command == "range":
        first = int(json.loads(body)["cursor"])
        last = min(first + 1000, count)
        cursor = str(last) if last < count else ""
        result = {"nextCursor": cursor, "vectors": [vector(f"doc-{n}") for n in range(first, last)]}
    elif command == "fetch":
        result = [vector(id) for id in json.loads(body)["ids"]]
    else:
        result = {"update": {"updated": 1}, "info": info}[command]
    return Response(200, {}, json.dumps({"result": result}).encode())

def update_where(endpoint):
    change = {"where": Field("text").exists(), "metadata": {"x": 1}, "max_matches": None}
    assert bulk.update_where(endpoint, progress="none", **change).done == count

def check_sample(endpoint):
    report = check(endpoint, checks=[NoZeroVectors(), MetadataHas("text")], sample=1000)
    assert report.passed and report.sampled == 1000, report

AsyncVectorClient.send = send
globals()[sys.argv[1]](Endpoint.of("http://127.0.0.1:9", "token"))
print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1)) / 1024)
"""


def peak_mb(code: str, *arguments: object) -> float:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1_200)
    assert process.returncode == 0, process.stderr
    return float(process.stdout)


@pytest.mark.long
@pytest.mark.parametrize("operation", ["update", "upsert", "delete"])
def test_memory_is_flat_from_100_000_to_1_000_000_rows(operation: str, tmp_path: Path) -> None:
    small, large = (peak_mb(RUN, operation, rows, f"{tmp_path}/{rows}") for rows in (100_000, 1_000_000))
    assert large < small * 1.1, (small, large)


@pytest.mark.long
@pytest.mark.parametrize("function", ["update_where", "check_sample"])
def test_memory_is_flat_from_20_000_to_200_000_scanned_vectors(function: str) -> None:
    small, large = (peak_mb(SCAN, function, vectors) for vectors in (20_000, 200_000))
    assert large < small * 1.1, (small, large)
