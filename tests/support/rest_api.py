"""A client of Airflow's REST API for tests of a live Airflow."""

from __future__ import annotations

import json
import socket
from functools import cached_property
from typing import Any
from urllib.request import Request, urlopen

_TIMEOUT_SECONDS = 60


class RestApi:
    """The API of an Airflow in which every user is an administrator."""

    def __init__(self, url: str) -> None:
        self._url = url

    def is_up(self) -> bool:
        """Return whether the API responds."""
        try:
            with urlopen(f"{self._url}/api/v2/version", timeout=_TIMEOUT_SECONDS):  # noqa: S310 - our own http URL
                return True
        except OSError:
            return False

    def call(self, method: str, path: str, **body: Any) -> None:
        """Send a request. Raises ``HTTPError`` on an error status."""
        request = Request(  # noqa: S310 - as above
            f"{self._url}/api/v2{path}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        urlopen(request, timeout=_TIMEOUT_SECONDS).close()  # noqa: S310 - as above

    @cached_property
    def _token(self) -> str:
        with urlopen(f"{self._url}/auth/token", timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310 - as above
            return str(json.load(response)["access_token"])


def free_port() -> int:
    """Return a free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
