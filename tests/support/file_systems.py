"""What the installed universal-pathlib can open."""

from __future__ import annotations

from importlib.metadata import version

# "simplecache::file://…", a remote file system with files on this disk; before 0.3 it has no chains
HAS_CHAINS = version("universal-pathlib") >= "0.3"
