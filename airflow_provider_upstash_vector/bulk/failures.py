"""Failed and rejected rows, written as JSON Lines that can be the ``rows`` of another run.

A line is the row as it was given, with one field more, ``failure``, that says what happened and where the row
was; a run that reads it leaves that field out. Of a field that JSON cannot hold exactly, such as NaN or a set, the
line has a list with its ``repr``, which no field takes: such a row is refused again rather than sent as something
else. A line is written before its row counts as settled.
"""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from airflow_provider_upstash_vector.bulk.sources import FAILURE_FIELD, Unreadable
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath
from airflow_provider_upstash_vector.bulk.temporary import temporary_path
from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    ConnectFailed,
    InvalidUpdate,
    MalformedAnswer,
    NotFound,
    TransportError,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.models import VectorUpdate

log = logging.getLogger(__name__)

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_PASSTHROUGH_DATACLASS
_SHOWN_CHARS = 200


class FailuresFile:
    """The file of failures. One in an object store is kept here and copied there when the run ends."""

    def __init__(self, path: OpenablePath, is_settled: Callable[[int], bool] | None) -> None:
        """Begin anew, or where ``is_settled`` is given go on after the lines of settled rows."""
        self._path: Any = path
        self._local = path if isinstance(path, Path) else temporary_path(str(path), "failures.jsonl")
        self._remote = self._local is not path
        self._local.parent.mkdir(parents=True, exist_ok=True)
        new = self._local.with_name(f"{self._local.name}.new")
        with new.open("wb") as out:
            if is_settled is not None:
                out.writelines(_settled_lines(self._written_before(), is_settled))
        new.replace(self._local)
        self._file = self._local.open("ab", buffering=0)

    def _written_before(self) -> Iterable[bytes]:
        """Yield the lines of runs before: one that ended has copied them to their place, one that died has not."""
        for path in [self._path, self._local] if self._remote else [self._local]:
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            with file:
                yield from file

    def write(self, line: bytes) -> None:
        """Write one line of :func:`failure_line`."""
        if self._file.write(line) != len(line):
            raise OSError(f"{self._local}: a line was only written in part; the disk may be full")

    def close(self) -> None:
        """Close the file; one in an object store is copied there."""
        self._file.close()
        if self._remote:
            try:
                with self._local.open("rb") as local, self._path.open("wb") as remote:
                    shutil.copyfileobj(local, remote)
            except Exception:
                log.error("The failures could not be written to %s; they are in %s.", self._path, self._local)  # noqa: TRY400 - it is raised
                raise
            self._local.unlink()


def _settled_lines(lines: Iterable[bytes], is_settled: Callable[[int], bool]) -> Iterable[bytes]:
    """Yield one line for each settled row: others will be sent again; of a half-written one nothing is known."""
    seen: set[int] = set()
    for line in lines:
        try:
            number = orjson.loads(line)[FAILURE_FIELD]["row"]
        except (ValueError, TypeError, KeyError):
            continue
        if type(number) is int and number not in seen and line.endswith(b"\n") and is_settled(number):
            seen.add(number)
            yield line


def failure_line(
    value: object, error: UpstashVectorError, *, number: int, file: str | None, place: int | str | None
) -> bytes:
    """Return a line for a row that was rejected, or failed with ``error``."""
    failure: dict[str, Any] = {"row": number, **describe(error)}
    if file is not None:
        failure["file"] = file
    if place is not None:
        failure["place" if isinstance(place, str) else "line"] = place
    members = {_text(name): _json(part) for name, part in _fields(value).items() if name != FAILURE_FIELD}
    told = {name: _text(part) if isinstance(part, str) else part for name, part in failure.items()}
    line: bytes = orjson.dumps({**members, FAILURE_FIELD: told}, option=orjson.OPT_APPEND_NEWLINE)
    return line


def describe(error: UpstashVectorError) -> dict[str, Any]:
    """Return what an error says as JSON values, and whether the update may have been carried out."""
    if isinstance(error, InvalidUpdate):
        return {"outcome": "rejected", "field": error.field, "reason": error.reason}
    if isinstance(error, NotFound) and error.status == 200:
        return {"outcome": "missing", "reason": error.server_message}
    told: dict[str, Any] = {"outcome": "failed", "reason": error.message, "attempts": error.attempts}
    if isinstance(error, ApiError):
        told["status"] = error.status
    unknown = isinstance(error, TransportError) and not isinstance(error, ConnectFailed)
    told["may_have_landed"] = unknown or isinstance(error, MalformedAnswer) or told.get("status", 0) >= 500
    return told


def _fields(value: object) -> Mapping[Any, Any]:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, VectorUpdate):
        return value.wire_fields()
    return {"raw": value.text if isinstance(value, Unreadable) else _shown(value)}


def _json(value: object) -> orjson.Fragment:
    """Return a field as JSON, or where that would change it a list with its ``repr``."""
    try:
        if not getattr(getattr(value, "dtype", None), "isnative", True):  # orjson has no answer to other bytes
            value = _plain(value)
        encoded = orjson.dumps(value, default=_plain, option=_OPTIONS)
        if b"null" in encoded and not _all_finite(value):  # orjson writes NaN as null
            raise ValueError
    except Exception:  # noqa: BLE001 - conversions are the row's own code
        encoded = orjson.dumps([_shown(value)])
    return orjson.Fragment(encoded)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return value.tolist()  # tensors, and arrays that orjson does not know; of any other it is an error


def _all_finite(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_all_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_all_finite, value))
    if hasattr(value, "tolist"):
        return _all_finite(value.tolist())
    return not isinstance(value, float) or math.isfinite(value)


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - somebody's __repr__
        text = f"<{type(value).__name__}>"
    return _text(text[:_SHOWN_CHARS])


def _text(value: object) -> str:
    """Return text that UTF-8 can carry."""
    text = str.__str__(value) if isinstance(value, str) else _shown(value)
    return text.encode(errors="backslashreplace").decode()
