"""The recipe for what Mastra wrote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.interop.recipes import DRAMA, IDS, TEXTS, VECTORS, overwrite, run_recipe
from tests.support.airflow_home import AirflowHome

HERE = Path(__file__).parent / "mastra"
Store = Callable[[str, dict[str, Any]], Any]


@pytest.fixture(scope="module")
def node() -> str:
    """Return the path of Node.js, after installing Mastra from its lock file."""
    path = shutil.which("node")
    assert path, "Node.js is missing: run scripts/install-node"
    if not (HERE / "node_modules/@mastra/upstash").is_dir():
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        installed = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False, timeout=400)
        assert installed.returncode == 0, installed.stderr
    return path


@pytest.fixture
def store(node: str, server: DevServer, connection: str) -> Store:
    """Return a function that calls a method of the store, which has two movies."""
    environ = {
        **os.environ,
        "UPSTASH_VECTOR_REST_URL": server.url,
        "UPSTASH_VECTOR_REST_TOKEN": server.token,
        "UPSTASH_DISABLE_TELEMETRY": "1",
    }

    def call(method: str, options: dict[str, Any]) -> Any:
        command = [node, "store.mjs", method, json.dumps(options)]
        process = subprocess.run(
            command, cwd=HERE, env=environ, capture_output=True, text=True, check=False, timeout=240
        )
        assert process.returncode == 0, process.stderr
        return json.loads(process.stdout)

    vectors, metadata = [VECTORS[text] for text in TEXTS], [{**DRAMA, "text": text} for text in TEXTS]
    call("upsert", {"ids": IDS, "vectors": vectors, "metadata": metadata})
    return call


def found(store: Store, query: str) -> list[Any]:
    return [result["metadata"] for result in store("query", {"queryVector": VECTORS[query], "topK": 2})]


def test_the_recipe_keeps_the_texts(store: Store, airflow_home: AirflowHome) -> None:
    run_recipe(airflow_home, "Mastra")
    comedy = {**DRAMA, "text": "A heist.", "genre": "comedy"}
    assert found(store, "A war.") == [{**DRAMA, "text": "A war."}, comedy]


def test_an_update_without_it_loses_the_text(
    store: Store, server: DevServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert "remove 'text'" in overwrite(server, caplog, "movies")
    assert found(store, "A heist.")[0] == {"genre": "war"}
