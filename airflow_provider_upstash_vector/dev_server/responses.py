"""Responses in the documented shape, and the errors that commands raise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from starlette.types import Send


@dataclass(frozen=True, slots=True)
class Response:
    """Status, body and headers of a response."""

    status: int
    body: bytes
    content_type: str = "application/json"
    extra_headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers, content length included."""
        return [
            (b"content-type", self.content_type.encode()),
            (b"content-length", str(len(self.body)).encode()),
            *self.extra_headers,
        ]

    async def send(self, send: Send) -> None:
        """Send the whole response."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def result(value: Any) -> Response:
    """Return the response to a command that succeeded."""
    return Response(200, json.dumps({"result": value}, ensure_ascii=False, allow_nan=False).encode())


def error(status: int, message: str, *extra_headers: tuple[bytes, bytes]) -> Response:
    """Return ``{"error": …, "status": …}``."""
    body = json.dumps({"error": message, "status": status}, ensure_ascii=False).encode()
    return Response(status, body, extra_headers=extra_headers)


class HttpError(Exception):
    """A request failed; the response is an error with this status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def response(self) -> Response:
        """Return the error as a response."""
        return error(self.status, self.message)


def bad_request(message: str) -> HttpError:
    """Return the error for a malformed request."""
    return HttpError(400, message)


def unprocessable(message: str) -> HttpError:
    """Return the error for a well-formed request that does not fit the index."""
    return HttpError(422, message)


def wrong_input(line: int, column: int) -> HttpError:
    """Return the error for JSON that cannot be parsed, in the service's words."""
    return bad_request(
        f"Missing or wrong input at [Source: (ByteArrayInputStream); line: {line}, column: {column}]"
    )
