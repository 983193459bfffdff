"""Paths, URIs and globs turned into files; a caller brings what opens URIs of object stores."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import unquote, urlsplit

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows


@runtime_checkable
class OpenablePath(Protocol):
    """The part of ``pathlib.Path`` that is used; Airflow's ``ObjectStoragePath`` has it too."""

    def open(self, mode: str) -> Any:
        """Open the file."""

    def stat(self) -> Any:
        """Return ``st_size`` and ``st_mtime``."""


# Turns a URI, which may be a glob, into the paths that it names.
FindPaths = Callable[[str], Sequence[OpenablePath]]


def local_paths(uri: str) -> Sequence[OpenablePath]:
    """Return the local file of a path or ``file://`` URI, or those that its wildcards match, in order of name."""
    parts = urlsplit(uri)
    if "://" in uri and parts.scheme != "file":
        raise InvalidRows(f"{uri!r}: only Airflow reads {parts.scheme}:// (use the hook or the operator)")
    path = unquote(parts.path) if "://" in uri else uri
    if not glob.has_magic(path) or Path(path).exists():
        return [Path(path)]
    return [Path(name) for name in sorted(glob.glob(path, recursive=True))]  # noqa: PTH207 - takes absolute ones


def is_local(path: OpenablePath) -> bool:
    """Tell whether reading a path waits for no network."""
    return isinstance(path, Path)


def found_files(rows: object, find: FindPaths) -> list[OpenablePath]:
    """Return the files of a path, a URI, a glob, or several; raises :class:`InvalidRows` where there are none."""
    given: Iterable[object] = rows if isinstance(rows, list | tuple) else [rows]
    files: list[OpenablePath] = []
    for one in given:
        found = find(one) if isinstance(one, str) else [one] if isinstance(one, OpenablePath) else []
        if not found:
            raise InvalidRows(f"no file matches {one!r}")
        files.extend(found)
    return files


def are_paths(rows: object) -> bool:
    """Tell whether ``rows`` names files rather than being rows itself."""
    if isinstance(rows, list | tuple):
        return bool(rows) and all(isinstance(one, str | OpenablePath) for one in rows)
    return isinstance(rows, str | OpenablePath)
