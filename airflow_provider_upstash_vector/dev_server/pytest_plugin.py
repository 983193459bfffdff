"""The pytest fixture of the dev server; pytest loads it with the installed package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.dev_server.server import DevServer


@pytest.fixture
def upstash_vector_dev_server() -> Iterator[DevServer]:
    """Yield an empty dense index of two dimensions with ``.url`` and ``.token``, in memory, on a free port."""
    from airflow_provider_upstash_vector.dev_server import DevServer  # noqa: PLC0415 - only tests that use it pay

    with DevServer() as server:
        yield server
