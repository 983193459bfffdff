"""Prefetching: rows that need no waiting are read on the event loop, others ahead in a thread or task."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Literal, Protocol

from airflow_provider_upstash_vector.bulk.sending.row_size import row_size
from airflow_provider_upstash_vector.bulk.sources import (
    END,
    PENDING,
    AsyncSource,
    Pending,
    Poll,
    Source,
    SourceRow,
)

_MAX_READ_AHEAD = 256
_MAX_BYTES_AHEAD = 16 * 1024 * 1024
_RESUME_AT = 0.25  # of these
_CLOSING_SECONDS = 0.5


class Prefetcher(Protocol):
    """Reads rows for a run on an event loop."""

    def poll(self) -> SourceRow | Literal[Poll.PENDING, Poll.END]:
        """Return the next row, ``PENDING`` if the run is to be woken, or ``END``; raises the error of reading."""

    async def close(self) -> None:
        """Stop reading."""


def open_prefetcher(source: Source | AsyncSource, skip: int, wake: Callable[[], object]) -> Prefetcher:
    """Return a prefetcher, which calls ``wake`` on the running loop when a row follows ``PENDING``."""
    rows = source.rows(skip)
    if isinstance(rows, AsyncIterator):
        return _AsyncPrefetcher(rows, wake)
    if getattr(source, "blocking", False):
        return _ThreadPrefetcher(rows, wake)
    return _InlineRows(rows, wake)


class _InlineRows:
    def __init__(self, rows: Iterator[SourceRow | Pending], wake: Callable[[], object]) -> None:
        self._rows = rows
        self._wake = wake

    def poll(self) -> SourceRow | Literal[Poll.PENDING, Poll.END]:
        row = next(self._rows, END)
        if row is PENDING:  # other tasks of the loop run first
            asyncio.get_running_loop().call_soon(self._wake)
        return row

    async def close(self) -> None:
        close = getattr(self._rows, "close", None)
        if close is not None:
            close()  # a generator closes its file


class _ReadAhead:
    """Rows read ahead, and how reading ended."""

    def __init__(self, wake: Callable[[], object]) -> None:
        self._ahead: deque[tuple[SourceRow, int]] = deque()
        # each changed by one thread only
        self._bytes_added = self._bytes_taken = 0
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
        row, size = self._ahead.popleft()
        self._bytes_taken += size
        if not self._has_ahead(_RESUME_AT):
            self._resume()
        return row

    def _add(self, row: SourceRow) -> None:
        size = row_size(row[0])
        self._bytes_added += size
        self._ahead.append((row, size))

    def _has_ahead(self, part: float) -> bool:
        """Return whether as much has been read ahead as a part of what may be."""
        rows, size = len(self._ahead), self._bytes_added - self._bytes_taken
        return rows >= _MAX_READ_AHEAD * part or size >= _MAX_BYTES_AHEAD * part

    def _resume(self) -> None:
        raise NotImplementedError


class _ThreadPrefetcher(_ReadAhead):
    """Reads in a daemon thread: a generator that hangs does not keep the process alive."""

    def __init__(self, rows: Iterator[SourceRow | Pending], wake: Callable[[], object]) -> None:
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
                if row is not PENDING:
                    self._add(row)
                    self._wake_on_demand()
                while self._has_ahead(1.0) and not self._closed:
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
    def __init__(self, rows: AsyncIterator[SourceRow | Pending], wake: Callable[[], object]) -> None:
        super().__init__(wake)
        self._rows = rows
        self._room = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for row in self._rows:
                if row is PENDING:
                    await asyncio.sleep(0)
                    continue
                self._add(row)
                self._wake()
                while self._has_ahead(1.0):
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
        await asyncio.wait([self._task], timeout=_CLOSING_SECONDS)
        if self._task.done() and isinstance(self._rows, AsyncGenerator):
            await self._rows.aclose()
