"""Checkpoints: the state that a later run resumes from, and the stores that keep it.

A checkpoint is a watermark with the counts of the rows below it, the outcomes of the rows completed above it, a
fingerprint of the input and a digest of the rows read: if the input has changed, the run starts over.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import orjson

from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.bulk.sources.own_files import OwnFile
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath, is_local, local_path
from airflow_provider_upstash_vector.bulk.tracking.local_files import (
    beside,
    new_path,
    open_regular,
    replace_private,
    temporary_path,
)
from airflow_provider_upstash_vector.bulk.tracking.lock import CheckpointLock, lock_path
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker

VERSION = 3
_PREFIX = re.compile(rb'\{\s*"fingerprint"\s*:')
_PREFIX_BYTES = 64


@runtime_checkable
class CheckpointStore(Protocol):
    """A store that keeps one checkpoint, a small JSON object."""

    journal_path: Path

    def load(self) -> Mapping[str, Any] | None:
        """Return the checkpoint, or ``None``."""

    def save(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint."""

    def clear(self) -> None:
        """Delete the checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The state of a run."""

    fingerprint: str
    watermark: int = 0
    counts_below_watermark: tuple[int, ...] = (0, 0, 0, 0)
    outcomes_above_watermark: dict[int, Outcome] = field(default_factory=dict)
    read: int = 0  # number of rows that ``digest`` covers
    digest: str = ""
    journal: str = ""
    run: str = ""  # the token of the run that saved it
    finished: int = 0  # 1 if all rows are completed, and the checkpoint is kept for the caller
    index: str = ""  # what identifies the index beside its URL
    found_empty: int = 0  # 1 if the namespaces of the rows were empty before the first one was sent
    completed_at: float = 0.0  # when the last row was completed, seconds since 1970
    retries: int = 0
    bytes_sent: int = 0
    reads: int = 0  # requests that read, of all runs
    seconds: float = 0.0
    throttled_seconds: float = 0.0
    namespaces: dict[str, int] = field(default_factory=dict)
    unknown_namespace_rows: int = 0  # rows in ``namespaces`` whose namespace is a guess
    position: str = ""  # of the page that begins at the watermark; empty if rows are not read in pages

    def to_json(self) -> dict[str, Any]:
        """Return the state as a JSON object: a few hundred bytes, and some per row above the watermark."""
        return {
            **{name: getattr(self, name) for name in _PLAIN_FIELDS},
            "version": VERSION,
            "counts_below_watermark": [*self.counts_below_watermark],
            "outcomes_above_watermark": self._packed_outcomes(),
            "namespaces": self.namespaces,
        }

    def _packed_outcomes(self) -> str:
        if not self.outcomes_above_watermark:
            return ""
        codes = bytearray(max(self.outcomes_above_watermark) - self.watermark + 1)
        for number, outcome in self.outcomes_above_watermark.items():
            codes[number - self.watermark] = outcome
        return base64.b64encode(zlib.compress(bytes(codes))).decode()

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Checkpoint | None:
        """Return the state in a JSON object; ``None`` if the version does not match or a value is invalid."""
        if not isinstance(state, Mapping) or state.get("version") != VERSION:
            return None
        try:
            state = {**_LATER_FIELDS, **state}
            values = {name: _checked(state[name], kind) for name, kind in _PLAIN_FIELDS.items()}
            below = tuple(_checked(count, "int") for count in state["counts_below_watermark"])
            packed = state["outcomes_above_watermark"]
            codes = zlib.decompress(base64.b64decode(packed)) if packed else b""
            above = {values["watermark"] + offset: Outcome(code) for offset, code in enumerate(codes) if code}
            OutcomeTracker(values["watermark"], below, above)
            namespaces = {
                _checked(name, "str"): _checked(rows, "int") for name, rows in dict(state["namespaces"]).items()
            }
        except (KeyError, TypeError, ValueError, zlib.error):
            return None
        return cls(**values, counts_below_watermark=below, outcomes_above_watermark=above, namespaces=namespaces)


_CONVERTED = {"outcomes_above_watermark", "counts_below_watermark", "namespaces"}
# the types of the fields that are stored as they are
_PLAIN_FIELDS = {field.name: str(field.type) for field in fields(Checkpoint) if field.name not in _CONVERTED}
# those that a checkpoint of this version may lack
_LATER_FIELDS: dict[str, Any] = {
    "run": "",
    "finished": 0,
    "index": "",
    "found_empty": 0,
    "completed_at": 0.0,
    "position": "",
    "reads": 0,
}


