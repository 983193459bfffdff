"""Vectors as they are stored, and as they are shown in answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One vector as it is stored: float32 and int32 in native bytes, metadata as JSON text."""

    id: str
    dense: bytes | None = None
    sparse_indices: bytes | None = None
    sparse_values: bytes | None = None
    metadata: str | None = None
    data: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """Which parts of a vector an answer holds besides its id."""

    vectors: bool = False
    metadata: bool = False
    data: bool = False


def shown(record: Record, include: Include) -> dict[str, Any]:
    """Return a vector as JSON, with what is asked for and the vector has."""
    item: dict[str, Any] = {"id": record.id}
    if include.vectors:
        if record.dense is not None:
            item["vector"] = _shortest(record.dense)
        if record.sparse_indices is not None and record.sparse_values is not None:
            indices = np.frombuffer(record.sparse_indices, dtype=np.int32)
            item["sparseVector"] = {"indices": indices.tolist(), "values": _shortest(record.sparse_values)}
    if include.metadata and record.metadata is not None:
        item["metadata"] = json.loads(record.metadata)
    if include.data and record.data is not None:
        item["data"] = record.data
    return item


def _shortest(values: bytes) -> list[float]:
    return [float(str(value)) for value in np.frombuffer(values, dtype=np.float32)]
