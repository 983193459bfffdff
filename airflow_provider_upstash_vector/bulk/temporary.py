"""Files on this machine that belong to something elsewhere, and that the next run is to find again."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path


def temporary_path(name: str, ending: str) -> Path:
    """Return the path that ``name`` has in a folder that only this user reads; the same each time."""
    user = os.getuid()
    folder = Path(tempfile.gettempdir()) / f"upstash-vector-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != user:
        raise PermissionError(f"{folder} is somebody else's")
    if stat.S_IMODE(status.st_mode) != 0o700:
        folder.chmod(0o700)
    return folder / f"{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:24]}.{ending}"
