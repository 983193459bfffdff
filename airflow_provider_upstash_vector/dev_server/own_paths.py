"""The paths that only the dev server has: ``GET /`` as text, and ``/_dev/*`` for tests.

``POST /_dev/faults`` adds one fault or an array of them, ``DELETE`` removes all; ``GET /_dev/requests`` returns
the number of requests of each command; ``POST /_dev/clear`` empties the index.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from airflow_provider_upstash_vector.dev_server import payloads, responses
from airflow_provider_upstash_vector.dev_server.commands import ServerState
from airflow_provider_upstash_vector.dev_server.faults import Fault, Faults
from airflow_provider_upstash_vector.dev_server.models import IndexSpec
from airflow_provider_upstash_vector.dev_server.responses import HttpError, Response
from airflow_provider_upstash_vector.plurals import plural

PREFIX = "/_dev/"

_PAGE = """\
Upstash Vector dev server of airflow-provider-upstash-vector

URL         {url}
Index       {index}
Vectors     {vectors:,}
Namespaces  {namespaces:,}

To connect, set UPSTASH_VECTOR_REST_URL={url}
and UPSTASH_VECTOR_REST_TOKEN to the token that the server was started with, or that it printed when it started.
In Airflow, add a connection of the type "Upstash Vector" with the URL as "REST URL", the token as "REST token"
and {port} as "Port".
"""


def page(url: str, spec: IndexSpec, counts: dict[str, int]) -> Response:
    """Return what the server is and how to connect to it; the token is not shown."""
    dense = f", {plural(spec.dimension, 'dimension')}, {spec.similarity}" if spec.is_dense else ""
    models = "".join(f", {model}" for model in (spec.embedding_model, spec.sparse_embedding_model) if model)
    text = _PAGE.format(
        url=url,
        port=urlsplit(url).port or 80,
        index=f"{spec.index_type}{dense}{models}",
        vectors=sum(counts.values()),
        namespaces=len(counts),
    )
    return Response(200, text.encode(), "text/plain; charset=utf-8")


def check_is_local(host: str, origin: str) -> None:
    """Raise ``HttpError`` 403 unless a request without the token comes from a program or page of this machine.

    A page of another site sends its ``Origin``, or, after DNS rebinding, its name as ``Host``.
    """
    if not _is_local(f"//{host}") or (origin and not _is_local(origin)):
        raise HttpError(403, "Forbidden: this path needs the token, or a Host and Origin of this machine")


def _is_local(url: str) -> bool:
    try:
        name = urlsplit(url).hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Control:
    """The paths below ``/_dev/``."""

    state: ServerState
    faults: Faults
    requests: Counter[str]

    def respond(self, method: str, path: str, body: bytes) -> Response:
        """Return the response to a request. Raises ``HttpError``."""
        name = path.removeprefix(PREFIX)
        if name == "faults":
            _check_method(method, {"GET", "HEAD", "POST", "DELETE"})
            self._change_faults(method, body)
            return responses.result(self.faults.waiting())
        if name == "requests":
            _check_method(method, {"GET", "HEAD"})
            return responses.result(dict(self.requests))
        if name == "clear":
            _check_method(method, {"POST"})
            self._clear()
            return responses.result("Success")
        raise HttpError(404, f"Not found: {path}")

    def _change_faults(self, method: str, body: bytes) -> None:
        if method == "DELETE":
            self.faults.clear()
        elif method == "POST":
            content = payloads.read_json(body)
            try:
                self.faults.add(*map(Fault.from_json, content if isinstance(content, list) else [content]))
            except (ValueError, TypeError) as error:
                raise HttpError(400, str(error)) from None

    def _clear(self) -> None:
        self.state.index.clear()
        self.state.resumable_queries.clear()
        self.faults.clear()
        self.requests.clear()


def _check_method(method: str, allowed: set[str]) -> None:
    if method not in allowed:
        raise HttpError(405, f"Method not allowed: {method}")
