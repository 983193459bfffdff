"""Which of the async engines to take."""

from __future__ import annotations

from airflow_provider_upstash_vector.client.engines.base import AsyncEngine, EngineSettings
from airflow_provider_upstash_vector.client.engines.http1_engine import Http1Engine


def open_async_engine(settings: EngineSettings) -> AsyncEngine:
    """Return the fast engine, or with a proxy the one that knows proxies; on a running loop."""
    if settings.proxy is None:
        return Http1Engine(settings)
    from airflow_provider_upstash_vector.client.engines.aiohttp_engine import (  # noqa: PLC0415 - rarely needed
        AiohttpEngine,
    )

    return AiohttpEngine(settings)
