"""Processes that the cluster starts, and stops by their ids."""

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
    """A step has failed; the message says which and how."""


class Process:
    """A program with its output in a file; it and all that it starts is stopped by id."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=dict(environment), stdout=log, stderr=log, cwd=folder, start_new_session=True
            )

    def tree(self) -> list[int]:
        """Return the ids of the process and of what has come from it, children first."""
        parents: dict[int, list[int]] = {}
        for folder in Path("/proc").iterdir():
            with suppress(ValueError, OSError):
                pid = int(folder.name)
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(pid)
        found = [self._process.pid]
        for pid in found:
            found.extend(parents.get(pid, []))
        return found[::-1]

    def kill(self) -> None:
        """Kill it with all that it has started, at once and without warning."""
        for pid in self.tree():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end; kill what does not."""
        tree = self.tree()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        for pid in tree:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def check(self) -> None:
        """Raise with the last lines of its output where it has ended."""
        if self._process.poll() is not None:
            lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
            raise ClusterError("\n".join([f"{self.name} has ended:", *lines]))


class Processes:
    """All of them, in the order of their start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[Process] = []

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Process:
        """Start one."""
        process = Process(name, command, self._folder, environment)
        self._running.append(process)
        return process

    def kill(self, process: Process) -> None:
        """Kill one, which is then none of them."""
        self._running.remove(process)
        process.kill()

    def stop(self) -> None:
        """Stop them all, the last one first."""
        while self._running:
            self._running.pop().stop()

    def wait(self, what: str, condition: Callable[[], object], seconds: float) -> None:
        """Wait until ``condition`` holds while all are running."""
        end = time.monotonic() + seconds
        while not condition():
            for process in self._running:
                process.check()
            if time.monotonic() > end:
                raise ClusterError(f"{what}: not within {seconds:g} s; logs are in {self._folder}")
            time.sleep(_POLL_SECONDS)


@contextmanager
def processes(folder: Path) -> Iterator[Processes]:
    """Yield an empty set of processes; stop what is in it in the end, whatever happens."""
    found = Processes(folder)
    try:
        yield found
    finally:
        found.stop()


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def answers(port: int) -> bool:
    """Tell whether somebody listens on a port."""
    with socket.socket() as connection:
        connection.settimeout(1)
        return connection.connect_ex(("127.0.0.1", port)) == 0
