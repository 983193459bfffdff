"""A local Upstash Vector, written from the API's documentation alone; it shares no code with ``client``.

``DevServer`` runs in a thread, ``python -m airflow_provider_upstash_vector.dev_server`` in a process.
Names are imported on first use: pytest imports this package at every start.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.dev_server.faults import Fault
    from airflow_provider_upstash_vector.dev_server.models import IndexSpec
    from airflow_provider_upstash_vector.dev_server.server import DevServer

_LAZY_EXPORTS = {"DevServer": "server", "Fault": "faults", "IndexSpec": "models"}

__all__ = ["DevServer", "Fault", "IndexSpec"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY_EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_LAZY_EXPORTS[name]}"), name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the dev server needs {error.name}: pip install 'airflow-provider-upstash-vector[dev-server]'"
        ) from error
