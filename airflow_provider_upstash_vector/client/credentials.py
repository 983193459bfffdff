"""URL and token of an index, and the reading of a token that was rotated. Decides only; the clients read."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from airflow_provider_upstash_vector.client.models import Endpoint

log = logging.getLogger(__name__)

ReadEndpoint = Callable[[], Endpoint] | Callable[[], Awaitable[Endpoint]]


class Credentials:
    """An endpoint whose token is read again after it was rotated. Clients of one index may share it.

    :param endpoint: URL and token of the index.
    :param read: returns the endpoint with the token of now; an async function only for async clients. By default
        a rotated token cannot be replaced.
    """

    def __init__(self, endpoint: Endpoint, read: ReadEndpoint | None = None) -> None:
        self.endpoint = endpoint
        self._read = read
        self._accepted = False

    @property
    def url(self) -> str:
        """The base URL of the index."""
        return self.endpoint.url

    def was_rotated(self, status: int) -> bool:
        """Record the status of a response; return whether it is a 401 after a request that was accepted."""
        if status < 300:
            self._accepted = True
            return False
        return status == 401 and self._accepted

    def read(self) -> Endpoint | Awaitable[Endpoint]:
        """Return the endpoint as it is now. Raises what the function raises that reads it."""
        return self._read() if self._read else self.endpoint

    def replace(self, fresh: Endpoint | Exception) -> str | None:
        """Use the endpoint that was read, in all clients; return why it cannot be used, or ``None``."""
        if isinstance(fresh, Exception):  # its text may hold parts of a connection
            return f"reading it again failed with {type(fresh).__name__}"
        if fresh.url != self.endpoint.url:
            return "the connection is now that of another index"
        if fresh.token == self.endpoint.token:
            return "enter the new token, then run again"
        self.endpoint = fresh
        log.info("The REST token was rotated; continuing with the new one.")
        return None


def credentials_of(endpoint: Endpoint | Credentials) -> Credentials:
    """Return credentials as they are, and for an endpoint those that never change."""
    return endpoint if isinstance(endpoint, Credentials) else Credentials(endpoint)
