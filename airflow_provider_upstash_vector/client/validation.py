"""Validates values and converts them to the form in which they are sent.

One function per kind of value; each raises :class:`InvalidRequest` with the name of the field and the reason.
Limits are those of the API (Update Vector and Index Limits pages).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote
from uuid import UUID

from airflow_provider_upstash_vector.client.errors import InvalidRequest

if TYPE_CHECKING:
    from typing import TypeGuard

    import numpy as np

# What an id or a namespace may be, and numpy's integers.
IdLike: TypeAlias = str | int | Decimal | UUID

MAX_METADATA_BYTES = 48 * 1024
MAX_DATA_BYTES = 1024 * 1024
MAX_SPARSE_ENTRIES = 1_000
MAX_SEGMENT_CHARS = 7_500  # RFC 9110 section 4.1 recommends that servers accept URIs of 8,000
_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1
_SHOWN_CHARS = 60
_MAX_DIGITS = 4_300  # of a number that Python converts to text


def shown(value: object) -> str:
    """Return type and repr of ``value`` for an error message, at most 60 characters of the latter."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - any __repr__
        text = "without a repr"
    if len(text) > _SHOWN_CHARS:
        text = text[:_SHOWN_CHARS] + "…"
    return f"{type(value).__name__} {text}"


def text(value: object, field: str) -> str:
    """Return ``value`` if it is text that UTF-8 can encode."""
    if type(value) is str and value.isascii():
        return value
    if not isinstance(value, str):
        raise InvalidRequest(field, f"must be text, got {shown(value)}")
    plain = str.__str__(value)  # str() would return the member's name of a text enumeration
    try:
        plain.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(field, f"unpaired surrogate at character {error.start}") from None
    return plain


def identifier(value: object, field: str) -> str:
    """Return an id or a namespace as text; that of a whole number, as ``Decimal("7.0")`` is, or a UUID is its own.

    Floats and booleans are rejected: the text that one was read from, ``1e5`` or ``yes``, is unknown.
    """
    if isinstance(value, str):
        return text(value, field)
    if isinstance(value, UUID):
        return str(value)
    if _is_whole(value):
        with suppress(ValueError):  # of more digits than Python converts
            return str(int(value))
    is_float = isinstance(value, Real) and not isinstance(value, Integral) and value % 1 == 0
    hint = "; pandas' type Int64 keeps whole numbers in a column with gaps" if is_float else ""
    raise InvalidRequest(field, f"must be text, a whole number or a UUID, got {shown(value)}{hint}")


def _is_whole(value: object) -> TypeGuard[int]:
    if isinstance(value, Decimal):
        return value.is_finite() and value.adjusted() < _MAX_DIGITS and value == value.to_integral_value()
    return isinstance(value, Integral) and not isinstance(value, bool)


def vector_id(value: object, field: str = "id") -> str:
    """Return a non-empty id."""
    if type(value) is str and value and value.isascii():
        return value
    checked = identifier(value, field)
    if not checked:
        raise InvalidRequest(field, "must not be empty")
    return checked


def namespace_segment(namespace: str) -> str:
    """Return a namespace as one percent-encoded path segment; the default namespace gives ``""``.

    Dots are encoded in ``.`` and ``..``, which clients would otherwise remove (RFC 3986 section 5.2.4).
    """
    segment = quote(namespace, safe="")
    if len(segment) > MAX_SEGMENT_CHARS:
        raise InvalidRequest(
            "namespace", f"{len(segment):,} characters in a path, more than the limit of {MAX_SEGMENT_CHARS:,}"
        )
    return segment.replace(".", "%2E") if segment in {".", ".."} else segment


def data(value: object) -> str:
    """Return the raw text, at most 1 MB of UTF-8."""
    checked = text(value, "data")
    if len(checked) * 4 > MAX_DATA_BYTES and (size := len(checked.encode())) > MAX_DATA_BYTES:
        raise InvalidRequest("data", f"{size:,} bytes of UTF-8, more than the limit of {MAX_DATA_BYTES:,}")
    return checked


