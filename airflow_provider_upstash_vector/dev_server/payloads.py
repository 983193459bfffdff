"""Parsing and validation of request bodies. All functions raise ``HttpError`` on invalid input."""

from __future__ import annotations

import json
import re
from typing import Any, Literal, NoReturn, TypedDict

import numpy as np

from airflow_provider_upstash_vector.dev_server.embedding import embed_dense, embed_sparse
from airflow_provider_upstash_vector.dev_server.models import Include, IndexSpec, Record
from airflow_provider_upstash_vector.dev_server.responses import bad_request, unprocessable, wrong_input

MAX_METADATA_BYTES = 48 * 1024
MAX_DATA_BYTES = 1024 * 1024
MAX_SPARSE_ENTRIES = 1_000
MAX_ITEMS = 1_000
_HUGE_NUMBER = re.compile(rb"\d{309}")  # out of range for a float, and so for most JSON parsers
_INT32 = range(-(2**31), 2**31)

MetadataMode = Literal["OVERWRITE", "PATCH"]


class _VectorParts(TypedDict, total=False):
    dense: bytes
    sparse_indices: bytes
    sparse_values: bytes


class _TextParts(TypedDict):
    metadata: str | None
    data: str | None


def read_json(body: bytes) -> Any:
    """Return the JSON value of a body."""
    if _HUGE_NUMBER.search(body):
        raise bad_request("Missing or wrong input: a number is too large")
    try:
        value = json.loads(body, parse_constant=_reject_constant)
        if b"\\u" in body:  # an unpaired surrogate cannot be stored
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise wrong_input(error.lineno, error.colno) from None
    except (ValueError, RecursionError):
        raise wrong_input(1, 1) from None
    return value


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(name)


def object_of(value: Any) -> dict[str, Any]:
    """Return a JSON object."""
    if not isinstance(value, dict):
        raise wrong_input(1, 1)
    return value


