"""A queue of workers that wait until they may send again."""

from __future__ import annotations

import asyncio
from collections import deque


class WorkerWaitQueue:
    """Workers that wait; the first to wait is woken first."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self) -> None:
        """Wait to be woken."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def wake(self) -> bool:
        """Wake one worker, which wakes the next if there is more work; return whether one waited."""
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                return True
        return False

    def wake_all(self) -> None:
        """Wake all workers, to end them."""
        while self._waiting:
            self.wake()

    def wake_soon(self) -> None:
        """Wake one worker after other tasks of the loop have run."""
        asyncio.get_running_loop().call_soon(self.wake)

    def wake_after(self, seconds: float) -> None:
        """Wake one worker after so many seconds, unless a timer is set for an earlier time."""
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()  # the hold that it was set for has ended early
        self._timer = loop.call_at(when, self._time_out)

    def _time_out(self) -> None:
        self._timer = None
        self.wake()

    def close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
