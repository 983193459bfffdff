"""How the service says no: an HTTP status and a message, sent as ``{"error": …, "status": …}``."""

from __future__ import annotations


class HttpError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


def bad_request(message: str) -> HttpError:
    """Return the refusal of a request that is wrong in itself."""
    return HttpError(400, message)


def unprocessable(message: str) -> HttpError:
    """Return the refusal of a well-formed request that does not fit the index."""
    return HttpError(422, message)


def wrong_input(line: int, column: int) -> HttpError:
    """Return the service's answer to JSON that it cannot read."""
    return bad_request(
        f"Missing or wrong input at [Source: (ByteArrayInputStream); line: {line}, column: {column}]"
    )
