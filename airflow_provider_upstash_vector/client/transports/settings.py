"""What an endpoint, a policy and the environment mean to an engine."""

from __future__ import annotations

from airflow_provider_upstash_vector.client import wire
from airflow_provider_upstash_vector.client.models import Endpoint
from airflow_provider_upstash_vector.client.redaction import Redactor
from airflow_provider_upstash_vector.client.retry import RetryPolicy
from airflow_provider_upstash_vector.client.transports.base import TransportSettings
from airflow_provider_upstash_vector.client.transports.proxies import environment_proxy


def engine_settings(endpoint: Endpoint, policy: RetryPolicy, max_connections: int) -> TransportSettings:
    """Return the settings; raises :class:`InvalidEndpoint` for a proxy that cannot be used."""
    proxy = environment_proxy(endpoint.url)
    return TransportSettings(
        base_url=endpoint.url,
        headers=wire.headers(endpoint.token.get_secret_value()),
        proxy=proxy,
        redactor=Redactor(endpoint.token.get_secret_value(), *(proxy.secrets if proxy else ())),
        connect_timeout_seconds=policy.connect_timeout_seconds,
        max_connections=max_connections,
    )