def float32(value: object, field: str, part: str = "") -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return numbers as a one-dimensional float32 array, the precision in which the service stores them.

    Takes lists, tuples, numpy arrays of any number type, and anything with ``tolist()``. ``part`` prefixes the
    reason if the numbers are only a part of the field.
    """
    import numpy as np  # noqa: PLC0415 - 0.1 s and 25 MB that a metadata update does not need

    if not isinstance(value, np.ndarray | list | tuple):
        to_list = getattr(value, "tolist", None)
        if to_list is None:
            raise InvalidRequest(field, f"{part}must be a list of numbers, got {shown(value)}")
        value = to_list()
    try:
        numbers = np.asarray(value)
    except (ValueError, TypeError):
        raise InvalidRequest(field, f"{part}must be one flat list of numbers") from None
    if numbers.ndim != 1:
        raise InvalidRequest(field, f"{part}must be one flat list of numbers, got shape {numbers.shape}")
    if numbers.size == 0:
        return np.empty(0, dtype=np.float32)
    if numbers.dtype.kind not in "fiu":
        numbers = np.asarray(_numbers(value, field, part), dtype=np.float64)
    if numbers.dtype == np.float32:
        array = np.array(numbers, dtype=np.float32)  # a copy: the caller may use its buffer again
    else:
        with np.errstate(over="ignore"):
            array = numbers.astype(np.float32)
    if not np.isfinite(array).all():
        position = int(np.flatnonzero(~np.isfinite(array))[0])
        number = float(numbers[position])
        reason = "is too large for a 4-byte float" if math.isfinite(number) else "is not a finite number"
        raise InvalidRequest(field, f"{part}element {position}, {number!r}, {reason}")
    return array


def _numbers(value: Any, field: str, part: str) -> list[float]:
    numbers = []
    for position, element in enumerate(value):
        if isinstance(element, bool) or not isinstance(element, int | float):
            raise InvalidRequest(field, f"{part}element {position} must be a number, got {shown(element)}")
        try:
            numbers.append(float(element))
        except OverflowError:
            raise InvalidRequest(field, f"{part}element {position} is too large for a 4-byte float") from None
    return numbers


def dense_vector(value: object) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return a dense vector of at least one dimension as a float32 array."""
    array = float32(value, "vector")
    if array.size == 0:
        raise InvalidRequest("vector", "must not be empty")
    return array


def whole_number(value: object, field: str, maximum: int) -> int:
    """Return a whole number from 1 to ``maximum``."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= maximum:
        raise InvalidRequest(field, f"must be a whole number from 1 to {maximum:,}, got {shown(value)}")
    return value


def flag(value: object, field: str) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        raise InvalidRequest(field, f"must be true or false, got {shown(value)}")
    return value


def choice(value: object, field: str, *choices: str) -> str | None:
    """Return one of ``choices``, which are in upper case, or ``None``; the value may be in any case."""
    if value is None:
        return None
    upper = value.upper() if isinstance(value, str) else ""
    if upper not in choices:
        raise InvalidRequest(field, f"must be {' or '.join(choices)}, got {shown(value)}")
    return upper


def sparse_parts(value: object) -> tuple[object, object]:
    """Return the indices and values of a mapping, a pair, or an object with these two attributes."""
    if isinstance(value, Mapping):
        unknown = sorted(str(key) for key in value if key not in {"indices", "values"})
        if unknown or len(value) != 2:
            keys = ", ".join(repr(key) for key in value) or "none"
            raise InvalidRequest("sparse_vector", f"must have the keys 'indices' and 'values', got {keys}")
        return value["indices"], value["values"]
    if hasattr(value, "indices") and hasattr(value, "values"):
        return value.indices, value.values
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) == 2:
        return value[0], value[1]
    raise InvalidRequest("sparse_vector", f"must have indices and values, got {shown(value)}")


def sparse_indices(value: object) -> list[int]:
    """Return up to 1,000 signed 32-bit integers; the service accepts one that stands twice."""
    to_list = getattr(value, "tolist", None)
    indices = to_list() if to_list else value
    if not isinstance(indices, list | tuple):
        raise InvalidRequest("sparse_vector", f"indices must be a list of integers, got {shown(value)}")
    if len(indices) > MAX_SPARSE_ENTRIES:
        raise InvalidRequest(
            "sparse_vector", f"{len(indices):,} entries, more than the limit of {MAX_SPARSE_ENTRIES:,}"
        )
    if {*map(type, indices)} == {int} and min(indices) >= _INT32_MIN and max(indices) <= _INT32_MAX:
        return [*indices]
    for position, element in enumerate(indices):
        index = _integer(element)
        if index is None:
            raise InvalidRequest("sparse_vector", f"index {position} must be an integer, got {shown(element)}")
        if not _INT32_MIN <= index <= _INT32_MAX:
            raise InvalidRequest("sparse_vector", f"index {position}, {index}, is not a signed 32-bit integer")
    return [int(index) for index in indices]


def _integer(value: Any) -> int | None:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        return None
    try:
        return int(value)
    except TypeError:  # an array of several numbers
        return None


def check_update(*, changes: bool) -> None:
    """Raise an error for an update without ``changes``."""
    if not changes:
        raise InvalidRequest("update", "nothing to update: give vector, sparse_vector, data or metadata")
