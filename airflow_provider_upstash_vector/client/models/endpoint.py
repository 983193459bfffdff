"""URL and token of an index, validated and normalized from pasted text."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr

from airflow_provider_upstash_vector.client.errors import InvalidEndpoint
from airflow_provider_upstash_vector.client.proxies import is_loopback
from airflow_provider_upstash_vector.client.redaction import hiding_frames

_QUOTES = "\"'`“”‘’"  # noqa: RUF001 - word processors produce these quotes
_URL_HINT = "copy it from the index's Connect tab in the Upstash console, e.g. https://my-index.upstash.io"
_NOT_IN_HOSTS = frozenset(" %<>\"'\\^`{|}")
_THIS_MACHINE = {"127.0.0.1", "::1", "0.0.0.0", "::"}  # noqa: S104 - as the host of a URL
_TOKEN_HINT = "copy it from the index's Connect tab in the Upstash console"  # noqa: S105 - a hint, not a secret


class Endpoint(BaseModel):
    """The base URL of an index, without a trailing slash, and its REST token (never shown in a repr)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: str
    token: SecretStr

    @classmethod
    @hiding_frames
    def of(
        cls,
        url: str | None,
        token: str | None,
        *,
        scheme: str = "https",
        port: int | None = None,
        allow_http: bool = False,
    ) -> Endpoint:
        """Return the endpoint for a pasted URL and token; strips quotes and white space, adds a missing scheme.

        ``scheme`` and ``port`` (0: none) apply if the URL has none. Plain http is rejected unless the host is a
        loopback address or ``allow_http`` is set. Raises :class:`InvalidEndpoint`, which says what to do.
        """
        address = _address(_strip_quotes(url), scheme, port)
        return cls(url=_base_url(address, allow_http=allow_http), token=SecretStr(_clean_token(token)))

    @classmethod
    @hiding_frames
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Endpoint:
        """Return the endpoint in ``UPSTASH_VECTOR_REST_URL`` and ``UPSTASH_VECTOR_REST_TOKEN``."""
        return cls.of(environ.get("UPSTASH_VECTOR_REST_URL"), environ.get("UPSTASH_VECTOR_REST_TOKEN"))


def location(url: str) -> tuple[str, int | None]:
    """Return host and port of an index, the same for all spellings of its URL.

    The scheme is no part of them. Two names of one address may be two indexes, but for those of this machine.
    """
    parts = urlsplit(url if "://" in url else f"//{url}")
    host = (parts.hostname or "").rstrip(".")
    with suppress(UnicodeError):
        host = host.encode("idna").decode()
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        host = str(getattr(address, "ipv4_mapped", None) or address)
    return "localhost" if host in _THIS_MACHINE else host, None if parts.port in {443, 80} else parts.port


class _Address(NamedTuple):
    scheme: str
    host: str
    port: int | None


def _base_url(address: _Address, *, allow_http: bool) -> str:
    scheme, host, port = address
    if scheme not in {"https", "http"}:
        raise InvalidEndpoint(f"The REST URL has the scheme {scheme!r}: write https:// instead.")
    if scheme == "http" and not (allow_http or is_loopback(host)):
        raise InvalidEndpoint(
            f"The REST URL of {host!r} is plain http, which would send the token unencrypted: "
            'write https://, or set the extra "allow_http" to true.'
        )
    url_host = f"[{host}]" if ":" in host else host
    default_port = {"https": 443, "http": 80}[scheme]
    return f"{scheme}://{url_host}" + (f":{port}" if port not in {None, 0, default_port} else "")


def _address(pasted: str, scheme: str, port: int | None) -> _Address:
    if not pasted:
        raise InvalidEndpoint(f"The REST URL is missing: {_URL_HINT}.")
    # Airflow removes the brackets from the host of a URI connection.
    bare_ipv6 = "://" not in pasted and pasted.count(":") > 1 and not pasted.startswith("[")
    try:
        parts = urlsplit(pasted if "://" in pasted else f"{scheme}://{f'[{pasted}]' if bare_ipv6 else pasted}")
        host, own_port = parts.hostname or "", parts.port
        ascii_host = host.encode("idna").decode() if host and ":" not in host else host
    except (ValueError, UnicodeError):
        raise InvalidEndpoint(f"The REST URL is not a valid URL: {_URL_HINT}.") from None
    if parts.username is not None or parts.password is not None:
        raise InvalidEndpoint(
            "The REST URL contains a user name or password: put the token into the password field."
        )
    if not ascii_host or not ascii_host.isprintable() or _NOT_IN_HOSTS.intersection(ascii_host):
        raise InvalidEndpoint(f"The REST URL has no valid host: {_URL_HINT}.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise InvalidEndpoint(f"The REST URL has a path, query or fragment: remove everything after {host!r}.")
    if own_port and port and own_port != port:
        raise InvalidEndpoint(
            f"The REST URL has the port {own_port}, the connection {port}: set Port to {own_port}."
        )
    return _Address(parts.scheme.lower(), ascii_host, own_port or port)


def _clean_token(token: str | None) -> str:
    pasted = _strip_quotes(token)
    if pasted.lower().startswith("bearer "):
        pasted = _strip_quotes(pasted[len("bearer ") :])
    if not pasted:
        raise InvalidEndpoint(f"The REST token is missing: {_TOKEN_HINT}.")
    if not pasted.strip("*"):
        raise InvalidEndpoint("The REST token is masked (***): enter the token again.")
    if not (pasted.isascii() and pasted.isprintable()) or " " in pasted:
        raise InvalidEndpoint(f"The REST token contains a space or another invalid character: {_TOKEN_HINT}.")
    return pasted


def _strip_quotes(pasted: str | None) -> str:
    text = (pasted or "").strip()
    while text and (text[0] in _QUOTES or text[-1] in _QUOTES):
        text = text.strip(_QUOTES).strip()
    return text
