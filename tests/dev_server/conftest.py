"""Fixtures of the contract tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.dev_api import Api


@pytest.fixture
def api(server: DevServer) -> Iterator[Api]:
    api = Api(server)
    yield api
    api.http.close()