def _checked(value: Any, kind: str) -> Any:
    allowed = {"str": (str,), "int": (int,), "float": (int, float)}[kind]
    if type(value) not in allowed:
        raise TypeError(f"{value!r} is not {kind}")
    return value


class FileCheckpoint:
    """A checkpoint in a file, replaced as a whole each time it is saved; a local one has its journal beside it.

    The rows of the day are in ``<path>.budget``, which also outlasts a completed run. All are readable by this
    user only. A symbolic link at a path is replaced by the file: its target is read, and never written.

    :param path: the file.
    :param owner: whose runs take over from one another instead of being refused: the task instance.
    """

    def __init__(self, path: OpenablePath, owner: str = "") -> None:
        local = local_path(path)
        self.path: Any = local or path
        self._owner = owner
        self.budget_path: Any = beside(self.path, "budget")
        self.journal_path = beside(local, "journal") if local else temporary_journal(str(path))

    def check(self) -> None:
        """Raise :class:`InvalidRows` rather than overwrite a file that is not a checkpoint."""
        try:
            with self._open() as file:
                prefix = file.read(_PREFIX_BYTES)
        except FileNotFoundError:
            return
        if prefix.strip() and not _PREFIX.match(prefix):
            raise InvalidRows(
                f"{self.path} exists and is not a checkpoint; delete it, or set checkpoint to another path"
            )

    def lock(self) -> CheckpointLock | None:
        """Return the lock of one run, to be acquired; ``None`` in an object store, which has none."""
        return CheckpointLock(self.path, self._owner) if is_local(self.path) else None

    def __str__(self) -> str:
        return str(self.path)

    def _open(self) -> Any:
        return open_regular(self.path) if is_local(self.path) else self.path.open("rb")

    def load(self) -> Mapping[str, Any] | None:
        """Return the checkpoint, an empty one if the file is not a JSON object, ``None`` if there is no file."""
        try:
            with self._open() as file:
                content = file.read()
        except FileNotFoundError:
            return None
        try:
            state = orjson.loads(content)
        except orjson.JSONDecodeError:
            return {}
        return state if isinstance(state, dict) else {}

    def save(self, state: dict[str, Any]) -> None:
        """Write the checkpoint; a local file is never seen half written."""
        content = orjson.dumps(state, option=orjson.OPT_INDENT_2)
        try:
            _replace(self.path, content)
        except (FileExistsError, FileNotFoundError):  # a run that is being superseded saved at the same time
            _replace(self.path, content)

    def clear(self) -> None:
        """Delete the file; that of the budget stays."""
        self.path.unlink(missing_ok=True)

    def load_budget(self) -> Mapping[str, Any] | None:
        """Return what was saved last. Raises :class:`InvalidRows` for a file that is not a budget's."""
        path = self.budget_path
        try:
            with open_regular(path) if is_local(path) else path.open("rb") as file:
                record = orjson.loads(file.read())
        except FileNotFoundError:
            return None
        except orjson.JSONDecodeError:
            record = None
        if not isinstance(record, dict):
            raise InvalidRows(
                f"{path} exists and is not a daily budget; delete it, or set checkpoint to another path"
            )
        return record

    def save_budget(self, record: dict[str, Any]) -> None:
        """Write the requests of the day."""
        _replace(self.budget_path, orjson.dumps(record))


def _replace(path: Any, content: bytes) -> None:
    if is_local(path):
        replace_private(path, content)
        return
    with path.open("wb") as file:
        file.write(content)


def temporary_journal(name: str) -> Path:
    """Return a path on this machine for the journal of a checkpoint that is kept elsewhere."""
    return temporary_path(name, "journal")


def own_files(store: CheckpointStore) -> list[OwnFile]:
    """Return the files that a run writes for its checkpoint."""
    beside = [store.journal_path, new_path(store.journal_path)]
    named = [store.path] if isinstance(store, FileCheckpoint) else []
    if isinstance(store, FileCheckpoint):
        beside.append(store.budget_path)
        local = [path for path in (store.path, store.budget_path) if is_local(path)]
        beside += [*map(new_path, local), *map(lock_path, local[:1])]
    return [
        *(OwnFile("checkpoint", path) for path in named),
        *(OwnFile("checkpoint", path, named=False) for path in beside),
    ]
