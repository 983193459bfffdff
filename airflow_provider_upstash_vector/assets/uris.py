"""The URI of a namespace, ``upstash-vector://<host>/<namespace>``: made, normalised and taken apart. Pure.

The host is in lower case, with its port where that is not 443. The namespace is percent-encoded as a whole,
slashes included; the index's default one is empty. Nothing else is part of a URI, and no credentials.
"""

from __future__ import annotations

from urllib.parse import SplitResult, quote, unquote, urlsplit

from airflow_provider_upstash_vector.client.errors import InvalidEndpoint
from airflow_provider_upstash_vector.client.models import Endpoint

SCHEME = "upstash-vector"


def asset_uri(host: str, namespace: str = "") -> str:
    """Return the URI of a namespace; ``host`` may be the REST URL as well.

    Raises ``ValueError`` where there is no such host.
    """
    return f"{SCHEME}://{authority(host)}/{quote(namespace, safe='')}"


def authority(host: str) -> str:
    """Return host and port of a REST URL or host name as they stand in the URI."""
    # The endpoint repairs and checks what people paste; the token plays no part.
    return urlsplit(Endpoint.of(host, "unused", allow_http=True).url).netloc


def sanitize_uri(parts: SplitResult) -> SplitResult:
    """Return a URI in its normal form; Airflow calls it for every asset of the scheme.

    Raises ``ValueError`` for credentials, a query and a namespace that is not percent-encoded UTF-8.
    """
    if "@" in parts.netloc:
        raise ValueError(f"a URI of {SCHEME} holds no credentials: leave out what stands before the @")
    if parts.query:
        raise ValueError(f"a URI of {SCHEME} has no query: write {SCHEME}://<host>/<namespace>")
    try:
        netloc = authority(parts.netloc)
    except InvalidEndpoint as error:
        raise ValueError(f"{SCHEME}://{parts.netloc}: {error.message}") from None
    return parts._replace(netloc=netloc, path=f"/{quote(namespace_of(parts), safe='')}", fragment="")


def namespace_of(parts: SplitResult) -> str:
    """Return the namespace that a URI names."""
    try:
        return unquote(parts.path[1:], errors="strict")
    except UnicodeDecodeError:
        raise ValueError(f"the namespace {parts.path[1:]!r} is no percent-encoded UTF-8") from None
