"""Prefetching: rows that need no waiting are read on the event loop, others ahead in a thread or task."""

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
_RESUME_BELOW = 64


class Poll(Enum):
    """What ``poll`` returns instead of a row."""

    PENDING = "no row yet; the prefetcher wakes the run"
    END = "no more rows"


PENDING: Final = Poll.PENDING
END: Final = Poll.END


class Prefetcher(Protocol):
    """Reads rows for a run on an event loop."""

    def poll(self) -> SourceRow | Literal[Poll.PENDING, Poll.END]:
        """Return the next row, ``PENDING`` or ``END``; raises the error of reading."""

    async def close(self) -> None:
        """Stop reading."""


def open_prefetcher(source: Source | AsyncSource, skip: int, wake: Callable[[], object]) -> Prefetcher:
    """Return a prefetcher, which calls ``wake`` on the running loop when a row follows ``PENDING``."""
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
            close()  # a generator closes its file


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
            if not self._ended or self._ahead:  # the thread may just have added one
                return self._first() if self._ahead else PENDING
            if self._error is not None:
                raise self._error
            return END
        return self._first()

    def _first(self) -> SourceRow:
        row = self._ahead.popleft()
        if len(self._ahead) < _RESUME_BELOW:
            self._resume()
        return row

    def _resume(self) -> None:
        raise NotImplementedError


class _ThreadPrefetcher(_ReadAhead):
    """Reads in a daemon thread: a generator that hangs does not keep the process alive."""

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
                self._wake_on_demand()
                while len(self._ahead) >= _MAX_READ_AHEAD and not self._closed:
                    self._room.wait(1.0)
                    self._room.clear()
                if self._closed:
                    break
        except BaseException as error:  # noqa: BLE001 - raised again by poll
            self._error = error
        self._ended = True
        self._demand = True
        self._wake_on_demand()

    def _wake_on_demand(self) -> None:
        if self._demand:
            self._demand = False
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the loop is closed
                self._closed = True

    def _resume(self) -> None:
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
        except BaseException as error:  # noqa: BLE001 - raised again by poll
            self._error = error
        self._ended = True
        self._wake()

    def _resume(self) -> None:
        self._room.set()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
