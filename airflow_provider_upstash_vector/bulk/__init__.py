"""Many rows in one process, without Airflow: ``bulk.upsert(rows, endpoint)``, ``bulk.update``, ``bulk.delete``.

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
        export,
        forget,
        update,
        update_async,
        upsert,
        upsert_async,
    )
    from airflow_provider_upstash_vector.bulk.copying import copy, copy_async
    from airflow_provider_upstash_vector.bulk.errors import (
        BulkJobFailed,
        CheckpointInUse,
        ExportFailed,
        Superseded,
        SyncFailed,
        TooManyMatches,
    )
    from airflow_provider_upstash_vector.bulk.exports.api import export_async
    from airflow_provider_upstash_vector.bulk.exports.report import ExportReport
    from airflow_provider_upstash_vector.bulk.report import BulkReport
    from airflow_provider_upstash_vector.bulk.selected import delete_selected, delete_selected_async
    from airflow_provider_upstash_vector.bulk.sources import InvalidRows
    from airflow_provider_upstash_vector.bulk.syncing.api import sync, sync_async
    from airflow_provider_upstash_vector.bulk.syncing.report import SyncReport
    from airflow_provider_upstash_vector.bulk.tracking.checkpoint import CheckpointStore, FileCheckpoint
    from airflow_provider_upstash_vector.bulk.updating_where import (
        UpdateWhereReport,
        update_where,
        update_where_async,
    )
    from airflow_provider_upstash_vector.cancellation import CancelToken

_LAZY_EXPORTS = {
    "BulkReport": ".report",
    "CancelToken": "..cancellation",
    "BulkJobFailed": ".errors",
    "CheckpointInUse": ".errors",
    "ExportFailed": ".errors",
    "ExportReport": ".exports.report",
    "Superseded": ".errors",
    "UpdateWhereReport": ".updating_where",
    "TooManyMatches": ".errors",
    "SyncFailed": ".errors",
    "SyncReport": ".syncing.report",
    "CheckpointStore": ".tracking.checkpoint",
    "FileCheckpoint": ".tracking.checkpoint",
    "InvalidRows": ".sources",
    "copy": ".copying",
    "copy_async": ".copying",
    "delete": ".api",
    "delete_async": ".api",
    "delete_selected": ".selected",
    "delete_selected_async": ".selected",
    "export": ".api",
    "export_async": ".exports.api",
    "forget": ".api",
    "sync": ".syncing.api",
    "sync_async": ".syncing.api",
    "update": ".api",
    "update_async": ".api",
    "update_where": ".updating_where",
    "update_where_async": ".updating_where",
    "upsert": ".api",
    "upsert_async": ".api",
}

__all__ = [
    "BulkJobFailed",
    "BulkReport",
    "CancelToken",
    "CheckpointInUse",
    "CheckpointStore",
    "ExportFailed",
    "ExportReport",
    "FileCheckpoint",
    "InvalidRows",
    "Superseded",
    "SyncFailed",
    "SyncReport",
    "TooManyMatches",
    "UpdateWhereReport",
    "copy",
    "copy_async",
    "delete",
    "delete_async",
    "delete_selected",
    "delete_selected_async",
    "export",
    "export_async",
    "forget",
    "sync",
    "sync_async",
    "update",
    "update_async",
    "update_where",
    "update_where_async",
    "upsert",
    "upsert_async",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY_EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY_EXPORTS[name], __name__), name)
