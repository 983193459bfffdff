"""The HTTP side: paths, authorization, errors in the documented shape, and the server's own control paths.

Outside the API's paths: ``POST /_dev/faults`` takes one fault or an array of them, ``DELETE`` forgets them;
``GET /_dev/requests`` counts the requests of each command; ``POST /_dev/clear`` makes the index as new. They need
no token.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_upstash_vector.dev_server import responses
from airflow_provider_upstash_vector.dev_server.commands import COMMANDS, Command, Request, Server
from airflow_provider_upstash_vector.dev_server.errors import HttpError, bad_request
from airflow_provider_upstash_vector.dev_server.faults import Fault, Faults
from airflow_provider_upstash_vector.dev_server.responses import Answer

MAX_BODY_BYTES = 32 * 1024 * 1024
_RUNS_FIRST = {"slow", "drip"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The token that may do all, and the one that may only read.

    Of the refusals only "Invalid auth token" is documented; the other texts are assumed.
    """

    full: str
    read_only: str | None = None

    def check(self, header: str, command: Command) -> None:
        """Refuse a request whose ``Authorization`` header does not allow the command."""
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise HttpError(401, "Unauthorized: Missing auth token")
        if _same(token.strip(), self.full):
            return
        if self.read_only is None or not _same(token.strip(), self.read_only):
            raise HttpError(401, "Unauthorized: Invalid auth token")
        if command.writes:
            raise HttpError(403, "Forbidden: the read-only token cannot write")


def _same(left: str, right: str) -> bool:
    return secrets.compare_digest(left.encode(), right.encode())


@dataclass(slots=True, kw_only=True)
class Service:
    """Answers API requests; an ASGI application for all paths but the control ones."""

    server: Server
    tokens: Tokens
    find_transport: responses.FindTransport
    faults: Faults = field(default_factory=Faults)
    requests: Counter[str] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            name, command, namespace = _route(scope)
        except HttpError as refusal:
            await responses.error(refusal.status, refusal.message).send(send)
            return
        self.requests[name] += 1
        fault = self.faults.take(name)
        try:
            body = await _read_body(scope, receive)
        except HttpError as refusal:
            await responses.error(refusal.status, refusal.message).send(send)
            return
        except ClientDisconnect:
            return
        request = Request(namespace, body, scope["query_string"].decode("latin-1"))
        if fault is None:
            await self._answer(scope, command, request).send(send)
        else:
            runs = fault.applied or fault.kind in _RUNS_FIRST
            good = self._answer(scope, command, request) if runs else responses.result("Success")
            await responses.send_with(fault, good, scope, send, self.find_transport)

    def _answer(self, scope: Scope, command: Command, request: Request) -> Answer:
        try:
            self.tokens.check(_header(scope, b"authorization"), command)
            return responses.result(command.run(self.server, request))
        except HttpError as refusal:
            return responses.error(refusal.status, refusal.message)
        except Exception:
            log.exception("a command failed")
            return responses.error(500, "Internal server error")

    def application(self) -> ASGIApp:
        """Return the whole application, control paths included."""
        control = Starlette(
            routes=[
                Route("/_dev/faults", self._control_faults, methods=["GET", "POST", "DELETE"]),
                Route("/_dev/requests", self._show_requests),
                Route("/_dev/clear", self._clear, methods=["POST"]),
            ]
        )

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            # Not a route of Starlette's: its patterns match no path with a newline in it.
            await (control if scope["path"].startswith("/_dev/") else self)(scope, receive, send)

        return application

    async def _control_faults(self, request: HttpRequest) -> Response:
        if request.method == "DELETE":
            self.faults.clear()
        elif request.method == "POST":
            try:
                content = json.loads(await request.body())
                self.faults.add(*map(Fault.from_json, content if isinstance(content, list) else [content]))
            except (ValueError, TypeError) as error:
                return JSONResponse({"error": str(error), "status": 400}, status_code=400)
        return JSONResponse({"result": self.faults.waiting()})

    async def _clear(self, _: HttpRequest) -> Response:
        self.server.index.clear()
        self.server.resumable_queries.clear()
        self.faults.clear()
        self.requests.clear()
        return JSONResponse({"result": "Success"})

    async def _show_requests(self, _: HttpRequest) -> Response:
        return JSONResponse({"result": dict(self.requests)})


def _route(scope: Scope) -> tuple[str, Command, str]:
    # The path as it was sent: once decoded, a namespace "a/b" could not be told from two segments.
    segments = scope["raw_path"].split(b"/")[1:]
    if not segments:  # OPTIONS *
        raise HttpError(404, "Not found")
    try:
        name, *rest = (unquote(segment.decode("ascii"), errors="strict") for segment in segments)
    except UnicodeDecodeError:
        raise bad_request("The path is not percent-encoded UTF-8") from None
    command = COMMANDS.get(name)
    if command is None or len(rest) > (1 if command.takes_namespace else 0):
        raise HttpError(404, f"Not found: {scope['path']}")
    if scope["method"] not in command.methods:
        raise HttpError(405, f"Method not allowed: {scope['method']}")
    return name, command, rest[0] if rest else ""


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    body = bytearray()
    async for chunk in HttpRequest(scope, receive).stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HttpError(413, f"Request body is too large, at most {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
