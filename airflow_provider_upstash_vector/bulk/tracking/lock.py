"""The lock of a local checkpoint: one run at a time, and none that outlives its process.

``flock`` ends with the process, however it dies, so a run is never refused by one that was killed. The lock file
stays: two runs could lock two files of one name if it were deleted or replaced.
"""

from __future__ import annotations

import fcntl
import io
import logging
import os
import socket
import stat
import threading
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from weakref import WeakSet

import orjson

from airflow_provider_upstash_vector.bulk.errors import CheckpointInUse
from airflow_provider_upstash_vector.bulk.sources import InvalidRows

log = logging.getLogger(__name__)

_MODE = 0o600
_PREFIX = b'{"pid":'
_MAX_BYTES = 4_096
_open_files: WeakSet[io.FileIO] = WeakSet()
# a child must not inherit a file between its opening and its registration, nor close a number that is used again
_guard = threading.Lock()


def lock_path(checkpoint: Path) -> Path:
    """Return the path of the lock of a local checkpoint."""
    return checkpoint.with_name(f"{checkpoint.name}.lock")


class CheckpointLock:
    """The lock of one run on a local checkpoint.

    A run with the same ``owner``, such as a retry whose previous try is still running, is not refused: it runs
    without the lock until :meth:`acquire_if_free` gets it. Its token in the checkpoint stops the other run.
    """

    def __init__(self, checkpoint: Path, owner: str = "") -> None:
        self._checkpoint = checkpoint
        self._path = lock_path(checkpoint)
        self._owner = owner
        self._file: io.FileIO | None = None
        self._held = False

    def acquire(self) -> None:
        """Lock the checkpoint, or warn if its file system has no locks.

        Raises :class:`CheckpointInUse` if another run has it, ``InvalidRows`` for a file that is not a lock.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _open(self._path)
        try:
            _content(self._file, self._path)
            self._held = self._try_lock(self._file)
            if not self._held:
                self._check_owner(_holder(_content(self._file, self._path)))
        except BaseException:
            self.release()
            raise

    def acquire_if_free(self) -> None:
        """Lock the checkpoint if the previous try of this task has ended meanwhile."""
        if self._file is not None and not self._held:
            self._held = self._try_lock(self._file)

    def release(self) -> None:
        """Unlock the checkpoint; its lock file stays."""
        if self._file is not None:
            with _guard:
                self._file.close()
            self._file, self._held = None, False

    def _try_lock(self, file: io.FileIO) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            log.warning(
                "%s cannot be locked (%s): make sure that no two runs use this checkpoint at the same time.",
                self._checkpoint,
                error.strerror,
            )
        self._describe(file)
        return True

    def _describe(self, file: io.FileIO) -> None:
        """Write who has the lock, or nothing of it if the disk is full: an empty file is a lock too."""
        description = self._description()
        file.truncate(0)
        with suppress(OSError):
            if os.pwrite(file.fileno(), description, 0) < len(description):
                file.truncate(0)

    def _description(self) -> bytes:
        started = datetime.now(timezone.utc).isoformat(timespec="seconds")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "started": started, "owner": self._owner}
        return orjson.dumps(holder)

    def _check_owner(self, holder: Mapping[str, Any]) -> None:
        process = "process {pid} on {host}, started at {started}".format_map(
            defaultdict(lambda: "unknown", holder)
        )
        if self._owner and holder.get("owner") == self._owner:
            log.warning("A previous try of this task still runs (%s); it stops when it saves.", process)
            return
        raise CheckpointInUse(
            f"{self._checkpoint} is in use by another run ({process}); wait until it ends, or set checkpoint to "
            f"another path"
        )


def _open(path: Path) -> io.FileIO:
    """Open the lock file, never through a symbolic link; close-on-exec."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with _guard:
            file = io.FileIO(path, "r+", opener=lambda name, _: os.open(name, flags, _MODE))
            _open_files.add(file)
    except OSError:
        if path.is_symlink() or path.is_dir():
            raise _not_a_lock(path) from None
        raise
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise _not_a_lock(path)
    os.fchmod(file.fileno(), _MODE)
    return file


def _content(file: io.FileIO, path: Path) -> bytes:
    """Return the content; raises :class:`InvalidRows` rather than overwrite a file that is not a lock."""
    content = os.pread(file.fileno(), _MAX_BYTES, 0)
    if content and not content.startswith(_PREFIX):
        raise _not_a_lock(path)
    return content


def _not_a_lock(path: Path) -> InvalidRows:
    return InvalidRows(
        f"{path} exists and is not the lock of a checkpoint; delete it, or set checkpoint to another path"
    )


def _holder(content: bytes) -> dict[str, Any]:
    try:
        holder = orjson.loads(content)
    except orjson.JSONDecodeError:  # it is being written
        return {}
    return holder if isinstance(holder, dict) else {}


def _release_in_child() -> None:
    """Close the files, so that the locks end with the parent; to unlock them would unlock the parent's."""
    for file in [*_open_files]:
        file.close()
    _guard.release()


os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_release_in_child)
