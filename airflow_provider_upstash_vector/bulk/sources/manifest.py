"""The manifest of an export: what its parts hold, and where they are, relative to it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from os import PathLike, fspath
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, TypeAdapter, ValidationError

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath, is_stream, opened
from airflow_provider_upstash_vector.client.models import IndexInfo

MANIFEST_NAME = "manifest.json"
_MARK = re.compile(rb'\s*\{\s*"upstash_vector_export"\s*:')
_MARK_BYTES = 64
_PART_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def _part_name(name: str) -> str:
    """Return the name of a file beside the manifest: no folder, no scheme, neither ``.`` nor ``..``."""
    if not _PART_NAME.fullmatch(name):
        raise ValueError(f"{name[:60]!r} is not the name of a file beside the manifest")
    return name


@dataclass(frozen=True, slots=True)
class Part:
    """A file of an export."""

    name: Annotated[str, AfterValidator(_part_name)]
    rows: int
    size: int  # in bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedNamespace:
    """The rows of a namespace, which ``changed_meanwhile`` if the counts of the index did or differ from them."""

    namespace: str
    rows: int
    changed_meanwhile: bool
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an export holds, and of which index. ``upstash_vector_export`` is the version of the manifest.

    ``size`` is that of the parts in bytes. ``operations`` are the billed ones: vectors written, requests that
    read. Times are ISO 8601, in UTC. ``fingerprint`` is of the index and the options that decide what is exported.
    """

    upstash_vector_export: Literal[1] = 1
    id: str
    index: str
    index_type: str
    dimension: int
    similarity_function: str
    dense_model: str
    sparse_model: str
    provider_version: str
    format: str
    include: tuple[str, ...]
    prefix: str | None
    started_at: str
    finished_at: str
    rows: int
    size: int
    changed_meanwhile: bool
    operations: dict[str, int]
    owner: str = ""
    fingerprint: str = ""
    namespaces: tuple[ExportedNamespace, ...] = field(default=())

    @property
    def names(self) -> list[str]:
        """The namespaces."""
        return [item.namespace for item in self.namespaces]

    def to_json(self) -> bytes:
        """Return the content of the file."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2)

    def check_index(self, index: IndexInfo) -> None:
        """Raise :class:`InvalidRows` if the vectors do not fit an index."""
        exported = f"{self.index_type} {self.dimension} {self.similarity_function}"
        if exported != index.identity:
            raise InvalidRows(
                f"the export is of an index of type, dimension and similarity {exported}, and this index is "
                f"{index.identity}: restore it into one like that it was made of"
            )


_MANIFEST = TypeAdapter(Manifest)


def is_manifest(rows: object) -> bool:
    """Return whether rows are a path that an export's manifest has, as far as that is known without reading it."""
    return isinstance(rows, str | PathLike) and fspath(rows).endswith(f"/{MANIFEST_NAME}")


def read_manifest(path: OpenablePath) -> Manifest | None:
    """Return the manifest in a file, or ``None`` if it is any other JSON file.

    Raises :class:`InvalidRows` if it is damaged or of another version.
    """
    if not str(path).endswith(".json") or is_stream(path):
        return None
    with opened(path) as file:
        content = file.read(_MARK_BYTES)
        if not _MARK.match(content):
            return None
        while piece := file.read(1024 * 1024):
            content += piece
    try:
        return _MANIFEST.validate_json(content)
    except ValidationError as error:
        first: Any = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidRows(
            f"{path} is not a manifest that this version can read: {place}: {first['msg']}"
        ) from None
