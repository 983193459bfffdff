"""Asset URIs of namespaces, ``upstash-vector://<host>/<namespace>``. Pure.

The host is in lower case, with its port unless that is 443. The namespace is percent-encoded as a whole, slashes
included; the index's default one is empty. A URI has no other parts, and no credentials.
"""

from __future__ import annotations

from urllib.parse import SplitResult, quote, unquote, urlsplit

from airflow_provider_upstash_vector.client.errors import InvalidEndpoint
from airflow_provider_upstash_vector.client.models import Endpoint
from airflow_provider_upstash_vector.client.validation import identifier

SCHEME = "upstash-vector"


def asset_uri(host: str, namespace: str = "") -> str:
    """Return the URI of a namespace; ``host`` may be the REST URL. Raises ``ValueError`` for an invalid host."""
    return f"{SCHEME}://{authority(host)}/{quote(identifier(namespace, 'namespace'), safe='')}"


def authority(host: str) -> str:
    """Return the host and port in the URI for a REST URL or host name."""
    # Endpoint normalises and validates the URL; the token is not used.
    return urlsplit(Endpoint.of(host, "unused", allow_http=True).url).netloc


def sanitize_uri(parts: SplitResult) -> SplitResult:
    """Return a normalised URI; Airflow calls this for every asset of the scheme.

    Raises ``ValueError`` for credentials, a query and a namespace that is not percent-encoded UTF-8.
    """
    if "@" in parts.netloc:
        raise ValueError(f"{SCHEME} URIs must not contain credentials: remove the part before the @")
    if parts.query:
        raise ValueError(f"{SCHEME} URIs have no query: write {SCHEME}://<host>/<namespace>")
    try:
        netloc = authority(parts.netloc)
    except InvalidEndpoint as error:
        raise ValueError(f"{SCHEME}://{parts.netloc}: {error.message}") from None
    return parts._replace(netloc=netloc, path=f"/{quote(namespace_of(parts), safe='')}", fragment="")


def namespace_of(parts: SplitResult) -> str:
    """Return the namespace of a URI."""
    try:
        return unquote(parts.path[1:], errors="strict")
    except UnicodeDecodeError:
        raise ValueError(f"the namespace {parts.path[1:]!r} is not percent-encoded UTF-8") from None


def openlineage_names(uri: str) -> tuple[str, str]:
    """Return the OpenLineage namespace and name of an asset; the name of the default namespace is ``/``."""
    parts = urlsplit(uri)
    return f"{SCHEME}://{parts.netloc}", parts.path[1:] or "/"
