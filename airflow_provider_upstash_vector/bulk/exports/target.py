"""The folder of an export: its parts, its state and its manifest, on a local disk or in an object store.

A part is complete before it has its name: it is written to this machine's disk first. It counts once the state has
it. Part names have the token of their run, so a run that was taken over replaces nothing.
"""

from __future__ import annotations

import io
import logging
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from airflow_provider_upstash_vector.bulk.errors import Superseded
from airflow_provider_upstash_vector.bulk.exports.state import ExportState
from airflow_provider_upstash_vector.bulk.sources import FindPaths, InvalidRows
from airflow_provider_upstash_vector.bulk.sources.manifest import MANIFEST_NAME, Manifest, read_manifest
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath, local_path
from airflow_provider_upstash_vector.bulk.tracking.local_files import create_private, new_path, replace_private
from airflow_provider_upstash_vector.bulk.tracking.writing import writing

log = logging.getLogger(__name__)

STATE_NAME = "export.state"
_PART = r"vectors-\d{{5,}}-\d{{5,}}-{id}-[0-9a-f]{{8}}\.[a-z.]+"  # ``.new`` included
_COPY_BYTES = 4 * 1024 * 1024


class Target:
    """The folder at a path or URI. Raises :class:`InvalidRows` if it names none."""

    def __init__(self, path: str | os.PathLike[str] | OpenablePath, find_paths: FindPaths) -> None:
        folder: Any = path
        if not isinstance(path, Path) and (isinstance(path, str) or not isinstance(path, OpenablePath)):
            found = find_paths(os.fspath(path)) if os.fspath(path) else ()
            if len(found) != 1:
                raise InvalidRows(f"path must name one folder, got {os.fspath(path)!r}")
            folder = found[0]
        local = local_path(folder)
        self.is_local = local is not None
        self.folder: Any = folder if local is None else local.absolute()

    @property
    def manifest_path(self) -> Any:
        """The path of the manifest."""
        return self.folder / MANIFEST_NAME

    def load(self) -> tuple[ExportState | None, Manifest | None]:
        """Return the state of an unfinished export, and the manifest of a finished one."""
        with writing("export_file", f"{self.folder} cannot be read"):
            manifest = self._read_manifest()
            content = self._read_state()
        state = None if content is None else ExportState.from_json(content)
        if content is not None and state is None:
            log.warning("%s is damaged; the export starts over.", self.folder / STATE_NAME)
        return state, manifest

    def _read_manifest(self) -> Manifest | None:
        path = self.manifest_path
        if not path.exists():
            return None
        manifest = read_manifest(path)
        if manifest is None:
            raise InvalidRows(f"{path} exists, and is not that of an export; export to another path")
        return manifest

    def _read_state(self) -> bytes | None:
        try:
            with (self.folder / STATE_NAME).open("rb") as file:
                content: bytes = file.read()
        except FileNotFoundError:
            return None
        return content

    def take_over(self, state: bytes) -> None:
        """Make a run the newest one, by its first state."""
        with writing("export_file", f"{self.folder} cannot be written"):
            if self.is_local:
                self.folder.mkdir(parents=True, exist_ok=True)
            self._write(STATE_NAME, state)

    def save(self, run: str, state: bytes) -> None:
        """Replace the state. Raises :class:`Superseded` if a newer run has taken over."""
        with writing("export_file", f"the state in {self.folder} cannot be written"):
            self.check_newest(run)
            self._write(STATE_NAME, state)

    def check_parts(self, state: ExportState) -> None:
        """Raise :class:`InvalidRows` if a complete part is not there any more, or has another size."""
        with writing("export_file", f"the parts in {self.folder} cannot be read"):
            for part in (part for namespace in state.namespaces for part in namespace.parts):
                try:
                    size = (self.folder / part.name).stat().st_size
                except FileNotFoundError:
                    size = None
                if size != part.size:
                    raise InvalidRows(
                        f"{self.folder / part.name}, a part of an unfinished export, was changed or deleted: "
                        f"delete {STATE_NAME} beside it to start over"
                    )

    def check_newest(self, run: str) -> None:
        """Raise :class:`Superseded` if a newer run has taken over, or the state was deleted."""
        content = self._read_state()
        saved = None if content is None else ExportState.from_json(content)
        if saved is None or saved.run != run:
            raise Superseded(f"another run exports to {self.folder}, or its {STATE_NAME} was deleted")

    def create(self, name: str) -> PartFile:
        """Return a new file on this machine's disk, to be stored as a part."""
        if not self.is_local:
            return PartFile(name, tempfile.TemporaryFile(), self)
        file = create_private(new_path(self.folder / name))
        return PartFile(name, io.BufferedWriter(file, _COPY_BYTES), self)

    def upload(self, file: BinaryIO, name: str) -> None:
        """Copy a complete file to the folder in an object store."""
        file.seek(0)
        with self._opened(name) as target:
            shutil.copyfileobj(file, target, _COPY_BYTES)

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest, then delete what unfinished runs have left, and last the state."""
        with writing("export_file", f"the manifest {self.manifest_path} cannot be written"):
            self._write(MANIFEST_NAME, manifest.to_json())
        self.clean(manifest)

    def clean(self, manifest: Manifest) -> None:
        """Delete the parts of this export that are not in the manifest, and the state."""
        part = re.compile(_PART.format(id=re.escape(manifest.id)))
        kept = {part.name for namespace in manifest.namespaces for part in namespace.parts}
        try:
            names = [str(path).rstrip("/").rpartition("/")[2] for path in self.folder.iterdir()]
            for name in names:
                if part.fullmatch(name) and name not in kept:
                    (self.folder / name).unlink(missing_ok=True)
            (self.folder / STATE_NAME).unlink(missing_ok=True)
        except Exception as error:  # noqa: BLE001 - an object store's; the export is complete
            log.warning("Not all that is left of unfinished runs in %s could be deleted: %s", self.folder, error)

    def _write(self, name: str, content: bytes) -> None:
        if self.is_local:
            replace_private(self.folder / name, content)
            return
        with self._opened(name) as file:
            file.write(content)

    def _opened(self, name: str) -> Any:
        path = self.folder / name
        try:
            return path.open("wb")
        except FileNotFoundError:  # a store with real folders
            self.folder.mkdir(parents=True, exist_ok=True)
            return path.open("wb")


class PartFile:
    """A part that is being written, to ``file``."""

    def __init__(self, name: str, file: Any, target: Target) -> None:
        self.name = name
        self.file: BinaryIO = file
        self._target = target

    def store(self) -> int:
        """Give the complete part its name in the folder; return its size in bytes."""
        with self.file as file:
            file.flush()
            size = file.tell()
            if not self._target.is_local:
                self._target.upload(file, self.name)
                return size
            os.fsync(file.fileno())
        path = self._target.folder / self.name
        new_path(path).replace(path)
        return size

    def discard(self) -> None:
        """Delete the part."""
        with suppress(OSError):
            self.file.close()
        if self._target.is_local:
            with suppress(OSError):
                new_path(self._target.folder / self.name).unlink()
