"""Airflow's REST API, as far as the tests of a whole Airflow use it."""

from __future__ import annotations

import json
import socket
from functools import cached_property
from typing import Any
from urllib.request import Request, urlopen


class RestApi:
    """The API of an Airflow in which everybody is an administrator."""

    def __init__(self, url: str) -> None:
        self._url = url

    def answers(self) -> bool:
        """Tell whether it is there."""
        try:
            with urlopen(f"{self._url}/api/v2/version"):  # noqa: S310 - our own http URL
                return True
        except OSError:
            return False

    def call(self, method: str, path: str, **body: Any) -> None:
        """Send a request; raises ``HTTPError`` where it is refused."""
        request = Request(  # noqa: S310 - as above
            f"{self._url}/api/v2{path}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        urlopen(request).close()  # noqa: S310 - as above

    @cached_property
    def _token(self) -> str:
        with urlopen(f"{self._url}/auth/token") as answer:  # noqa: S310 - as above
            return str(json.load(answer)["access_token"])


def free_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
