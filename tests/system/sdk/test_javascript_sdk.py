"""The vendor's JavaScript SDK works with the dev server."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector.dev_server import DevServer

HERE = Path(__file__).parent / "javascript"


@pytest.fixture(scope="module")
def node() -> str:
    """Return the path of Node.js, after installing the SDK from its lock file."""
    path = shutil.which("node")
    assert path, "Node.js is missing: run scripts/install-node"
    if not (HERE / "node_modules/@upstash/vector").is_dir():
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        installed = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False, timeout=240)
        assert installed.returncode == 0, installed.stderr
    return path


@pytest.mark.parametrize("index_type", ["DENSE", "SPARSE", "HYBRID"])
def test_every_command(node: str, index_type: str) -> None:
    models: dict[str, Any] = {"embedding_model": "stand-in", "sparse_embedding_model": "BM25"}
    with DevServer(index_type=index_type, dimension=2, **models) as server:
        environ = {
            **os.environ,
            "INDEX_TYPE": index_type,
            "UPSTASH_VECTOR_REST_URL": server.url,
            "UPSTASH_VECTOR_REST_TOKEN": server.token,
            "UPSTASH_DISABLE_TELEMETRY": "1",
        }
        command = [node, "--test", "sdk.test.mjs"]
        process = subprocess.run(
            command, cwd=HERE, env=environ, capture_output=True, text=True, check=False, timeout=240
        )
    assert process.returncode == 0, process.stdout + process.stderr
    assert "pass 12\n" in process.stdout
