"""The ASGI application: routing and authorization of API requests and of the server's own paths."""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import unquote

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Scope, Send

from airflow_provider_upstash_vector.dev_server import own_paths, pages, responses
from airflow_provider_upstash_vector.dev_server.commands import COMMANDS, Command, Request, ServerState
from airflow_provider_upstash_vector.dev_server.faults import Faults, FaultySender
from airflow_provider_upstash_vector.dev_server.responses import HttpError, Response, bad_request

MAX_BODY_BYTES = 32 * 1024 * 1024
_ALWAYS_APPLIED = {"slow", "drip", "stale"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The read-write token and the read-only one.

    Only the message "Invalid auth token" is documented; the others are assumed.
    """

    full: str
    read_only: str | None = None

    def is_full(self, header: str) -> bool:
        """Return whether the ``Authorization`` header has the read-write token."""
        return _same(_bearer(header) or "", self.full)

    def check(self, header: str, command: Command) -> None:
        """Raise ``HttpError`` if the ``Authorization`` header does not allow the command."""
        if (token := _bearer(header)) is None:
            raise HttpError(401, "Unauthorized: Missing auth token")
        if _same(token, self.full):
            return
        if self.read_only is None or not _same(token, self.read_only):
            raise HttpError(401, "Unauthorized: Invalid auth token")
        if command.writes:
            raise HttpError(403, "Forbidden: the read-only token cannot write")


def _bearer(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _same(left: str, right: str) -> bool:
    return secrets.compare_digest(left.encode(), right.encode())


@dataclass(slots=True, kw_only=True)
class Service:
    """The ASGI application."""

    state: ServerState
    tokens: Tokens
    faulty_sender: FaultySender
    faults: Faults = field(default_factory=Faults)
    requests: Counter[str] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        if pages.is_page(scope):
            await self._send_page(scope, receive, send)
        elif scope["path"] == "/" and scope["method"] in {"GET", "HEAD"}:
            await own_paths.page(_url(scope), self.state.index.spec, self.state.index.store.counts()).send(send)
        elif scope["path"].startswith(own_paths.PREFIX):
            await self._control(scope, receive, send)
        else:
            await self._run_command(scope, receive, send)

    async def _send_page(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_is_local(scope)
        except HttpError as error:
            await error.response().send(send)
        else:
            await pages.respond(scope, receive, send, pages.DevServerReader(self.state, _url(scope)))

    async def _run_command(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            name, command, namespace = _route(scope)
        except HttpError as error:
            await error.response().send(send)
            return
        self.requests[name] += 1
        fault = self.faults.take(name)
        try:
            body = await _read_body(scope, receive)
        except HttpError as error:
            await error.response().send(send)
            return
        except ClientDisconnect:
            return
        request = Request(namespace, body, scope["query_string"].decode("latin-1"))
        if fault is None:
            await self._respond(scope, command, request).send(send)
        else:
            applied = fault.applied or fault.kind in _ALWAYS_APPLIED
            response = self._respond(scope, command, request) if applied else responses.result("Success")
            await self.faulty_sender.send(fault, response, scope, send)

    def _respond(self, scope: Scope, command: Command, request: Request) -> Response:
        try:
            self.tokens.check(_header(scope, b"authorization"), command)
            return responses.result(command.run(self.state, request))
        except HttpError as error:
            return error.response()
        except Exception:
            log.exception("Command %s failed", scope["path"])
            return responses.error(500, "Internal server error")

    def _check_is_local(self, scope: Scope) -> None:
        if not self.tokens.is_full(_header(scope, b"authorization")):
            own_paths.check_is_local(_header(scope, b"host"), _header(scope, b"origin"))

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_is_local(scope)
            body = await _read_body(scope, receive)
            control = own_paths.Control(self.state, self.faults, self.requests)
            response = control.respond(scope["method"], scope["path"], body)
        except HttpError as error:
            response = error.response()
        except ClientDisconnect:
            return
        await response.send(send)


def _url(scope: Scope) -> str:
    host, port = scope["server"]
    return f"http://{host}:{port}"


def _route(scope: Scope) -> tuple[str, Command, str]:
    # The raw path: in the decoded one, a namespace "a/b" looks like two segments.
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
            raise HttpError(413, f"Request body is too large: more than {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
