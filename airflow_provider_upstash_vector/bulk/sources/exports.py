"""The rows of an export: those of its parts, which must be as its manifest says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_provider_upstash_vector.bulk.sources.base import (
    PENDING,
    InvalidRows,
    Pending,
    Shard,
    SourceRow,
)
from airflow_provider_upstash_vector.bulk.sources.field_names import Fields
from airflow_provider_upstash_vector.bulk.sources.files import FileRows
from airflow_provider_upstash_vector.bulk.sources.manifest import Manifest
from airflow_provider_upstash_vector.bulk.sources.own_files import OwnFiles
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath, stat_of
from airflow_provider_upstash_vector.plurals import plural


class ExportRows(FileRows):
    """The rows of all namespaces of an export, in the order of its ``manifest``."""

    def __init__(
        self,
        path: OpenablePath,
        manifest: Manifest,
        names: Fields,
        shard: Shard | None,
        own: OwnFiles | None = None,
    ) -> None:
        folder = _folder(path)
        parts = [part for namespace in manifest.namespaces for part in namespace.parts]
        paths: list[OpenablePath] = [folder / part.name for part in parts]
        for part, file in zip(parts, paths, strict=True):
            size = stat_of(file).st_size
            if size != part.size:
                sizes = f"{plural(size or 0, 'byte')}, and {part.size:,} in the manifest"
                raise InvalidRows(f"{file} is not the part of the export that it was: it has {sizes}")
        super().__init__(own.inputs(paths, None) if own and paths else paths, names, shard)
        self.manifest = manifest
        if shard is None:
            self.total = sum(part.rows for part in parts)

    def rows(self, skip: int) -> Iterator[SourceRow | Pending]:
        """Yield the rows after the first ``skip``. Raises :class:`InvalidRows` if the manifest counts others."""
        number = skip
        for row in super().rows(skip):
            number += row is not PENDING
            yield row
        if self._shard is None and number != self.total:
            reason = f"the parts of the export have {plural(number, 'row')}, and the manifest says {self.total:,}"
            raise InvalidRows(f"{reason}: a part was changed; restore another export")


def _folder(path: Any) -> Any:
    return path.parent
