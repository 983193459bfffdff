"""Fixtures of the dev server's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.dev_api import Api


@pytest.fixture
def api(server: DevServer) -> Iterator[Api]:
    with Api(server) as api:
        yield api
