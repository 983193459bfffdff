"""Templates to responses: values in, HTML out, everything escaped, with a strict content security policy."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_upstash_vector.index_page import formats
from airflow_provider_upstash_vector.index_page.sparkline import sparkline
from airflow_provider_upstash_vector.plurals import plural

FOLDER = Path(__file__).parent

# Nothing from elsewhere, nothing inline, and no frame but Airflow's own.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'self'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class SecureHeaders:
    """ASGI middleware that sets the headers above on every response, those of errors and redirects included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class StaticFile(NamedTuple):
    """The content and the headers of a file that the pages link to."""

    body: bytes
    headers: dict[str, str]


@cache
def static_files() -> dict[str, StaticFile]:
    """Return the style sheet and the script by name."""
    types = {"page.css": "text/css", "page.js": "text/javascript"}
    shared = {"Cache-Control": "private, max-age=86400"}
    return {
        name: StaticFile(
            (FOLDER / "static" / name).read_bytes(), {**shared, "Content-Type": f"{type_}; charset=utf-8"}
        )
        for name, type_ in types.items()
    }


@cache
def _static_version() -> str:
    """Return a part of the URLs of static files that changes with them: browsers keep them for a day."""
    return hashlib.sha256(b"".join(file.body for file in static_files().values())).hexdigest()[:12]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters.update(
        number=formats.number,
        size=formats.size,
        duration=formats.duration,
        shortened=formats.shortened,
        json_line=formats.json_line,
        json_block=formats.json_block,
        metadata_items=formats.metadata_items,
        words=lambda name: name.replace("_", " "),
        segment=lambda text: quote(text, safe="", errors="replace"),
    )
    environment.globals.update(
        query_string=formats.query_string, sparkline=sparkline, plural=plural, version=_static_version
    )
    return environment


def _visible(value: Any) -> Any:
    # Markup, a subclass of str, is the output of a macro: its values have passed here already
    return formats.visible(value) if type(value) is str else value


def render(template: str, values: Mapping[str, Any], now: datetime | None = None) -> str:
    """Return the HTML of a template; ``now`` is the time from which others are counted."""
    moment = now or datetime.now(timezone.utc)
    return _environment().get_template(template).render(ago=lambda time: formats.ago(time, moment), **values)


def html_response(template: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """Return a page as a response."""
    return HTMLResponse(render(template, values), status)


def message_page(base: str, title: str, message: str, status: int, links: Mapping[str, str]) -> HTMLResponse:
    """Return a page with a message, e.g. why there is nothing to see; ``links`` replace Airflow's window."""
    crumbs = [] if links else [("Indexes", f"{base}/")]
    values = {"base": base, "title": title, "message": message, "links": links, "crumbs": crumbs}
    return html_response("message.html", values, status)
