"""The processes of the cluster; only these are stopped, by id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_STOP_SECONDS = 15
_POLL_SECONDS = 0.2
_LOG_LINES = 30


class ClusterError(Exception):
    """A step failed; the message says which one and why."""


class Process:
    """A program that logs to a file, and its child processes."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=dict(environment), stdout=log, stderr=log, cwd=folder, start_new_session=True
            )

    def tree(self) -> list[int]:
        """Return the ids of the process and its descendants, children first."""
        children: dict[int, list[int]] = {}
        for folder in Path("/proc").iterdir():
            with suppress(ValueError, OSError):
                pid = int(folder.name)
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(pid)
        tree = [self._process.pid]
        for pid in tree:
            tree.extend(children.get(pid, []))
        return tree[::-1]

    def kill(self) -> None:
        """Kill the process and its descendants with SIGKILL."""
        for pid in self.tree():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(_STOP_SECONDS)

    def stop(self) -> None:
        """Terminate the process; kill it and its descendants if they do not end."""
        tree = self.tree()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        for pid in tree:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(_STOP_SECONDS)

    def check(self) -> None:
        """Raise ``ClusterError`` with the last lines of the log if the process has ended."""
        if self._process.poll() is not None:
            lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
            raise ClusterError("\n".join([f"{self.name} ended unexpectedly:", *lines]))


class Processes:
    """The running processes, in the order of their start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[Process] = []

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Process:
        """Start a process."""
        process = Process(name, command, self._folder, environment)
        self._running.append(process)
        return process

    def kill(self, process: Process) -> None:
        """Kill a process and remove it."""
        self._running.remove(process)
        process.kill()

    def stop(self) -> None:
        """Stop all processes, the last one first."""
        while self._running:
            self._running.pop().stop()

    def wait(self, what: str, condition: Callable[[], object], seconds: float) -> None:
        """Wait until ``condition`` holds. Raises ``ClusterError`` on a timeout or if a process ends."""
        deadline = time.monotonic() + seconds
        while not condition():
            for process in self._running:
                process.check()
            if time.monotonic() > deadline:
                raise ClusterError(f"timed out after {seconds:g} s: {what}")
            time.sleep(_POLL_SECONDS)


@contextmanager
def processes(folder: Path) -> Iterator[Processes]:
    """Yield a :class:`Processes` that is stopped in the end; logs go to ``folder``."""
    running = Processes(folder)
    try:
        yield running
    finally:
        running.stop()


def free_port() -> int:
    """Return a free port of the loopback address."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def is_listening(port: int) -> bool:
    """Return whether a port of the loopback address accepts connections."""
    with socket.socket() as connection:
        connection.settimeout(1)
        return connection.connect_ex(("127.0.0.1", port)) == 0
