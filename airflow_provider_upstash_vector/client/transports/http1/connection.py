"""One HTTP/1.1 connection: a request at a time, its answer read by llhttp."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import cast

from httptools import HttpResponseParser

from airflow_provider_upstash_vector.client.errors import InvalidResponse, ResponseLost, UpstashVectorError
from airflow_provider_upstash_vector.client.redaction import Redactor
from airflow_provider_upstash_vector.client.transports.base import check_size, response_lost
from airflow_provider_upstash_vector.client.transports.http1.headers import NOT_HTTP, Http1Headers, is_interim
from airflow_provider_upstash_vector.client.wire import Response

KEEP_ALIVE_SECONDS = 60.0
MAX_HEAD_BYTES = 64 * 1024

# None: the time ran out
Outcome = Response | UpstashVectorError | None


class Http1Connection(asyncio.Protocol):
    """Sends one request after the other; ``reusable`` while it is open and has none under way.

    One timer serves all requests: it is armed anew where it fires too early, and not for each of them.
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
        self.deadline = inf  # of the request under way, or of being idle
        self.reusable = False
        self._begin()

    def _begin(self) -> None:
        self._head: list[bytes] = []
        self._head_bytes = 0
        self._status = 0  # until the head of the answer is read
        self._body: bytes | bytearray = b""
        self._complete = self._keep = False

    def request(self, message: bytes, deadline: float) -> asyncio.Future[Outcome]:
        """Send a whole request; what is returned has the outcome by ``deadline``, in the loop's time."""
        self._begin()
        self.reusable = False
        self.deadline = deadline
        if deadline < self._timer_at:
            self._arm()
        waiting = self._waiting = self._loop.create_future()
        self._transport.write(message)
        return waiting

    def abort(self, reason: str = "it was given up") -> None:
        """Close the connection at once; a request under way has lost its answer."""
        self._end(ResponseLost(f"the connection broke: {reason}"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self.reusable = True

    def data_received(self, data: bytes) -> None:
        """Read on in the answer."""
        if self._waiting is None:  # nothing was asked
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
                # a server that answers before it has read the request may not read the rest of it
                keep = self._keep and not self._transport.get_write_buffer_size()
                self._end(self._answer(), keep=keep)
            else:
                self._check_limits(in_head=in_head)
        except InvalidResponse as error:
            self._end(error)

    def _check_limits(self, *, in_head: bool) -> None:
        if not self._status:
            self._head_bytes += len(self._head[-1])
            if self._head_bytes > MAX_HEAD_BYTES:
                self.abort(f"the answer's headers are larger than {MAX_HEAD_BYTES // 1024} KB")
        elif in_head:
            check_size(int(Http1Headers(self._head).get("content-length", 0)))
        check_size(len(self._body))

    def on_message_begin(self) -> None:
        """Note that bytes follow the answer, which make the connection unusable."""
        if self._complete:
            self._keep = False

    def on_headers_complete(self) -> None:
        """Note the status, but for an interim answer."""
        status = self._parser.get_status_code()
        if not (self._complete or is_interim(status)):
            self._status = status

    def on_body(self, piece: bytes) -> None:
        """Add a piece to the body."""
        if self._complete:
            return
        if not self._body:
            self._body = piece
        elif isinstance(self._body, bytes):
            self._body = bytearray(self._body + piece)
        else:
            self._body += piece

    def on_message_complete(self) -> None:
        """Note the end of the answer, but for an interim one."""
        if self._status and not self._complete:
            self._complete = True
            self._keep = self._parser.should_keep_alive()

    def eof_received(self) -> None:
        """Take what was read for the whole answer where only its end can tell its length."""
        if self._status and self._waiting is not None:
            headers = Http1Headers(self._head)
            if "content-length" not in headers and "transfer-encoding" not in headers:
                self._end(self._answer())
                return
        self.abort("the server closed it")

    def connection_lost(self, error: Exception | None) -> None:
        """Let go of the connection."""
        if error:
            self._end(response_lost(error, self._redactor))
        else:
            self.abort("it was closed")
        self._on_lost(self)

    def _answer(self) -> Response:
        return Response(self._status, Http1Headers(self._head), bytes(self._body))

    def _end(self, outcome: Outcome, *, keep: bool = False) -> None:
        waiting, self._waiting = self._waiting, None
        given_up = waiting is None or waiting.done()
        if keep and not given_up:
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
