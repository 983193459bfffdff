"""Loopback hosts, and the proxy that the environment configures for other hosts."""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from airflow_provider_upstash_vector.client.errors import InvalidEndpoint
from airflow_provider_upstash_vector.client.redaction import hiding_frames


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is ``localhost`` or a loopback address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: its URL without credentials, which are ``""`` if there are none."""

    url: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The header with the credentials, if there are any."""
        if not self.username and not self.password:
            return {}
        encoded = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return {"Proxy-Authorization": f"Basic {encoded}"}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The credentials in the forms in which text may echo them; without a password, the user name."""
        if not self.password:
            return (self.username,)
        return (f"{self.username}:{self.password}", self.password)


@hiding_frames
def environment_proxy(base_url: str) -> Proxy | None:
    """Return the proxy for a URL by ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``.

    Loopback addresses have none: plain http is allowed for them because it stays on this machine. Raises
    :class:`InvalidEndpoint` if the proxy is not an http or https one.
    """
    parts = urlsplit(base_url)
    proxies = getproxies()
    name = parts.scheme if proxies.get(parts.scheme) else "all"
    proxy = proxies.get(name)
    if not proxy or is_loopback(parts.hostname or "") or proxy_bypass(parts.netloc):
        return None
    parsed = _parse_proxy(proxy)
    if parsed is None:
        raise InvalidEndpoint(
            f"The environment variable {name}_proxy does not name a usable http or https proxy: write "
            "http://host:port or http://user:password@host:port, with special characters percent-encoded."
        )
    return parsed


def _parse_proxy(text: str) -> Proxy | None:
    """Return the proxy of a URL, or ``None`` for one that HTTP libraries parse differently."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = _ascii_host(parts.hostname or ""), parts.port
        username, password = (unquote(part or "", errors="strict") for part in (parts.username, parts.password))
    except ValueError:  # UnicodeError is a subclass
        return None
    if "[" in parts.netloc and ":" not in host:  # RFC 3986 allows other things in brackets
        return None
    rest = parts.path.strip("/") or parts.query or parts.fragment
    if rest or parts.scheme not in {"http", "https"}:
        return None
    if ":" in username or " " in text or not text.isprintable():  # basic authentication cannot encode such a name
        return None
    return Proxy(f"{parts.scheme}://{host}" + ("" if port is None else f":{port}"), username, password)


def _ascii_host(host: str) -> str:
    """Return a host as it is written in a URL. Raises ``ValueError`` if it is not valid."""
    if ":" in host:
        return f"[{ipaddress.IPv6Address(host)}]"
    name = host.encode("idna").decode()
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?", name):
        raise ValueError("not a host name")
    return name
