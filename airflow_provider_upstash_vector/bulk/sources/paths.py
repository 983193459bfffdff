"""Paths, URIs and globs resolved to files; the caller provides what opens URIs of object stores."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable
from urllib.parse import unquote

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows
from airflow_provider_upstash_vector.bulk.sources.folders import is_folder, is_table, parts_of
from airflow_provider_upstash_vector.bulk.sources.streams import RawFile

if TYPE_CHECKING:
    from typing import TypeGuard

    from airflow_provider_upstash_vector.bulk.sources.own_files import OwnFiles


@runtime_checkable
class OpenablePath(Protocol):
    """The part of ``pathlib.Path`` that is used; Airflow's ``ObjectStoragePath`` has it too."""

    def open(self, mode: str) -> Any:
        """Open the file."""

    def stat(self) -> Any:
        """Return ``st_size`` and ``st_mtime``."""


# Resolves a URI, which may be a glob, to paths.
FindPaths = Callable[[str], Sequence[OpenablePath]]


def local_paths(uri: str) -> Sequence[OpenablePath]:
    """Return the local file of a path or ``file://`` URI, or what its wildcards match, in order of name.

    Of folders these are the ones that Spark wrote, unless ``**`` matches what is in them.
    """
    path = _local_path(uri)
    if not glob.has_magic(path) or Path(path).exists():
        return [Path(path)]
    found = map(Path, sorted(glob.glob(path, recursive=True)))  # noqa: PTH207 - takes absolute ones
    return [one for one in found if not one.is_dir() or ("**" not in path and is_table(one))]


def _local_path(uri: str) -> str:
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return uri
    if scheme.lower() != "file":
        raise InvalidRows(f"{uri!r}: only Airflow reads {scheme}:// (use the hook or the operator)")
    host, slash, path = rest.partition("/")
    if host not in {"", "localhost"}:
        raise InvalidRows(f"{uri!r}: a file:// URI of a local file has three slashes")
    return unquote(slash + path)


def is_local(path: OpenablePath) -> TypeGuard[Path]:
    """Return whether a path is on a local disk; before 0.3 all paths of universal-pathlib are ``Path``."""
    return isinstance(path, type(Path()))


def is_stream(path: OpenablePath) -> bool:
    """Return whether a path is a pipe, a terminal or another device, which may block and can be read once."""
    return is_local(path) and path.exists() and not path.is_file() and not path.is_dir()


def local_path(path: Any) -> Path | None:
    """Return the path on this machine's disk that a path of any library names, or ``None``."""
    if is_local(path):
        return path
    scheme = getattr(path, "protocol", "" if isinstance(path, Path) else None)
    return Path(getattr(path, "path", path)) if scheme in {"", "file", "local"} else None


def stat_of(path: OpenablePath) -> Any:
    """Return ``st_size`` and ``st_mtime``; raises :class:`InvalidRows` if there is no such file."""
    try:
        return path.stat()
    except FileNotFoundError:
        raise InvalidRows(f"there is no file {path}") from None


@contextmanager
def opened(path: OpenablePath) -> Iterator[RawFile]:
    """Open a file to read it; raises :class:`InvalidRows` if there is none."""
    try:
        # a buffer of its own would wait until it is full
        opening = path.open("rb", 0) if is_local(path) and is_stream(path) else path.open("rb")
    except FileNotFoundError:
        raise InvalidRows("there is no such file") from None
    except IsADirectoryError:
        raise InvalidRows("it is a directory, not a file") from None
    with opening as file:
        yield RawFile(file)


def found_files(rows: object, find: FindPaths, own: OwnFiles | None = None) -> list[OpenablePath]:
    """Return the files of a path, a URI, a glob, a Spark folder, or several, without those that the run writes.

    Raises :class:`InvalidRows` if there are none, or if one of its own is named.
    """
    given: Iterable[object] = rows if isinstance(rows, list | tuple) else [rows]
    files: list[OpenablePath] = []
    for one in given:
        text = None if isinstance(one, OpenablePath) else os.fspath(cast("str", one))
        found = [cast("OpenablePath", one)] if text is None else find(text)
        if not found:
            raise InvalidRows(f"no file matches {one!r}")
        pattern = text if text is not None and (glob.has_magic(text) or len(found) > 1) else None
        inputs = own.inputs(found, pattern) if own else found
        for path in inputs:
            # an object store is not asked about each match of a glob: those are files
            files.extend(_parts(path, own) if (pattern is None or is_local(path)) and is_folder(path) else [path])
    return files


def _parts(folder: OpenablePath, own: OwnFiles | None) -> Sequence[OpenablePath]:
    return own.inputs(parts_of(folder), str(folder)) if own else parts_of(folder)


def are_paths(rows: object) -> bool:
    """Return whether ``rows`` names files rather than being rows itself."""
    if isinstance(rows, list | tuple):
        return bool(rows) and all(map(_is_path, rows))
    return _is_path(rows)


def _is_path(one: object) -> bool:
    return isinstance(one, str | os.PathLike | OpenablePath)
