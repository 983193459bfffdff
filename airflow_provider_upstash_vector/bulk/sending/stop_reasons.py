"""Why a run stops before the end of its input, and the error that it raises then. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NoReturn

from airflow_provider_upstash_vector.bulk.embedding.calls import EmbeddingFailed
from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed, Reason, Superseded
from airflow_provider_upstash_vector.bulk.report import BulkReport
from airflow_provider_upstash_vector.bulk.sources import InvalidRows, SourceBroken
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import RowsChanged
from airflow_provider_upstash_vector.bulk.tracking.recorder import NumberedRow, OutcomeRecorder
from airflow_provider_upstash_vector.bulk.tracking.writing import WriteFailed
from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    QuotaExceeded,
    TokenRejected,
    Unauthorized,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.models import IndexInfo, NamespaceInfo
from airflow_provider_upstash_vector.plurals import plural

_MAX_THROTTLED_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReason:
    """A reason to stop; ``retryable`` is whether another run can get further."""

    reason: Reason
    explanation: str
    retryable: bool = True
    cause: BaseException | None = None


def for_error(error: UpstashVectorError) -> StopReason | None:
    """Return the reason if an error concerns every row."""
    if isinstance(error, QuotaExceeded):
        return StopReason(reason="daily_quota", explanation=str(error), cause=error)
    if isinstance(error, TokenRejected):
        return StopReason(reason="token_rejected", explanation=str(error), cause=error)
    if isinstance(error, Unauthorized):
        return StopReason(reason="error", explanation=str(error), retryable=False, cause=error)
    return None


def for_throttling(
    error: ApiError, *, seconds_throttled: float, max_retry_after_seconds: float
) -> StopReason | None:
    """Return the reason if a 429 asks for too long a wait, or if there have been only 429s for too long."""
    wait = error.retry_after or 0.0
    if wait > max_retry_after_seconds:
        explanation = f"the service asks for a wait of {wait:,.0f} s"
    elif seconds_throttled > _MAX_THROTTLED_SECONDS:
        explanation = f"only 429 responses for {seconds_throttled:,.0f} s"
    else:
        return None
    return StopReason(reason="rate_limit", explanation=explanation, cause=error)


def for_outage(error: UpstashVectorError, seconds: float | None = None) -> StopReason:
    """Return the reason for a service that has not responded for so many ``seconds``, or at all."""
    silence = "at all" if seconds is None else f"for {seconds:,.0f} s"
    explanation = f"the service has not responded {silence}; last error: {error.message}"
    return StopReason(reason="service_unavailable", explanation=explanation, cause=error)


def for_failures(recorder: OutcomeRecorder) -> StopReason:
    """Return the reason for more failures than ``max_failures`` allows, a count or a share."""
    limit, allowed = recorder.max_failures, recorder.allowed_failures
    rows = "" if str(limit) == str(allowed) else f" ({plural(allowed, 'row')})"
    exceed = f"{plural(recorder.failures, 'failure')} exceed" + ("s" if recorder.failures == 1 else "")
    return StopReason(reason="failures", explanation=f"{exceed} max_failures={limit}{rows}")


def for_wrong_index(row: object, error: UpstashVectorError) -> StopReason:
    """Return the reason for a first row that does not fit the index."""
    return StopReason(reason="error", explanation=f"{row}: {error}", retryable=False, cause=error)


def for_source(error: Exception, number: int) -> StopReason:
    """Return the reason for an error that reading row ``number`` raised."""
    explanation = str(error)
    if not isinstance(error, InvalidRows | SourceBroken):
        explanation = f"reading row {number:,} failed: {type(error).__name__}: {error}"
    if isinstance(error, ApiError) and (of_every_request := for_error(error)):
        return replace(of_every_request, explanation=explanation)
    retryable = not isinstance(error, InvalidRows) and (not isinstance(error, ApiError) or error.retryable)
    return StopReason(reason="source", explanation=explanation, retryable=retryable, cause=error)


def for_changed_rows() -> StopReason:
    """Return the reason for rows that are not those of the checkpoint."""
    explanation = "the rows have changed since the checkpoint, which is discarded; run again to send all of them"
    return StopReason(reason="source", explanation=explanation, cause=RowsChanged(explanation))


def for_budget(rows: int | None) -> StopReason:
    """Return the reason for an exhausted daily budget."""
    explanation = f"the daily budget of {plural(rows or 0, 'row')} is exhausted; it is reset at 00:00 UTC"
    return StopReason(reason="daily_budget", explanation=explanation)


def for_time_limit(seconds: float) -> StopReason:
    """Return the reason for a time limit that has passed."""
    return StopReason(reason="time_limit", explanation=f"the time limit of {seconds:g} s has passed")


def for_cancellation(run: str = "run") -> StopReason:
    """Return the reason for a run, or ``"dry run"``, that was cancelled."""
    return StopReason(reason="cancelled", explanation=f"the {run} was cancelled")


def for_checkpoint(error: Exception) -> StopReason:
    """Return the reason for a checkpoint that cannot be saved, or is another run's by now."""
    if isinstance(error, Superseded):
        return StopReason(reason="superseded", explanation=str(error), retryable=error.retryable, cause=error)
    explanation = f"the checkpoint cannot be saved: {type(error).__name__}: {error}"
    return StopReason(reason="checkpoint", explanation=explanation, cause=error)


