"""What operations do to rows: the interface, and the encoding of rows as parts of requests. Pure.

Rows are validated by the functions that the models of :mod:`~airflow_provider_upstash_vector.client` use, but
without a model, which would take as long as sending them.
"""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

import orjson

from airflow_provider_upstash_vector.bulk.sources import (
    FAILURE_FIELD,
    FieldNames,
    InvalidJson,
    InvalidValue,
    RejectedRow,
    Unreadable,
)
from airflow_provider_upstash_vector.bulk.sources.field_names import (
    IGNORED,
    METADATA_PART,
    NOT_FIELDS,
    Fields,
    changed_fields,
)
from airflow_provider_upstash_vector.bulk.sources.field_paths import MISSING
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome
from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import FetchedVector, IndexInfo, SparseVector
from airflow_provider_upstash_vector.client.wire import Call
from airflow_provider_upstash_vector.client.wire.call import path
from airflow_provider_upstash_vector.plurals import plural

_MAX_PATHS = 10_000
_MAX_RAISED_CHARS = 200
_UNCHECKED = 'is {}, and with if_not_empty="fail" all rows must be of a namespace that is known before the run'
_WITH_REASON = {InvalidJson, InvalidValue}
# of the JSON of a row's fields, whose vectors are float32 arrays
ROW_JSON = orjson.OPT_SERIALIZE_NUMPY


class WrongIndex(InvalidRequest):
    """The vector's dimension or type is not the index's, most likely in all other rows too."""


class TextFragment(bytes):
    """The part of the body of a row that waits for the vector of its ``text``."""

    text: str

    def with_vector(self, vector: object) -> bytes:
        """Return the part with the vector, a float32 array."""
        return b'%b,"vector":%b}' % (self[:-1], orjson.dumps(vector, option=ROW_JSON))


class Encoded(NamedTuple):
    """A row that is ready to be sent: ``fragment`` is its part of the body."""

    namespace: str
    id: str
    path: str
    fragment: bytes

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and id, of which no two rows are in flight at once."""
        return self[:2]


class Paths:
    """The paths of a command by namespace."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._by_namespace: dict[str, tuple[str, str]] = {}

    def __call__(self, namespace: object) -> tuple[str, str]:
        """Return a namespace as plain text, and the path. Raises :class:`InvalidRequest`."""
        try:
            return self._by_namespace[namespace]  # type: ignore[index]  # what is not text is rejected below
        except (KeyError, TypeError):
            name = validation.identifier(namespace, "namespace")
            resolved = name, path(self._command, name)
            if len(self._by_namespace) >= _MAX_PATHS:
                self._by_namespace.clear()
            self._by_namespace[name] = resolved
            return resolved


