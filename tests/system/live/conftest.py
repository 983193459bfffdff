"""A running Airflow for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.index_fixtures import connection_json
from tests.support.live_airflow import LiveAirflow, live_airflow
from tests.support.rest_api import free_port


@pytest.fixture(scope="package")
def slow_index_port() -> int:
    """The port of the index of the DAG ``waiting``, whose asset is created when the DAG is parsed."""
    return free_port()


@pytest.fixture(scope="package")
def airflow(shared_server: DevServer, slow_index_port: int) -> Iterator[LiveAirflow]:
    """An Airflow whose default connection and ``example_assets`` use ``shared_server``."""
    hosts = {
        "UPSTASH_VECTOR_HOST": shared_server.url,
        "SLOW_INDEX_HOST": f"http://127.0.0.1:{slow_index_port}",
    }
    with live_airflow(connection_json(shared_server), hosts) as running:
        yield running
