"""Many updates in one process, without Airflow: ``bulk.run(rows, endpoint)``.

A source yields rows, the encoder makes requests of them, the window lets them go, the engine sends them, the books
count what became of them, and a checkpoint remembers how far it is.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.bulk.checkpoint import CheckpointStore, FileCheckpoint
    from airflow_provider_upstash_vector.bulk.errors import BulkUpdateFailed
    from airflow_provider_upstash_vector.bulk.report import BulkReport
    from airflow_provider_upstash_vector.bulk.running import forget, run, run_async
    from airflow_provider_upstash_vector.bulk.sources import InvalidRows
    from airflow_provider_upstash_vector.bulk.stopping import BulkStop

_HOMES = {
    "BulkReport": "report",
    "BulkStop": "stopping",
    "BulkUpdateFailed": "errors",
    "CheckpointStore": "checkpoint",
    "FileCheckpoint": "checkpoint",
    "InvalidRows": "sources",
    "forget": "running",
    "run": "running",
    "run_async": "running",
}

__all__ = [
    "BulkReport",
    "BulkStop",
    "BulkUpdateFailed",
    "CheckpointStore",
    "FileCheckpoint",
    "InvalidRows",
    "forget",
    "run",
    "run_async",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