class Operation(ABC):
    """What is done to each row: a mapping with the fields ``names``, or a model of the client.

    ``name`` is that of the call, ``done`` that of its outcome; a request has at most ``max_rows`` rows and
    ``max_bytes``. ``namespace`` is for rows that set none. If ``index`` is set, vectors are checked against its
    dimension and type. If the run ``embeds``, rows with data and no vector get a :class:`TextFragment`.
    """

    name: ClassVar[str]
    done: ClassVar[str]
    max_rows: ClassVar[int]
    max_bytes: ClassVar[int]

    def __init__(
        self, names: FieldNames, *, namespace: str = "", index: IndexInfo | None = None, embeds: bool = False
    ) -> None:
        self._names = self._by_name(names)
        self._is_nested = bool(self._names.paths)
        self._embeds = embeds
        self._namespace = namespace
        self._index = index
        self.only_namespaces: frozenset[str] | None = None  # of rows; any if None
        Paths(self.name)(namespace)  # raises an error for an invalid one

    def _by_name(self, names: FieldNames) -> Fields:
        """Return the field for each name in a row."""
        return names.by_name()

    @abstractmethod
    def body(self, fragments: Sequence[bytes]) -> bytes:
        """Return the body of a request with these rows."""

    @abstractmethod
    def outcomes(self, result: Any, rows: int) -> Sequence[Outcome]:
        """Return the outcome of each row. Raises ``ValueError`` if the result is not as documented."""

    def replaced(self, fragment: bytes) -> dict[str, Any] | None:  # noqa: ARG002 - some remove nothing
        """Return the fields of a row that removes what it does not have from a stored vector, else ``None``."""
        return None

    def warning(self, fields: dict[str, Any], stored: FetchedVector) -> str | None:  # noqa: ARG002 - as above
        """Return what the row with these :meth:`replaced` fields would remove from a stored vector."""
        return None

    def check_embedding(self) -> None:
        """Raise :class:`InvalidRequest` if the index takes no vectors for the data of rows."""
        if self._index is not None and self._index.index_type == "SPARSE":
            raise InvalidRequest("embed", "makes dense vectors, but the index is SPARSE")

    @abstractmethod
    def _of_model(self, row: object) -> dict[str, Any] | None:
        """Return the fields of a model of the client, ``None`` for another object."""

    @abstractmethod
    def _encoded(self, namespace: object, id: str, parts: dict[str, Any]) -> Encoded:
        """Return a row that is ready to be sent."""

    def call(self, path: str, namespace: str, ids: Sequence[str]) -> Call[Sequence[Outcome]]:
        """Return the call for the rows with these ids, without its body; its result is their outcomes."""
        read = partial(self.outcomes, rows=len(ids))
        return Call(self.name, path, b"", read, namespace, ids[0] if len(ids) == 1 else None)

    def encode(self, row: object) -> Encoded:
        """Return the row encoded. Raises :class:`InvalidRequest`, or its subclass :class:`WrongIndex`."""
        try:
            if type(row) is RejectedRow:
                raise InvalidRequest(row.field, row.reason)
            parts = self._of_model(row)
            parts = self._parts(row) if parts is None else parts
            id = parts.get("id")
            if id is None:
                raise InvalidRequest("id", "is required")
            encoded = self._encoded(parts.get("namespace", self._namespace), validation.vector_id(id), parts)
        except InvalidRequest:
            raise
        except Exception as error:  # a row may have code of its own, and any depth
            raised = "".join(traceback.format_exception_only(error)).strip()[:_MAX_RAISED_CHARS]
            raise InvalidRequest("row", f"cannot be encoded: {raised}") from error
        if self.only_namespaces is not None and encoded.namespace not in self.only_namespaces:
            raise InvalidRequest("namespace", _UNCHECKED.format(validation.shown(encoded.namespace)))
        return encoded

    def _parts(self, row: object) -> dict[str, Any]:
        """Return the fields that are set, by their own names."""
        if type(row) is not dict:
            row = _mapping(row)
        names = self._names
        parts: dict[str, Any] = {}
        metadata: dict[Any, Any] = {}
        for name, value in row.items():
            field = names.get(name)
            if field is None:
                field = IGNORED if name == FAILURE_FIELD else names.other
                if field is None:
                    raise InvalidRequest(str(name), "there is no such field")
            if type(value) in _WITH_REASON and field:
                raise InvalidRequest(str(name) if field in NOT_FIELDS else field, value.reason)
            if field == METADATA_PART:
                metadata[name] = value
            elif value is not None and field:
                parts[field] = value
        if len(parts) + len(metadata) < len(row):
            self._reject_duplicates(row)
        if self._is_nested:
            self._look_up(row, parts, metadata)
        return self._with_metadata(parts, metadata, row) if metadata else parts

    def _look_up(self, row: Mapping[Any, Any], parts: dict[str, Any], metadata: dict[Any, Any]) -> None:
        """Add the fields at some depth; a name that the row has is no path."""
        for text, nested in self._names.paths.items():
            field, value = self._names[text], MISSING if text in row else nested.value(row)
            is_part = field == METADATA_PART
            if value is MISSING or (value is None and not is_part):
                continue
            name, found = (nested.key, metadata) if is_part else (field, parts)
            if name in found:
                raise InvalidRequest(name, f"is given twice, once as {text!r}")
            found[name] = value

    def _with_metadata(
        self, parts: dict[str, Any], added: dict[Any, Any], row: Mapping[Any, Any]
    ) -> dict[str, Any]:
        """Return the fields of a row with ``added`` to the metadata."""
        for name in changed_fields(row) if FAILURE_FIELD in row else ():
            if name in added:
                reason = f"holds the text of a value that JSON cannot hold, {validation.shown(added[name][0])}"
                raise InvalidRequest(
                    name, f"{reason}: correct it, and remove its name from 'changed' of 'failure'"
                )
        metadata = parts.get("metadata", {})
        if not isinstance(metadata, Mapping):
            return parts  # which is rejected for it
        for name, value in added.items():
            if name in metadata:
                raise InvalidRequest(str(name), "is given twice, by itself and in the metadata")
            if value is None and self._deletes_nulls(parts):
                reason = "is null, with which PATCH would delete it: leave it out, or delete it with metadata"
                raise InvalidRequest(str(name), reason)
        return {**parts, "metadata": {**metadata, **added}}

    def _reject_duplicates(self, row: Mapping[Any, Any]) -> None:
        """Raise :class:`InvalidRequest` if a field is set under both of its names."""
        seen = set()
        for name, value in row.items():
            field = self._names.get(name)
            if field and field not in NOT_FIELDS and value is not None:
                if field in seen:
                    raise InvalidRequest(field, "is given twice")
                seen.add(field)

    def _deletes_nulls(self, parts: dict[str, Any]) -> bool:  # noqa: ARG002 - updates do, in one mode
        """Return whether null in the metadata deletes a field."""
        return False

    def _text_to_embed(self, parts: dict[str, Any]) -> str | None:
        """Return the data of a row that has no vector."""
        data = parts.get("data")
        if not self._embeds or data is None or parts.get("vector") is not None:
            return None
        text = validation.data(data)
        if not text.strip():
            raise InvalidRequest("data", "is empty, so there is nothing to embed; leave the row out")
        return text

    def _fields(self, id: str, parts: dict[str, Any]) -> dict[str, Any]:
        """Return the id and the vectors of a row by the service's names."""
        fields: dict[str, Any] = {"id": id}
        if (vector := parts.get("vector")) is not None:
            fields["vector"] = array = validation.dense_vector(vector)
            if self._index is not None and array.size != self._index.dimension:
                reason = f"has {plural(array.size, 'dimension')}, but the index has {self._index.dimension:,}"
                raise WrongIndex("vector", reason)
        if (sparse := parts.get("sparse_vector")) is not None:
            fields["sparseVector"] = SparseVector.from_parts(sparse).wire_fields()
        return fields


