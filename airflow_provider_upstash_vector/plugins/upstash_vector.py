"""The plugin: a menu entry under Browse, and the pages of indexes as a part of the API server.

Every component of Airflow loads it, so the pages and FastAPI are imported by the first request only. It is off by
default: the pages make the API server send the token of a connection to the host that the connection names.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import AirflowPlugin, conf
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from airflow_provider_upstash_vector.provider_info import CONFIG_SECTION, INDEX_PAGE_MODES, INDEX_PAGE_OPTION

log = logging.getLogger(__name__)

URL_PREFIX = "/upstash-vector"


class _PagesApp:
    """An ASGI application that is imported when it is first called."""

    def __init__(self, *, shows_contents: bool) -> None:
        self._shows_contents = shows_contents
        self._app: Any = None

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        if self._app is None:
            from airflow_provider_upstash_vector.plugins.app import create_app  # noqa: PLC0415 - see above

            self._app = create_app(shows_contents=self._shows_contents)
        await self._app(scope, receive, send)


def _plugin(mode: str, base_path: str) -> type[AirflowPlugin]:
    class UpstashVectorPlugin(AirflowPlugin):
        name = "upstash_vector"
        fastapi_apps: list[Any] = [  # noqa: RUF012 - as Airflow declares it
            {
                "app": _PagesApp(shows_contents=mode == "vectors"),
                "url_prefix": URL_PREFIX,
                "name": "Upstash Vector",
            }
        ]
        external_views: list[Any] = [  # noqa: RUF012 - as above
            {
                "name": "Upstash Vector",
                "href": f"{base_path}{URL_PREFIX}/",
                "destination": "nav",
                "category": "browse",
                "url_route": URL_PREFIX.strip("/"),
            }
        ]

    return UpstashVectorPlugin


def _configured_plugin() -> type[AirflowPlugin] | None:
    """Return the plugin that Airflow is to load, ``None`` if the pages are off or Airflow is older than 3.1."""
    if not AIRFLOW_V_3_1_PLUS:
        return None
    mode = conf.get(CONFIG_SECTION, INDEX_PAGE_OPTION, fallback="").strip().lower() or "off"
    if mode not in INDEX_PAGE_MODES:
        modes = ", ".join(INDEX_PAGE_MODES)
        log.warning(
            "[%s] %s is %r: write one of %s. The page is off.", CONFIG_SECTION, INDEX_PAGE_OPTION, mode, modes
        )
        return None
    base_path = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
    return None if mode == "off" else _plugin(mode, base_path)


# The entry point: Airflow skips one that is not a plugin.
PLUGIN = _configured_plugin()