def items_of(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a body that is one object or an array of at most 1,000."""
    items = value if isinstance(value, list) else [value]
    if len(items) > MAX_ITEMS:
        raise bad_request(f"Too many items in one request: {len(items)}, at most {MAX_ITEMS}")
    return [object_of(item) for item in items]


def id_of(value: Any) -> str:
    """Return an id as text; integers are accepted too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise bad_request("Missing or wrong input: id must be a non-empty string")
    return value


def include_of(body: dict[str, Any]) -> Include:
    """Return the include flags of a request."""
    return Include(
        vectors=flag(body, "includeVectors"),
        metadata=flag(body, "includeMetadata"),
        data=flag(body, "includeData"),
    )


def ids_of(value: Any) -> list[str]:
    """Return the ids of a value that is one id or an array of at most 1,000."""
    ids = value if isinstance(value, list) else [value]
    if len(ids) > MAX_ITEMS:
        raise bad_request(f"Too many ids in one request: {len(ids)}, at most {MAX_ITEMS}")
    return [id_of(id) for id in ids]


def text_of(body: dict[str, Any], name: str) -> str:
    """Return a required string."""
    value = body.get(name)
    if not isinstance(value, str):
        raise bad_request(f"Missing or wrong input: {name} must be a string")
    return value


def whole_number(body: dict[str, Any], name: str, default: int | None, maximum: int) -> int:
    """Return a whole number from 1 to ``maximum``; it is required if ``default`` is ``None``."""
    value = default if body.get(name) is None else body[name]
    if type(value) is not int or not 1 <= value <= maximum:
        raise bad_request(f"Missing or wrong input: {name} must be a whole number from 1 to {maximum}")
    return value


def choice(body: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """Return one of ``choices``, by default the first."""
    value = body.get(name)
    if value is None:
        return choices[0]
    if value not in choices:
        raise bad_request(f"Missing or wrong input: {name} must be one of {', '.join(choices)}")
    return str(value)


def only_one_of(body: dict[str, Any], names: tuple[str, ...], message: str) -> str:
    """Return the only one of ``names`` that is present in the body; the error has the ``message``."""
    present = [name for name in names if body.get(name) is not None]
    if len(present) != 1:
        raise bad_request(message)
    return present[0]


def flag(body: dict[str, Any], name: str) -> bool:
    """Return a boolean, by default false."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad_request(f"Missing or wrong input: {name} must be true or false")
    return bool(value)


def upsert_record(item: dict[str, Any], spec: IndexSpec) -> Record:
    """Return the record of one item of ``/upsert``."""
    check_parts(item, spec)
    return Record(id=id_of(item.get("id")), **_vector_parts(item, spec), **_text_parts(item))


def upsert_data_record(item: dict[str, Any], spec: IndexSpec) -> Record:
    """Return the record of one item of ``/upsert-data``, with the embedding of its text."""
    parts = embedded_parts(text_of(item, "data"), spec)
    return Record(id=id_of(item.get("id")), **parts, **_text_parts(item))


def update_record(item: dict[str, Any], spec: IndexSpec) -> tuple[Record, MetadataMode]:
    """Return the record of an ``/update``, in which parts that do not change are ``None``."""
    mode: MetadataMode = item.get("metadataUpdateMode") or "OVERWRITE"
    if mode not in ("OVERWRITE", "PATCH"):  # not a set: the value may be unhashable
        raise bad_request("Missing or wrong input: metadataUpdateMode must be OVERWRITE or PATCH")
    id = id_of(item.get("id"))
    texts = _text_parts(item)
    parts: _VectorParts = {}
    if item.get("vector") is not None or item.get("sparseVector") is not None:
        check_parts(item, spec)
        parts = _vector_parts(item, spec)
    elif texts["data"] is not None and spec.embeds_text:
        parts = embedded_parts(texts["data"], spec)
    elif texts["data"] is None and texts["metadata"] is None:
        raise bad_request("Missing or wrong input: nothing to update")
    return Record(id=id, **parts, **texts), mode


def check_parts(item: dict[str, Any], spec: IndexSpec) -> None:
    """Check that an item has the dense and sparse parts of the index."""
    for name, expected in (("vector", spec.is_dense), ("sparseVector", spec.is_sparse)):
        if (item.get(name) is not None) != expected:
            kind = "dense" if (name == "vector") == expected else "sparse"
            raise unprocessable(f"This index requires {kind} vectors")


def check_embeds(spec: IndexSpec) -> None:
    """Check that the index has models to embed text."""
    if not spec.embeds_text:
        raise unprocessable(
            "Embedding data for this index is not allowed. The index must be created with an embedding model"
            " to use it."
        )


def embedded_parts(text: str, spec: IndexSpec) -> _VectorParts:
    """Return the embedding of a text by the models of the index."""
    check_embeds(spec)
    parts: _VectorParts = {}
    if spec.is_dense:
        parts["dense"] = embed_dense(text, spec.dimension).tobytes()
    if spec.is_sparse:
        indices, values = embed_sparse(text)
        parts["sparse_indices"] = np.array(indices, dtype=np.int32).tobytes()
        parts["sparse_values"] = np.array(values, dtype=np.float32).tobytes()
    return parts


def _vector_parts(item: dict[str, Any], spec: IndexSpec) -> _VectorParts:
    parts: _VectorParts = {}
    if item.get("vector") is not None:
        parts["dense"] = dense_vector(item["vector"], spec).tobytes()
    if item.get("sparseVector") is not None:
        indices, values = sparse_vector(item["sparseVector"])
        parts["sparse_indices"], parts["sparse_values"] = indices.tobytes(), values.tobytes()
    return parts


def dense_vector(value: Any, spec: IndexSpec) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return a vector of the index's dimension."""
    dense = _floats(value, "vector")
    if dense.size != spec.dimension:
        raise unprocessable(f"Invalid vector dimension: {dense.size}, expected: {spec.dimension}")
    return dense


def _floats(value: Any, name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    if not isinstance(value, list) or any(type(number) not in {int, float} for number in value):
        raise bad_request(f"Missing or wrong input: {name} must be an array of numbers")
    try:
        with np.errstate(over="ignore"):
            array = np.array(value, dtype=np.float32)
    except OverflowError:
        array = np.array([np.inf], dtype=np.float32)
    if not np.isfinite(array).all():
        raise bad_request(f"Missing or wrong input: {name} holds a number that is too large")
    return array


def sparse_vector(
    value: Any,
) -> tuple[np.ndarray[Any, np.dtype[np.int32]], np.ndarray[Any, np.dtype[np.float32]]]:
    """Return the indices and values of a sparse vector."""
    if not isinstance(value, dict):
        raise bad_request("Missing or wrong input: sparseVector must be an object")
    indices = value.get("indices")
    if not isinstance(indices, list) or any(type(index) is not int or index not in _INT32 for index in indices):
        raise bad_request("Missing or wrong input: sparseVector.indices must be an array of 32-bit integers")
    values = _floats(value.get("values"), "sparseVector.values")
    if len(indices) != values.size:
        raise unprocessable("Sparse vector indices and values must have the same length")
    if len(indices) > MAX_SPARSE_ENTRIES:
        raise unprocessable(f"Too many entries in a sparse vector: {len(indices)}, at most {MAX_SPARSE_ENTRIES}")
    return np.array(indices, dtype=np.int32), values


def _text_parts(item: dict[str, Any]) -> _TextParts:
    metadata, data = item.get("metadata"), item.get("data")
    if metadata is not None and not isinstance(metadata, dict):
        raise bad_request("Missing or wrong input: metadata must be an object")
    if data is not None and not isinstance(data, str):
        raise bad_request("Missing or wrong input: data must be a string")
    if data is not None and len(data.encode()) > MAX_DATA_BYTES:
        raise bad_request(f"Data is too large: {len(data.encode())} bytes, at most {MAX_DATA_BYTES}")
    return {"metadata": None if metadata is None else _metadata_text(metadata), "data": data}


def _metadata_text(metadata: dict[str, Any]) -> str:
    try:
        text = json.dumps(metadata, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:  # 1e999 is parsed as infinity
        raise bad_request("Missing or wrong input: metadata holds a number that is too large") from None
    check_metadata_size(text)
    return text


def check_metadata_size(text: str) -> None:
    """Check that metadata, perhaps after a patch, is not larger than 48 KB."""
    size = len(text.encode())
    if size > MAX_METADATA_BYTES:
        raise bad_request(f"Metadata is too large: {size} bytes, at most {MAX_METADATA_BYTES}")
