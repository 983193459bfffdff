"""Which vectors are written but not indexed yet: the service finds them by id at once, by query a little later."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from airflow_provider_upstash_vector.dev_server.ranking import Numbers


class Pending:
    """Row numbers by namespace, each for ``delay_seconds`` after its last write."""

    def __init__(self, delay_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._delay_seconds = delay_seconds
        self._clock = clock
        self._due: dict[str, dict[int, float]] = {}

    def note(self, namespace: str, number: int) -> None:
        """Note that a row has been written."""
        if self._delay_seconds > 0:
            due = self._due.setdefault(namespace, {})
            due.pop(number, None)  # so that the dict stays in the order of time
            due[number] = self._clock() + self._delay_seconds

    def numbers(self, namespace: str) -> Numbers:
        """Return the rows that are not indexed yet."""
        due = self._due.get(namespace, {})
        now = self._clock()
        while due and (oldest := next(iter(due))) is not None and due[oldest] <= now:
            del due[oldest]
        return np.fromiter(due, dtype=np.int64, count=len(due))

    def forget(self, namespace: str, number: int) -> None:
        """Note that a row has been deleted."""
        self._due.get(namespace, {}).pop(number, None)

    def rename(self, namespace: str, new_name: str) -> None:
        """Note that a namespace has another name."""
        self._due[new_name] = self._due.pop(namespace, {})

    def clear(self, namespace: str) -> None:
        """Note that a namespace has been emptied."""
        self._due.pop(namespace, None)
