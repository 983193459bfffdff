"""Progress of a run: a log line every ten seconds, or a bar on a terminal."""

from __future__ import annotations

import asyncio
import logging
import math
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from airflow_provider_upstash_vector.plurals import plural

log = logging.getLogger(__name__)

ProgressKind = Literal["auto", "log", "bar", "none"]
LOG_EVERY_SECONDS = 10.0
_TICK_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Progress at one moment: ``done`` rows have an outcome; ``fraction`` is how much input has been read.

    ``seconds_down`` is how long no request has had a response, in an outage. ``awaited_row`` is the row that
    must be completed before more are read, since ``awaited_seconds``. ``allowed_rate`` is how many rows per second
    the service's 429s have shown it to allow.
    """

    done: int
    done_before: int
    total: int | None
    fraction: float | None
    seconds: float
    in_flight: int
    retries: int
    failures: int
    throttled_seconds: float
    seconds_down: float = 0.0
    awaited_row: int | None = None
    awaited_seconds: float = 0.0
    allowed_rate: float | None = None

    @property
    def rows_per_second(self) -> float:
        """Rows of this run per second."""
        return (self.done - self.done_before) / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """The time that the rest takes at this rate, if its size is known."""
        total: float | None = self.total
        if total is None and self.fraction:
            total = self.done / self.fraction
        rate = self.rows_per_second
        return None if total is None or not rate else max(0.0, total - self.done) / rate

    def __str__(self) -> str:
        rows = plural(self.done if self.total is None else self.total, "row")
        of_total = rows if self.total is None else f"{self.done:,} of {rows}"
        known = self.total is None and self.fraction is not None
        percentage = f" ({math.floor((self.fraction or 0) * 100)} % of the input)" if known else ""
        left = self.seconds_left
        return (
            f"{of_total} completed{percentage}, {self.rows_per_second:,.0f}/s"
            + ("" if self.allowed_rate is None else f" (about {rate_text(self.allowed_rate)} allowed)")
            + f", {self.in_flight:,} in flight, {plural(self.retries, 'retry', 'retries')}, "
            f"{self.throttled_seconds:,.0f} s throttled, {self.failures:,} failed"
            + ("" if left is None else f", {_clock(left)} left")
            + (f"; no response for {self.seconds_down:,.0f} s" if self.seconds_down else "")
            + self._awaited()
        )

    def _awaited(self) -> str:
        if self.awaited_row is None:
            return ""
        return f"; reading has waited {self.awaited_seconds:,.0f} s for row {self.awaited_row}"


def rate_text(rate: float) -> str:
    """Return rows per second as text."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Log(Protocol):
    """A logger of the standard library or of Airflow."""

    def info(self, msg: str, /, *args: Any) -> Any:
        """Log a line."""


class Progress(Protocol):
    """Shows snapshots of a run, a few times a second."""

    def show(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""

    def close(self) -> None:
        """Stop; what is shown stays."""


def open_progress(kind: ProgressKind, log: Log) -> Progress | None:
    """Return a bar or log lines; with ``"auto"`` a bar if standard error is a terminal."""
    if kind not in get_args(ProgressKind):
        raise ValueError(f"progress must be one of {', '.join(get_args(ProgressKind))}, got {kind!r}")
    if kind == "none":
        return None
    if kind == "bar" or (kind == "auto" and sys.stderr is not None and sys.stderr.isatty()):
        return _Bar()
    return LogLines(log)


@asynccontextmanager
async def shown(kind: ProgressKind, log: Log, snapshot: Callable[[], Snapshot]) -> AsyncIterator[None]:
    """Show snapshots while the block runs, a few times a second."""
    progress = open_progress(kind, log)
    if progress is None:
        yield
        return
    showing = asyncio.create_task(_show(progress, snapshot))
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.wait([showing])
        close_progress(progress)


async def _show(progress: Progress, snapshot: Callable[[], Snapshot]) -> None:
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        progress.show(snapshot())


def close_progress(progress: Progress) -> None:
    """Close what shows the progress; a terminal that is gone does not end the run."""
    try:
        progress.close()
    except Exception as error:  # noqa: BLE001 - a terminal's or a logger's
        log.warning("The progress could not be closed: %s: %s", type(error).__name__, error)


class LogLines:
    """Logs a line every ten seconds."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._logged_at = 0.0

    def show(self, snapshot: Snapshot) -> None:
        """Log a line, if the last one is ten seconds old."""
        if snapshot.seconds - self._logged_at >= LOG_EVERY_SECONDS:
            self._logged_at = snapshot.seconds
            self._log.info("%s", snapshot)

    def close(self) -> None:
        """Do nothing."""


class _Bar:
    """A bar, with the text of a log line below it."""

    def __init__(self) -> None:
        from rich.console import Console, Group  # noqa: PLC0415 - takes 0.1 s, which only a terminal needs
        from rich.live import Live  # noqa: PLC0415 - as above
        from rich.progress import BarColumn, Progress, TaskProgressColumn  # noqa: PLC0415 - as above
        from rich.text import Text  # noqa: PLC0415 - as above

        self._bar: Any = Progress(BarColumn(bar_width=None), TaskProgressColumn(), expand=True)
        self._task = self._bar.add_task("", total=None)
        self._text: Any = Text("0 rows completed")
        self._live: Any = Live(Group(self._bar, self._text), console=Console(stderr=True))
        self._live.start()

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.total is not None:
            shape: dict[str, float | None] = {"total": snapshot.total, "completed": snapshot.done}
        else:
            known = snapshot.fraction is not None
            shape = {"total": 1.0 if known else None, "completed": snapshot.fraction or 0.0}
        self._bar.update(self._task, **shape)
        self._text.plain = str(snapshot)

    def close(self) -> None:
        self._live.stop()
