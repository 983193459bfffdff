"""A batch of rows being sent: its request and retry state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_upstash_vector.bulk.operations.base import Encoded
from airflow_provider_upstash_vector.bulk.sending.batch import Batch
from airflow_provider_upstash_vector.bulk.sending.measurement import Sent
from airflow_provider_upstash_vector.bulk.sending.window import Window
from airflow_provider_upstash_vector.bulk.tracking.recorder import NumberedRow
from airflow_provider_upstash_vector.client import retry
from airflow_provider_upstash_vector.client.errors import UpstashVectorError

if TYPE_CHECKING:
    from typing_extensions import Self


class PendingRow:
    """A row that can be sent."""

    __slots__ = ("fragment", "key", "number", "path", "row")

    def __init__(self, row: NumberedRow, encoded: Encoded) -> None:
        self.row = row
        self.number = row.number
        self.key = encoded[:2]  # its key, without a call
        self.path = encoded.path
        self.fragment = encoded.fragment


class BatchRequest(Batch[PendingRow]):
    """A batch that can be sent. ``sends`` counts its requests; ``error`` is the last error other than 429."""

    sent: Sent  # its last request

    # defaults: most batches are sent once, and never get others
    sends = 0
    timeout_seconds: float | None = None  # that of the first request until an error
    unproven_since = 0.0  # when it was sent first, or failed last by itself; later failures may be the service's
    error: UpstashVectorError | None = None
    _flow: retry.Flow[Any] | None = None

    def part(self, rows: list[PendingRow]) -> Self:
        """Return a batch of some of these rows, which were sent as often."""
        part = super().part(rows)
        part.sends, part.error, part.unproven_since = self.sends, self.error, self.unproven_since
        return part

    def wait_after(self, error: UpstashVectorError, start_flow: Callable[[], retry.Flow[Any]]) -> float:
        """Return the seconds to wait before the request is sent again; raises ``error`` if it must not be."""
        self.error = error
        if self._flow is None:
            self._flow = start_flow()
            next(self._flow)
        step = self._flow.send(error)
        assert isinstance(step, retry.Wait), "an error is followed by a wait"  # noqa: S101 - as the flow is defined
        return step.seconds

    def after_wait(self) -> None:
        """Prepare to send again after the wait; raises the last error if no time is left."""
        if self._flow is not None:
            step = self._flow.send(None)
            if isinstance(step, retry.Send):
                self.timeout_seconds = step.timeout_seconds


RequestWindow: TypeAlias = Window[PendingRow, BatchRequest]
