"""Roughly how much memory a row takes, whatever it is: to limit what is read ahead."""

from __future__ import annotations

from typing import Any, Final

from airflow_provider_upstash_vector.bulk.sources import MAX_ROW_BYTES, RejectedRow, Unreadable
from airflow_provider_upstash_vector.client.models.base import RequestModel

_MAX_PARTS: Final = 1_000
_PART_BYTES: Final = 64
_MIN_VECTOR_PARTS: Final = 16
_NUMBERS: Final = (int, float)


def row_size(row: Any) -> int:
    """Return about the bytes of a row; ``MAX_ROW_BYTES`` for one with more, or with too many parts to add up."""
    size = 0
    parts: list[Any] = [row]
    for part in parts:  # grows during the loop
        kind = type(part)
        size += _PART_BYTES
        if kind is str or kind is bytes:
            size += len(part)
        elif kind is dict or kind is RejectedRow:
            parts += part
            parts += part.values()
        elif kind is list or kind is tuple:
            # a loop over a vector would take longer than sending it
            if len(part) >= _MIN_VECTOR_PARTS and type(part[0]) in _NUMBERS and type(part[-1]) in _NUMBERS:
                size += _PART_BYTES * len(part)
            else:
                parts += part
        elif issubclass(kind, RequestModel):  # isinstance() may run the code of a row
            parts += vars(part).values()
        elif isinstance(part, Unreadable):
            parts.append(part.text)
        else:
            size += _buffer_bytes(part)
        if size >= MAX_ROW_BYTES or len(parts) > _MAX_PARTS:
            return MAX_ROW_BYTES
    return size


def _buffer_bytes(value: object) -> int:
    try:
        return int(getattr(value, "nbytes", 0))  # of an array or a tensor
    except Exception:  # noqa: BLE001 - a row's own code
        return 0
