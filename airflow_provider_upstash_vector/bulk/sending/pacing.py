"""A rate as tokens: how long the next rows must wait. Pure."""

from __future__ import annotations


class Pacer:
    """Lets rows go at a rate, which may change at any time; what ``burst_seconds`` allow may go at once."""

    def __init__(self, burst_seconds: float) -> None:
        self._burst_seconds = burst_seconds
        self._tokens = 0.0
        self._at: float | None = None

    def wait_seconds(self, rate: float, rows: int, now: float) -> float:
        """Return the seconds until so many rows may go at ``rate`` a second, 0 for at once.

        More rows than may go at once go when the most may, and those after them wait longer.
        """
        capacity = max(1.0, rate * self._burst_seconds)
        self._tokens = capacity if self._at is None else min(capacity, self._tokens + (now - self._at) * rate)
        self._at = now
        needed = min(float(rows), capacity)
        return 0.0 if self._tokens >= needed - 1e-9 else (needed - self._tokens) / rate

    def spend(self, rows: int) -> None:
        """Record rows that go out."""
        self._tokens -= rows

    def reset(self) -> None:
        """Owe nothing for rows that went out while there was no rate."""
        self._at = None

    def drain(self) -> None:
        """Let no more than one row go at once until time passes."""
        self._tokens = min(self._tokens, 1.0)
