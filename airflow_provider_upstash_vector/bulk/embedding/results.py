"""The result of ``embed``, checked: a vector for each text, or the reason why a row cannot be sent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.plurals import plural

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Embedded: TypeAlias = "npt.NDArray[np.float32] | InvalidRequest"


class InvalidEmbeddings(ValueError):
    """The function returned something else than a vector of the index's dimension for each text."""


def embedded(result: object, texts: int, dimension: int | None) -> list[Embedded]:
    """Return the vector of each text, or the reason to reject its row: ``None``, NaN, no flat list of numbers.

    Raises :class:`InvalidEmbeddings` for what every call would return: another type, number or dimension.
    """
    items = _items(result)
    if items is None:
        raise InvalidEmbeddings(f"must return a list of {plural(texts, 'vector')}, got {validation.shown(result)}")
    if len(items) != texts:
        raise InvalidEmbeddings(f"returned {plural(len(items), 'vector')} for {plural(texts, 'text')}")
    return [_vector(item, dimension) for item in items]


def _items(result: Any) -> list[Any] | None:
    if isinstance(result, str | bytes | bytearray | Mapping):
        return None
    if isinstance(result, Iterable) and hasattr(result, "__len__") and getattr(result, "ndim", 1) > 0:
        return list(result)
    if hasattr(result, "__array__") and (array := _array(result)).ndim:
        return list(array)
    return None


def _vector(item: Any, dimension: int | None) -> Embedded:
    if item is None:
        return InvalidRequest("vector", "embed returned None for its data")
    if not isinstance(item, list | tuple) and not hasattr(item, "tolist"):
        if not hasattr(item, "__array__"):
            raise InvalidEmbeddings(f"must return a list of vectors, got one of {validation.shown(item)}")
        item = _array(item)
    if getattr(item, "ndim", 1) == 0:
        raise InvalidEmbeddings(f"must return a list of vectors, got one of {validation.shown(item)}")
    try:
        vector = validation.dense_vector(item)
    except InvalidRequest as error:
        return InvalidRequest("vector", f"embed returned one whose {error.reason}")
    if dimension is not None and vector.size != dimension:
        has = f"vectors of {plural(vector.size, 'dimension')}, but the index has {dimension:,}"
        raise InvalidEmbeddings(f"returned {has}")
    return vector


def _array(value: Any) -> npt.NDArray[Any]:
    import numpy as np  # noqa: PLC0415 - time and memory that only embedding needs

    return np.asarray(value)
