"""Failed and rejected rows, written as JSON Lines that can be the ``rows`` of another run.

A line is the row as it was given, with one field more, ``failure``, that says what happened and where the row
was; a run that reads it leaves that field out. Lines are on disk before their rows count as settled.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from airflow_provider_upstash_vector.bulk.sources import FAILURE_FIELD, Unreadable
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath, is_local
from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    ConnectFailed,
    InvalidUpdate,
    MalformedAnswer,
    TransportError,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.models import VectorUpdate

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE


class FailuresFile:
    """The file of failures. One in an object store is kept here and copied there when the run ends."""

    def __init__(self, path: OpenablePath, is_settled: Callable[[int], bool] | None) -> None:
        """Begin anew, or where ``is_settled`` is given go on after the lines of settled rows."""
        self._path = path
        self._local = path if isinstance(path, Path) else _working_copy(path)
        self._local.parent.mkdir(parents=True, exist_ok=True)
        if is_settled is None:
            self._local.write_bytes(b"")
        else:
            _keep_settled(self._local, is_settled)
        self._file: BinaryIO = self._local.open("ab", buffering=0)

    def write(self, line: bytes) -> None:
        """Write one line of :func:`failure_line`."""
        self._file.write(line)

    def close(self) -> None:
        """Close the file; one in an object store is copied there."""
        self._file.close()
        if not is_local(self._path):
            with self._local.open("rb") as local, self._path.open("wb") as remote:
                shutil.copyfileobj(local, remote)
            self._local.unlink()


def _working_copy(path: OpenablePath) -> Path:
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"upstash-vector-failures-{digest}.jsonl"


def _keep_settled(path: Path, is_settled: Callable[[int], bool]) -> None:
    """Leave out the lines of rows that will be sent again, and one that was not written to its end."""
    if not path.exists():
        path.write_bytes(b"")
        return
    kept = path.with_name(f"{path.name}.kept")
    with path.open("rb") as lines, kept.open("wb") as out:
        for line in lines:
            try:
                number = orjson.loads(line)[FAILURE_FIELD]["row"]
            except (ValueError, TypeError, KeyError):
                continue
            if is_settled(number):
                out.write(line)
    kept.replace(path)


def failure_line(
    value: object, error: UpstashVectorError, *, number: int, file: str | None, place: int | str | None
) -> bytes:
    """Return a line for a row that was rejected, or failed with ``error``."""
    failure: dict[str, Any] = {"row": number, **describe(error)}
    if file is not None:
        failure["file"] = file
    if place is not None:
        failure["place" if isinstance(place, str) else "line"] = place
    return orjson.dumps({**_fields(value), FAILURE_FIELD: failure}, default=repr, option=_OPTIONS)


def describe(error: UpstashVectorError) -> dict[str, Any]:
    """Return what an error says as JSON values, and whether the update may have been carried out."""
    if isinstance(error, InvalidUpdate):
        return {"outcome": "rejected", "field": error.field, "reason": error.reason}
    told: dict[str, Any] = {"outcome": "failed", "reason": error.message, "attempts": error.attempts}
    if isinstance(error, ApiError):
        told["status"] = error.status
    unknown = isinstance(error, TransportError) and not isinstance(error, ConnectFailed)
    told["may_have_landed"] = unknown or isinstance(error, MalformedAnswer) or told.get("status", 0) >= 500
    return told


def _fields(value: object) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return {str(name): part for name, part in value.items() if name != FAILURE_FIELD}
    if isinstance(value, VectorUpdate):
        return value.model_dump(exclude_none=True)
    return {"raw": value.text if isinstance(value, Unreadable) else repr(value)[:200]}
