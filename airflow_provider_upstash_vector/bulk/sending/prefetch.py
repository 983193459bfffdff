"""Rows brought to the event loop: at once where reading them waits for nothing, else read ahead elsewhere."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from enum import Enum
from typing import Final, Literal, Protocol

from airflow_provider_upstash_vector.bulk.sources import AsyncSource, Source, SourceRow

_MAX_READ_AHEAD = 256
_READ_ON_BELOW = 64


class Poll(Enum):
    """What a feed says that has no row to give."""

    PENDING = "none now; the feed will wake the run"
    END = "none any more"


PENDING: Final = Poll.PENDING
END: Final = Poll.END


class Prefetcher(Protocol):
    """Gives row after row to a run on an event loop."""

    def poll(self) -> SourceRow | Literal[Poll.PENDING, Poll.END]:
        """Return the next row, ``PENDING`` or ``END``; raises what reading has raised."""

    async def close(self) -> None:
        """Stop reading."""


def open_prefetcher(source: Source | AsyncSource, skip: int, wake: Callable[[], object]) -> Prefetcher:
    """Return the feed of a source; it calls ``wake`` on the running loop when there is a row after ``PENDING``."""
    rows = source.rows(skip)
    if isinstance(rows, AsyncIterator):
        return _AsyncPrefetcher(rows, wake)
    if getattr(source, "blocking", False):
        return _ThreadPrefetcher(rows, wake)
    return _InlineRows(rows)


class _InlineRows:
    def __init__(self, rows: Iterator[SourceRow]) -> None:
        self._rows = rows

    def poll(self) -> SourceRow | Literal[Poll.END]:
        return next(self._rows, END)

    async def close(self) -> None:
        close = getattr(self._rows, "close", None)
        if close is not None:
            close()  # a generator lets go of its file


class _ReadAhead:
    """Rows read ahead, and how reading ended."""

    def __init__(self, wake: Callable[[], object]) -> None:
        self._ahead: deque[SourceRow] = deque()
        self._wake = wake
        self._demand = False
        self._ended = False
        self._error: BaseException | None = None

    def poll(self) -> SourceRow | Literal[Poll.PENDING, Poll.END]:
        if not self._ahead:
            self._demand = True
            if not self._ended or self._ahead:  # the thread may just have put one there
                return self._first() if self._ahead else PENDING
            if self._error is not None:
                raise self._error
            return END
        return self._first()

    def _first(self) -> SourceRow:
        row = self._ahead.popleft()
        if len(self._ahead) < _READ_ON_BELOW:
            self._read_on()
        return row

    def _read_on(self) -> None:
        raise NotImplementedError


class _ThreadPrefetcher(_ReadAhead):
    """Reads in a daemon thread: one that hangs in somebody's generator does not keep the process alive."""

    def __init__(self, rows: Iterator[SourceRow], wake: Callable[[], object]) -> None:
        super().__init__(wake)
        self._rows = rows
        self._loop = asyncio.get_running_loop()
        self._room = threading.Event()
        self._closed = False
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._read,), name="bulk-rows", daemon=True).start()

    def _read(self) -> None:
        try:
            for row in self._rows:
                self._ahead.append(row)
                self._prefetcher()
                while len(self._ahead) >= _MAX_READ_AHEAD and not self._closed:
                    self._room.wait(1.0)
                    self._room.clear()
                if self._closed:
                    break
        except BaseException as error:  # noqa: BLE001 - raised again where the row would have come
            self._error = error
        self._ended = True
        self._demand = True
        self._prefetcher()

    def _prefetcher(self) -> None:
        if self._demand:
            self._demand = False
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._closed = True

    def _read_on(self) -> None:
        self._room.set()

    async def close(self) -> None:
        self._closed = True
        self._room.set()


class _AsyncPrefetcher(_ReadAhead):
    def __init__(self, rows: AsyncIterator[SourceRow], wake: Callable[[], object]) -> None:
        super().__init__(wake)
        self._rows = rows
        self._room = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for row in self._rows:
                self._ahead.append(row)
                self._wake()
                while len(self._ahead) >= _MAX_READ_AHEAD:
                    self._room.clear()
                    await self._room.wait()
        except BaseException as error:  # noqa: BLE001 - raised again where the row would have come
            self._error = error
        self._ended = True
        self._wake()

    def _read_on(self) -> None:
        self._room.set()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
