"""Folders that Spark and Hadoop write: the parts of one table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath

_PART = re.compile(r"part-(?:[mr]-)?(\d+)?.*", re.DOTALL)


def is_folder(path: OpenablePath) -> bool:
    """Return whether a path is a folder; that of an object store is asked."""
    return bool(getattr(path, "is_dir", lambda: False)())


def is_table(path: OpenablePath) -> bool:
    """Return whether a path is a folder with a file or folder that the jobs of Spark leave there."""
    folder: Any = path
    return is_folder(path) and any((folder / name).exists() for name in ("_SUCCESS", "_temporary"))


def parts_of(folder: Any) -> list[OpenablePath]:
    """Return the ``part-*`` files of a folder, in the order of their numbers.

    Raises :class:`InvalidRows` if the folder is not complete, or has no such files.
    """
    by_name = {str(path).rstrip("/").rpartition("/")[2]: path for path in folder.iterdir()}
    if "_temporary" in by_name:
        raise InvalidRows(
            f"{folder} has a folder _temporary: its job still runs, or has failed. Wait for it, or run it again"
        )
    if "_SUCCESS" not in by_name:
        raise InvalidRows(
            f"{folder} is a folder without the file _SUCCESS, which Spark writes last. Wait for its job, or for "
            f"files of another origin, pass a glob such as {folder}/*.parquet"
        )
    numbered = [(_number(name), name, path) for name, path in by_name.items() if _PART.fullmatch(name)]
    if not numbered:
        raise InvalidRows(f"{folder} has no part-* files; for those of its folders, pass {folder}/*/part-*")
    return [cast("OpenablePath", path) for _, _, path in sorted(numbered, key=lambda part: part[:2])]


def _number(name: str) -> int:
    found = _PART.fullmatch(name)
    return int(found[1]) if found and found[1] else -1
