"""A row being sent: its request and retry state."""

from __future__ import annotations

from airflow_provider_upstash_vector.bulk.sending.encode import Encoded
from airflow_provider_upstash_vector.bulk.tracking.recorder import NumberedRow
from airflow_provider_upstash_vector.client import AsyncVectorClient, retry, wire
from airflow_provider_upstash_vector.client.errors import UpstashVectorError


class RowRequest:
    """A row that can be sent. ``sends`` counts its requests; ``error`` is the last error other than 429."""

    __slots__ = (
        "_flow",
        "body",
        "encoded",
        "error",
        "key",
        "number",
        "path",
        "row",
        "sends",
        "timeout_seconds",
        "unproven_since",
    )

    def __init__(self, row: NumberedRow, encoded: Encoded, timeout_seconds: float) -> None:
        self.row = row
        self.number = row.number
        self.encoded = encoded
        self.key = (encoded.namespace, encoded.id)
        self.path = encoded.path
        self.body = encoded.body
        self.timeout_seconds = timeout_seconds
        self.sends = 0
        # when it was sent first, or failed last by itself; later failures may be the service's
        self.unproven_since = 0.0
        self.error: UpstashVectorError | None = None
        self._flow: retry.Flow[int] | None = None

    def call(self) -> wire.Call[int]:
        """Return the call to make."""
        return wire.encoded_update(self.path, self.body, self.encoded.namespace, self.encoded.id)

    def wait_after(self, error: UpstashVectorError, client: AsyncVectorClient, clock: retry.Clock) -> float:
        """Return the seconds to wait before the request is sent again; raises ``error`` if it must not be.

        ``clock`` stands still while requests are throttled.
        """
        self.error = error
        if self._flow is None:
            self._flow = client.flow(self.call(), clock)
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