def _mapping(row: object) -> Mapping[Any, Any]:
    if isinstance(row, Unreadable | RejectedRow):
        raise InvalidRequest(row.field, row.reason)
    if not isinstance(row, Mapping):
        reason = f"must be an object with the fields of a row, got {validation.shown(row)}"
        raise InvalidRequest("row", reason)
    return row


def fragment(fields: dict[str, Any], text_to_embed: str | None) -> bytes:
    """Return the part of the body for a row with these fields."""
    encoded: bytes = orjson.dumps(fields, option=ROW_JSON)
    if text_to_embed is None:
        return encoded
    waiting = TextFragment(encoded)
    waiting.text = text_to_embed
    return waiting


def check_only(index: IndexInfo, vector: object, sparse: object) -> None:
    """Raise :class:`WrongIndex` for a vector of a kind that the index does not have."""
    if index.index_type == "DENSE" and sparse is not None:
        raise WrongIndex("sparse_vector", "is given, but the index is DENSE")
    if index.index_type == "SPARSE" and vector is not None:
        raise WrongIndex("vector", "is given, but the index is SPARSE")
    if index.index_type == "HYBRID" and (vector is None) != (sparse is None):
        missing = "sparse_vector" if sparse is None else "vector"
        raise WrongIndex(missing, "is missing: a HYBRID index takes both vectors or neither")
