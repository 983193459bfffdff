"""A client of Airflow's REST API for tests of a live Airflow."""

from __future__ import annotations

import json
import socket
import time
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

_TIMEOUT_SECONDS = 60
# While another process writes, for example one that parses DAGs, SQLite is locked.
_ATTEMPTS = 5


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
        """Send a request, again if Airflow could not write to its SQLite file. Raises ``HTTPError``."""
        request = Request(  # noqa: S310 - as above
            f"{self._url}/api/v2{path}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        for attempt in range(_ATTEMPTS):
            try:
                urlopen(request, timeout=_TIMEOUT_SECONDS).close()  # noqa: S310 - as above
            except HTTPError as error:  # noqa: PERF203 - of a request each
                if attempt and error.code == HTTPStatus.CONFLICT:  # it had been carried out
                    return
                if error.code != HTTPStatus.INTERNAL_SERVER_ERROR or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(1)
            else:
                return

    @cached_property
    def _token(self) -> str:
        with urlopen(f"{self._url}/auth/token", timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310 - as above
            return str(json.load(response)["access_token"])


def free_port() -> int:
    """Return a free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
