"""Where workers wait that may send nothing now."""

from __future__ import annotations

import asyncio
from collections import deque


class WorkerWaitQueue:
    """Workers that wait, the first of them woken first."""

    def __init__(self) -> None:
        self._parked: deque[asyncio.Future[None]] = deque()
        self._alarm: asyncio.TimerHandle | None = None

    async def wait(self) -> None:
        """Wait to be woken."""
        future = asyncio.get_running_loop().create_future()
        self._parked.append(future)
        await future

    def wake(self) -> None:
        """Wake one, who wakes the next when he finds work."""
        while self._parked:
            future = self._parked.popleft()
            if not future.done():
                future.set_result(None)
                return

    def wake_all(self) -> None:
        """Wake everyone, to leave."""
        while self._parked:
            self.wake()

    def wake_soon(self) -> None:
        """Wake one when others have had their turn."""
        asyncio.get_running_loop().call_soon(self.wake)

    def wake_after(self, seconds: float) -> None:
        """Wake one after so many seconds, unless an alarm is set already."""
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.wake()

    def close(self) -> None:
        """Forget the alarm."""
        if self._alarm is not None:
            self._alarm.cancel()