def for_index(before: Checkpoint, done: int, outcome: str, index: IndexInfo) -> StopReason | None:
    """Return the reason if the index contradicts a checkpoint with ``done`` rows: they are not in it."""
    present = {name for name, counts in index.namespaces.items() if _vectors(counts)}
    # a response without namespaces, and rows whose namespace is a guess, contradict nothing
    known = before.namespaces if index.namespaces and not before.unknown_namespace_rows else {}
    emptied = [name for name in known if name not in present]
    if not done:
        return None
    if before.index and before.index != index.identity:
        change = f"the index was {before.index} and is {index.identity} now"
    elif not _vectors(index):
        change = "the index has no vectors"
    elif emptied:
        change = f"namespace {emptied[0]!r} has no vectors"
    else:
        return None
    explanation = (
        f"{change}, although the checkpoint says that {plural(done, 'row was', 'rows were')} {outcome}, so it is "
        f"discarded; when the index has its vectors, run again to send all rows"
    )
    return StopReason(reason="index_changed", explanation=explanation, retryable=False)


def for_not_empty(namespace: str) -> StopReason:
    """Return the reason for a namespace that should have been empty."""
    place = f"namespace {namespace!r}" if namespace else "the default namespace"
    explanation = (
        f'{place} is not empty; empty it, choose another one, or set if_not_empty="merge" to add the rows to it, '
        "which replaces vectors with their ids"
    )
    return StopReason(reason="not_empty", explanation=explanation, retryable=False)


def _vectors(counts: IndexInfo | NamespaceInfo) -> int:
    return counts.vector_count + counts.pending_vector_count


def for_embedding(error: EmbeddingFailed, row: NumberedRow, texts: int) -> StopReason:
    """Return the reason for texts, from that of ``row`` on, that could not be embedded."""
    explanation = f"{error.message}; it was called with {plural(texts, 'text')}, the first of {row}"
    return StopReason(
        reason="embedding", explanation=explanation, retryable=error.retryable, cause=error.__cause__
    )


def for_crash(error: BaseException) -> StopReason:
    """Return the reason for an error of the run itself, or of what it writes."""
    if isinstance(error, Superseded):
        return for_checkpoint(error)
    if isinstance(error, WriteFailed):
        return StopReason(reason=error.reason, explanation=error.message, cause=error.__cause__)
    return StopReason(reason="error", explanation=f"{type(error).__name__}: {error}", cause=error)


def raise_for_stop(stop_reason: StopReason, report: BulkReport) -> NoReturn:
    """Raise the :class:`BulkJobFailed` of a stopped run."""
    retryable = stop_reason.retryable
    if stop_reason.reason == "failures":
        retryable = bool(report.failed or report.missing)  # a rejected row is rejected in every run
    raise BulkJobFailed(stop_reason.reason, stop_reason.explanation, report, retryable) from stop_reason.cause
