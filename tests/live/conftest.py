"""A whole Airflow for the tests of this folder that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.index_fixtures import connection_json
from tests.live.live_airflow import LiveAirflow, live_airflow


@pytest.fixture(scope="package")
def airflow(shared_server: DevServer) -> Iterator[LiveAirflow]:
    """An Airflow whose default connection, and the host of the example of assets, is ``server``."""
    with live_airflow(connection_json(shared_server), {"UPSTASH_VECTOR_HOST": shared_server.url}) as running:
        yield running
