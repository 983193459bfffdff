"""The commands of the tutorial print what it shows."""

from __future__ import annotations

import json
from pathlib import Path

from airflow_provider_upstash_vector.client import Endpoint, VectorClient, VectorUpdate
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.tutorial import commands, run

AFTER_THE_DAG = ("Load a file", "Query", "The file changes", "Apply the plan")


def test_the_commands(tmp_path: Path) -> None:
    with DevServer(dimension=2) as server:
        start, add = [command for command, _ in commands("Start an index")]
        assert "dev_server --dimension 2" in start
        run(add, server, tmp_path)
        with VectorClient(Endpoint.of(server.url, server.token)) as client:  # as the DAG of step 5 does
            update = VectorUpdate(id="movie-1", metadata={"genre": "comedy"}, metadata_update_mode="PATCH")
            assert client.update(update) == 1
        ((fetch, metadata),) = commands("See what has changed")
        assert json.loads(run(fetch, server, tmp_path).replace("'", '"')) == json.loads(metadata)

        outputs = 0
        for step in AFTER_THE_DAG:
            for command, shown in commands(step):
                printed = run(command, server, tmp_path)
                for part in shown.rstrip("\n").split("…"):
                    assert part in printed, command
                outputs += bool(shown)
        assert outputs == 4
