"""Signals that cancel a command."""

from __future__ import annotations

import signal

from airflow_provider_upstash_vector.cancellation import CancelToken


class Signals:
    """Cancels on SIGINT or SIGTERM, of which ``received`` is the first. A second SIGINT ends the process."""

    def __init__(self, cancel_token: CancelToken) -> None:
        self._cancel_token = cancel_token
        self.received = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._cancel)

    def _cancel(self, number: int, _: object) -> None:
        self.received = self.received or number
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self._cancel_token.cancel()
