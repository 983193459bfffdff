"""Apache Airflow provider for Upstash Vector."""

from __future__ import annotations

from typing import Any

__version__ = "0.2.0"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata; the entry point ``apache_airflow_provider``."""
    from airflow_provider_upstash_vector.provider_info import PROVIDER_INFO  # noqa: PLC0415 - keeps this import free

    return PROVIDER_INFO
