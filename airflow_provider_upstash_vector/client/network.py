"""Which hosts are this machine, and which proxy the environment names for the others."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from airflow_provider_upstash_vector.client.errors import InvalidEndpoint


def is_loopback(host: str) -> bool:
    """Tell whether ``host`` is ``localhost`` or a loopback address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def environment_proxy(base_url: str) -> str | None:
    """Return the proxy that ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` give for a URL.

    Loopback addresses have none: plain http is allowed for them because it stays on this machine. Raises
    :class:`InvalidEndpoint` for a proxy that is not an http or https one.
    """
    parts = urlsplit(base_url)
    proxies = getproxies()
    name = parts.scheme if proxies.get(parts.scheme) else "all"
    proxy = proxies.get(name)
    if not proxy or is_loopback(parts.hostname or "") or proxy_bypass(parts.netloc):
        return None
    url = proxy if "://" in proxy else f"http://{proxy}"
    try:
        usable = urlsplit(url).scheme in {"http", "https"} and bool(urlsplit(url).hostname)
    except ValueError:
        usable = False
    if not usable:
        raise InvalidEndpoint(f"The environment variable {name}_proxy names no http or https proxy.")
    return url
