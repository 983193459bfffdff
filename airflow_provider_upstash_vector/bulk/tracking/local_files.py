"""Local files that are safe to create and to read in a directory that other users can write to."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector.bulk.sources import InvalidRows

_MODE = 0o600


def beside(path: Any, ending: str) -> Any:
    """Return the path, local or not, with an ending added."""
    return path.with_name(f"{path.name}.{ending}")


def new_path(path: Any) -> Any:
    """Return the path of the new content that then replaces ``path``."""
    return beside(path, "new")


def create_private(path: Path) -> io.FileIO:
    """Create an unbuffered file that only this user can read, whatever the umask, in place of a stale one.

    Raises ``FileExistsError`` if another process creates one at the same time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    # exclusive creation does not follow a symbolic link
    file = open(path, "xb+", buffering=0, opener=lambda name, flags: os.open(name, flags, _MODE))  # noqa: SIM115 - pathlib takes no opener; the caller closes it
    os.fchmod(file.fileno(), _MODE)
    return file


def is_at(path: Path, file: io.FileIO) -> bool:
    """Return whether an open file still has this path, rather than the file of another run that took it over."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def write_all(file: io.FileIO, content: bytes) -> None:
    """Write all of ``content``: when a disk is almost full, one write may write a part and raise nothing."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def replace_private(path: Path, content: bytes) -> None:
    """Replace a file, which is never seen half written; if that fails, nothing is left beside it."""
    new = new_path(path)
    try:
        with create_private(new) as file:
            write_all(file, content)
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file for reading; raises :class:`InvalidRows` for a pipe or device, which might block forever."""
    return open(path, "rb", opener=_open_regular)


def _open_regular(name: str, flags: int) -> int:
    descriptor = os.open(name, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidRows(f"{name} is not a regular file; use another path")
    return descriptor


def temporary_path(name: str, ending: str) -> Path:
    """Return a path derived from ``name`` in a directory that only this user can read."""
    user = os.getuid()
    folder = Path(tempfile.gettempdir()) / f"upstash-vector-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != user:
        raise PermissionError(
            f"{folder} is owned by another user or is not a directory; set TMPDIR to another directory"
        )
    if stat.S_IMODE(status.st_mode) != 0o700:
        folder.chmod(0o700)
    return folder / f"{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:24]}.{ending}"
