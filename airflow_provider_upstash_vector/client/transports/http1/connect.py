"""CONNECT, which asks a proxy for a tunnel (RFC 9110, section 9.3.6): request, and head of the response."""

from __future__ import annotations

from collections.abc import Mapping

from httptools import HttpResponseParser

from airflow_provider_upstash_vector.client.transports.http1.headers import (
    HEAD_TOO_LARGE,
    MAX_HEAD_BYTES,
    NOT_HTTP,
    is_interim,
)


def connect_request(host: str, port: int, headers: Mapping[str, str]) -> bytes:
    """Return the request for a tunnel to ``host``, an IPv6 address without brackets."""
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": target, **headers}.items())
    return f"CONNECT {target} HTTP/1.1\r\n{lines}\r\n".encode("ascii")


class ConnectResponse:
    """The response to CONNECT; ``accepted`` if it is 2xx, which has no body whatever its headers say."""

    def __init__(self) -> None:
        self.accepted = False
        self._received = bytearray()
        self._parser = HttpResponseParser(self)
        self._reason = b""
        self._status = 0  # 0 until the head of the response is read
        self._heads = 1  # that of the response, and those of interim ones

    def feed(self, data: bytes) -> bytes:
        """Parse the next bytes; return those after the head, which belong to the tunnel.

        Raises ``ConnectionError`` if the proxy refuses, or does not speak HTTP.
        """
        self._received += data
        try:
            self._parser.feed_data(data)
        except NOT_HTTP as error:
            if not self._status:  # what follows the head is not HTTP
                raise ConnectionError(f"the response to CONNECT is not HTTP: {error}") from None
        if not self._status:
            if len(self._received) > MAX_HEAD_BYTES:
                raise ConnectionError(HEAD_TOO_LARGE)
            return b""
        if not 200 <= self._status < 300:
            raise ConnectionError(f"{self._status} {self._reason.decode('latin-1')}".rstrip())
        self.accepted = True
        return bytes(self._received).split(b"\r\n\r\n", self._heads)[-1]

    def on_status(self, piece: bytes) -> None:
        """Append to the reason."""
        if not self._status:
            self._reason += piece

    def on_headers_complete(self) -> None:
        """Record the status, except of an interim response."""
        if self._status:
            return
        status = self._parser.get_status_code()
        if is_interim(status):
            self._heads += 1
            self._reason = b""
        else:
            self._status = status
