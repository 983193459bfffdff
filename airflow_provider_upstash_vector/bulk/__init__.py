"""Many rows in one process, without Airflow: ``bulk.update(rows, endpoint)``, ``bulk.upsert(rows, endpoint)``.

A source yields rows, the operation encodes them, the engine sends the batches that window and throttle allow,
the recorder records their outcomes, and a checkpoint keeps the state that a later run resumes from.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.bulk.api import (
        delete,
        delete_async,
        forget,
        sync,
        sync_async,
        update,
        update_async,
        upsert,
        upsert_async,
    )
    from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed, CheckpointInUse, Superseded, SyncFailed
    from airflow_provider_upstash_vector.bulk.report import BulkReport
    from airflow_provider_upstash_vector.bulk.sources import InvalidRows
    from airflow_provider_upstash_vector.bulk.syncing.report import SyncReport
    from airflow_provider_upstash_vector.bulk.tracking.checkpoint import CheckpointStore, FileCheckpoint
    from airflow_provider_upstash_vector.cancellation import CancelToken

_LAZY_EXPORTS = {
    "BulkReport": ".report",
    "CancelToken": "..cancellation",
    "BulkJobFailed": ".errors",
    "CheckpointInUse": ".errors",
    "Superseded": ".errors",
    "SyncFailed": ".errors",
    "SyncReport": ".syncing.report",
    "CheckpointStore": ".tracking.checkpoint",
    "FileCheckpoint": ".tracking.checkpoint",
    "InvalidRows": ".sources",
    "delete": ".api",
    "delete_async": ".api",
    "forget": ".api",
    "sync": ".api",
    "sync_async": ".api",
    "update": ".api",
    "update_async": ".api",
    "upsert": ".api",
    "upsert_async": ".api",
}

__all__ = [
    "BulkJobFailed",
    "BulkReport",
    "CancelToken",
    "CheckpointInUse",
    "CheckpointStore",
    "FileCheckpoint",
    "InvalidRows",
    "Superseded",
    "SyncFailed",
    "SyncReport",
    "delete",
    "delete_async",
    "forget",
    "sync",
    "sync_async",
    "update",
    "update_async",
    "upsert",
    "upsert_async",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY_EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY_EXPORTS[name], __name__), name)
