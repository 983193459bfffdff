"""An HTTP/1.1 connection: one request at a time, its response parsed by llhttp."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import cast

from httptools import HttpResponseParser

from airflow_provider_upstash_vector.client.errors import InvalidResponse, ResponseLost, UpstashVectorError
from airflow_provider_upstash_vector.client.redaction import Redactor
from airflow_provider_upstash_vector.client.transports.base import check_size, response_lost
from airflow_provider_upstash_vector.client.transports.http1.headers import (
    HEAD_TOO_LARGE,
    MAX_HEAD_BYTES,
    NOT_HTTP,
    Http1Headers,
    is_interim,
)
from airflow_provider_upstash_vector.client.wire import Response

KEEP_ALIVE_SECONDS = 60.0

# None: timed out
Outcome = Response | UpstashVectorError | None


class Http1Connection(asyncio.Protocol):
    """Sends one request after the other; ``reusable`` while it is open and has none in flight.

    One timer serves all requests: it is set again if it fires before the deadline, not for each request.
    """

    __slots__ = (
        "_body",
        "_complete",
        "_head",
        "_head_bytes",
        "_keep",
        "_loop",
        "_on_lost",
        "_parser",
        "_redactor",
        "_status",
        "_timer",
        "_timer_at",
        "_transport",
        "_waiting",
        "deadline",
        "reusable",
    )

    _transport: asyncio.Transport

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        redactor: Redactor,
        on_lost: Callable[[Http1Connection], None],
    ) -> None:
        self._loop = loop
        self._redactor = redactor
        self._on_lost = on_lost
        self._parser = HttpResponseParser(self)
        self._waiting: asyncio.Future[Outcome] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self.deadline = inf  # of the request in flight, or of the idle time
        self.reusable = False
        self._reset()

    def _reset(self) -> None:
        self._head: list[bytes] = []
        self._head_bytes = 0
        self._status = 0  # 0 until the head of the response is read
        self._body: bytes | bytearray = b""
        self._complete = self._keep = False

    def request(self, message: bytes, deadline: float) -> asyncio.Future[Outcome]:
        """Send a request; return the future of its outcome, completed by ``deadline`` in the loop's time."""
        self._reset()
        self.reusable = False
        self.deadline = deadline
        if deadline < self._timer_at:
            self._arm()
        waiting = self._waiting = self._loop.create_future()
        self._transport.write(memoryview(message))  # what is not sent at once is not sliced into a copy
        return waiting

    def abort(self, reason: str = "it was cancelled") -> None:
        """Close the connection; a request in flight ends in :class:`ResponseLost`."""
        self._end(ResponseLost(f"the connection broke: {reason}"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self.reusable = True

    def data_received(self, data: bytes) -> None:
        """Parse the next bytes of the response."""
        if self._waiting is None:  # no request is in flight
            self.abort()
            return
        in_head = not self._status
        if in_head:
            self._head.append(data)
        try:
            self._parser.feed_data(data)
        except NOT_HTTP as error:
            if not self._complete:
                self._end(response_lost(error, self._redactor))
                return
            self._keep = False
        try:
            if self._complete:
                check_size(len(self._body))
                # a server that responds before it has read the request may not read the rest
                keep = self._keep and not self._transport.get_write_buffer_size()
                self._end(self._response(), keep=keep)
            else:
                self._check_limits(in_head=in_head)
        except InvalidResponse as error:
            self._end(error)

    def _check_limits(self, *, in_head: bool) -> None:
        if not self._status:
            self._head_bytes += len(self._head[-1])
            if self._head_bytes > MAX_HEAD_BYTES:
                self.abort(HEAD_TOO_LARGE)
        elif in_head:
            check_size(int(Http1Headers(self._head).get("content-length", 0)))
        check_size(len(self._body))

    def on_message_begin(self) -> None:
        """Mark the connection as unusable if bytes follow the response."""
        if self._complete:
            self._keep = False

    def on_headers_complete(self) -> None:
        """Record the status, except of an interim response."""
        status = self._parser.get_status_code()
        if not (self._complete or is_interim(status)):
            self._status = status

    def on_body(self, piece: bytes) -> None:
        """Append a piece to the body."""
        if self._complete:
            return
        if not self._body:
            self._body = piece
        elif isinstance(self._body, bytes):
            self._body = bytearray(self._body + piece)
        else:
            self._body += piece

    def on_message_complete(self) -> None:
        """Record the end of the response, except of an interim one."""
        if self._status and not self._complete:
            self._complete = True
            self._keep = self._parser.should_keep_alive()

    def eof_received(self) -> None:
        """Complete a response whose length is defined by the end of the connection."""
        if self._status and self._waiting is not None:
            headers = Http1Headers(self._head)
            if "content-length" not in headers and "transfer-encoding" not in headers:
                self._end(self._response())
                return
        self.abort("the server closed it")

    def connection_lost(self, error: Exception | None) -> None:
        """End the request in flight, if any."""
        if error:
            self._end(response_lost(error, self._redactor))
        else:
            self.abort("it was closed")
        self._on_lost(self)

    def _response(self) -> Response:
        return Response(self._status, Http1Headers(self._head), bytes(self._body))

    def _end(self, outcome: Outcome, *, keep: bool = False) -> None:
        waiting, self._waiting = self._waiting, None
        cancelled = waiting is None or waiting.done()
        if keep and not cancelled:
            self.reusable = True
            self.deadline = self._loop.time() + KEEP_ALIVE_SECONDS
            if self.deadline < self._timer_at:
                self._arm()
        else:
            self.reusable = False
            self._transport.abort()
            if self._timer:
                self._timer.cancel()
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)

    def _arm(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer_at = self.deadline
        self._timer = self._loop.call_at(self.deadline, self._on_time)

    def _on_time(self) -> None:
        if self._loop.time() < self.deadline:
            self._arm()
        else:
            self._end(None)
