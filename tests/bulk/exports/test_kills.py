"""Exports that are killed with ``kill -9`` at random pages, and run again until they complete."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector.bulk.exports.target import STATE_NAME
from airflow_provider_upstash_vector.bulk.sources import PENDING, FieldNames, open_source
from airflow_provider_upstash_vector.bulk.sources.manifest import MANIFEST_NAME, read_manifest
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.stored_vectors import write

ROWS = {"": 700, "a/b": 200, "one": 1}
PAGES = 46
DEADLINE_SECONDS = 120


LONG = [pytest.mark.long, pytest.mark.timeout(1_800)]


@pytest.mark.parametrize(
    ("format", "kills"),
    [("jsonl", 2), *(pytest.param(format, 25, marks=LONG) for format in ("jsonl", "parquet"))],
)
def test_a_killed_export_is_completed(tmp_path: Path, format: str, kills: int) -> None:
    with DevServer(dimension=2, token="token") as server:
        for namespace, count in ROWS.items():
            for start in range(0, count, 500):
                write(server, [vector(n) for n in range(start, min(start + 500, count))], namespace)
        killed, number = 0, 0
        while killed < kills:
            folder = tmp_path / f"e{number}"
            while killed < kills and export(server, folder, format, random.randrange(1, PAGES)):
                killed += 1
            export(server, folder, format, None)
            check(folder)
            number += 1


def vector(n: int) -> dict[str, object]:
    return {"id": f"v{n}", "vector": [n, 1], "metadata": {"n": n}}


def export(server: DevServer, folder: Path, format: str, kill_after_pages: int | None) -> bool:
    """Export in another process; return whether it was killed before it completed."""
    before = server.requests["range"]
    process = subprocess.Popen([sys.executable, "-m", "tests.support.killed_export", server.url, folder, format])
    end = time.monotonic() + DEADLINE_SECONDS
    while process.poll() is None:
        assert time.monotonic() < end
        if kill_after_pages is not None and server.requests["range"] - before >= kill_after_pages:
            process.kill()
            process.wait(DEADLINE_SECONDS)
            return True
        time.sleep(0.001)
    # if it was killed after its manifest was written, the next one refuses the folder
    assert process.returncode == 0 or (folder / MANIFEST_NAME).exists()
    return False


def check(folder: Path) -> None:
    """Check that the export has each row once, and that nothing else is left."""
    manifest = read_manifest(folder / MANIFEST_NAME)
    assert manifest is not None
    assert {item.namespace: item.rows for item in manifest.namespaces} == ROWS
    assert not manifest.changed_meanwhile
    source: Any = open_source(str(folder / MANIFEST_NAME), FieldNames())
    rows = [read[0] for read in source.rows(0) if read is not PENDING]
    found = sorted((row["namespace"], int(row["id"][1:])) for row in rows)
    assert found == sorted((namespace, n) for namespace, count in ROWS.items() for n in range(count))
    parts = {part.name for item in manifest.namespaces for part in item.parts}
    assert {path.name for path in folder.iterdir()} - {STATE_NAME} == {MANIFEST_NAME, *parts}
