"""Whether a sync may write: it must not delete more than it was allowed to. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_upstash_vector.bulk.sending.limits import RowLimit
from airflow_provider_upstash_vector.bulk.syncing.decision import Action
from airflow_provider_upstash_vector.bulk.syncing.options import SyncOptions
from airflow_provider_upstash_vector.plurals import plural


def scope_of(counts: Mapping[Action, int]) -> int:
    """Return how many vectors were in the scope before the run."""
    return sum(counts.values()) - counts[Action.ADDED]


def refusal(options: SyncOptions, counts: Mapping[Action, int]) -> str | None:
    """Return why nothing is written, or ``None``."""
    if not options.delete_missing or options.max_delete is None:
        return None
    to_delete, scope = counts[Action.DELETED], scope_of(counts)
    allowed = RowLimit("max_delete", options.max_delete).allowed(scope, all_rows=True)
    if to_delete <= allowed:
        return None
    share = "" if options.max_delete == allowed else f" ({plural(allowed, 'vector')})"
    return (
        f"{to_delete:,} of {plural(scope, 'vector')} in the scope would be deleted, more than max_delete="
        f"{options.max_delete}{share}, so nothing is written; check the source, or raise max_delete"
    )
