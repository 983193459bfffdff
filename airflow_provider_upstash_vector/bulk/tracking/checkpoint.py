"""How far a run has come, kept so that another goes on from there.

A checkpoint is a watermark with the counts of the rows below it, the outcomes of the rows settled above it, a
fingerprint of the input and a digest of the rows read: an input that has changed is started over.
"""

from __future__ import annotations

import base64
import io
import os
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import orjson

from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.bulk.sources.own_files import OwnFile
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath, local_path
from airflow_provider_upstash_vector.bulk.tracking.local_files import (
    create_private,
    new_path,
    open_regular,
    temporary_path,
)
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker

VERSION = 2
# how a saved checkpoint begins
_BEGINNING = re.compile(rb'\{\s*"fingerprint"\s*:')
_BEGINNING_BYTES = 64


@runtime_checkable
class CheckpointStore(Protocol):
    """Where a checkpoint is kept: a small JSON object."""

    journal_path: Path

    def load(self) -> Mapping[str, Any] | None:
        """Return the checkpoint, or ``None``."""

    def save(self, state: dict[str, Any]) -> None:
        """Keep the checkpoint in place of the one before."""

    def clear(self) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The state of a run."""

    fingerprint: str
    watermark: int = 0
    below: tuple[int, ...] = (0, 0, 0, 0)
    above: dict[int, Outcome] = field(default_factory=dict)
    read: int = 0  # rows, of which ``digest`` is the digest
    digest: str = ""
    journal: str = ""
    retries: int = 0
    bytes_sent: int = 0
    seconds: float = 0.0
    throttled_seconds: float = 0.0
    budget_day: int = 0
    budget_spent: int = 0
    namespaces: dict[str, int] = field(default_factory=dict)
    unknown_namespace_rows: int = 0  # of the rows in namespaces, those that are counted in one by a guess

    def to_json(self) -> dict[str, Any]:
        """Return the state as a JSON object: a few hundred bytes, and some for each row settled above."""
        plain = {name: getattr(self, name) for name in _KINDS}
        apart = {"below": [*self.below], "above": self._packed_above(), "namespaces": self.namespaces}
        return {**plain, "version": VERSION, **apart}

    def _packed_above(self) -> str:
        if not self.above:
            return ""
        codes = bytearray(max(self.above) - self.watermark + 1)
        for number, outcome in self.above.items():
            codes[number - self.watermark] = outcome
        return base64.b64encode(zlib.compress(bytes(codes))).decode()

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Checkpoint | None:
        """Return the state of a JSON object; ``None`` where it is none of this version."""
        if not isinstance(state, Mapping) or state.get("version") != VERSION:
            return None
        try:
            values = {name: _checked(state[name], kind) for name, kind in _KINDS.items()}
            below = tuple(_checked(count, "int") for count in state["below"])
            packed = zlib.decompress(base64.b64decode(state["above"])) if state["above"] else b""
            above = {values["watermark"] + place: Outcome(code) for place, code in enumerate(packed) if code}
            OutcomeTracker(values["watermark"], below, above)
            namespaces = {
                _checked(name, "str"): _checked(rows, "int") for name, rows in dict(state["namespaces"]).items()
            }
        except (KeyError, TypeError, ValueError, zlib.error):
            return None
        return cls(**values, below=below, above=above, namespaces=namespaces)


_APART = {"above", "below", "namespaces"}
# the fields that are JSON values themselves, and their types
_KINDS = {one.name: str(one.type) for one in fields(Checkpoint) if one.name not in _APART}


def _checked(value: Any, kind: str) -> Any:
    allowed = {"str": (str,), "int": (int,), "float": (int, float)}[kind]
    if type(value) not in allowed:
        raise TypeError(f"{value!r} is no {kind}")
    return value


class FileCheckpoint:
    """A checkpoint in a file, replaced as a whole each time it is saved; a local one has its journal beside it.

    Both are readable by this user only. A symbolic link at the path is replaced by the file: what it leads to is
    read, and never written.
    """

    def __init__(self, path: OpenablePath) -> None:
        local = local_path(path)
        self.path: Any = local or path
        self.journal_path = local.with_name(f"{local.name}.journal") if local else temporary_journal(str(path))

    def check(self) -> None:
        """Raise :class:`InvalidRows` if what is there is not a checkpoint: it would be overwritten."""
        try:
            with self._open() as file:
                beginning = file.read(_BEGINNING_BYTES)
        except FileNotFoundError:
            return
        if beginning.strip() and not _BEGINNING.match(beginning):
            raise InvalidRows(
                f"{self.path} exists and is not a checkpoint; delete it, or give checkpoint another path"
            )

    def _open(self) -> Any:
        return open_regular(self.path) if isinstance(self.path, Path) else self.path.open("rb")

    def load(self) -> Mapping[str, Any] | None:
        """Return the checkpoint, an empty one where the file is no JSON object, ``None`` where there is none."""
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
        if not isinstance(self.path, Path):
            with self.path.open("wb") as file:
                file.write(content)
            return
        new = new_path(self.path)
        with io.BufferedWriter(create_private(new)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)

    def clear(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def temporary_journal(name: str) -> Path:
    """Return a path on this machine for the journal of a checkpoint that is kept elsewhere."""
    return temporary_path(name, "journal")


def written_for(store: CheckpointStore) -> list[OwnFile]:
    """Return the files that a run writes for its checkpoint."""
    beside = [store.journal_path, new_path(store.journal_path)]
    named = [store.path] if isinstance(store, FileCheckpoint) else []
    beside += [new_path(path) for path in named if isinstance(path, Path)]
    return [
        *(OwnFile("checkpoint", path) for path in named),
        *(OwnFile("checkpoint", path, named=False) for path in beside),
    ]
