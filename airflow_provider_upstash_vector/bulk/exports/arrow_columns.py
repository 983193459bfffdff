"""Arrow arrays of what the service returns, from buffers: ``pyarrow.array`` would import pandas, for seconds."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

from airflow_provider_upstash_vector.bulk.sources.extras import pyarrow


def texts(values: Sequence[bytes | None]) -> Any:
    """Return an array of UTF-8 texts."""
    arrow = pyarrow()
    content = b"".join(value for value in values if value is not None)
    offsets = _offsets([0 if value is None else len(value) for value in values])
    return arrow.Array.from_buffers(
        arrow.string(), len(values), [_validity(values), arrow.py_buffer(offsets), arrow.py_buffer(content)]
    )


def dense_vectors(values: Sequence[Sequence[float] | None], dimension: int) -> Any:
    """Return an array of lists of ``dimension`` float32."""
    arrow = pyarrow()
    pack, missing = struct.Struct(f"{dimension}f").pack, bytes(4 * dimension)  # faster than numpy
    content = b"".join([missing if value is None else pack(*value) for value in values])
    buffers = [None, arrow.py_buffer(content)]
    numbers = arrow.Array.from_buffers(arrow.float32(), len(values) * dimension, buffers)
    kind = arrow.list_(arrow.float32(), dimension)
    return arrow.Array.from_buffers(kind, len(values), [_validity(values)], children=[numbers])


def sparse_vectors(values: Sequence[dict[str, Any] | None]) -> Any:
    """Return an array of structs of two lists, ``indices`` and ``values``."""
    arrow = pyarrow()
    parts = []
    for name, kind in (("indices", "int32"), ("values", "float32")):
        lists = [[] if value is None else value[name] for value in values]
        offsets = _offsets([*map(len, lists)])
        numbers = _numbers(lists, kind)
        list_kind = arrow.list_(numbers.type)
        buffers = [None, arrow.py_buffer(offsets)]
        parts.append(arrow.Array.from_buffers(list_kind, len(values), buffers, children=[numbers]))
    return arrow.Array.from_buffers(sparse_type(), len(values), [_validity(values)], children=parts)


def sparse_type() -> Any:
    """Return the type of :func:`sparse_vectors`."""
    arrow = pyarrow()
    return arrow.struct([("indices", arrow.list_(arrow.int32())), ("values", arrow.list_(arrow.float32()))])


def _numbers(lists: Sequence[Sequence[float]], kind: str) -> Any:
    import numpy as np  # noqa: PLC0415 - as pyarrow

    arrow = pyarrow()
    flat = np.fromiter(chain.from_iterable(lists), dtype=kind)
    return arrow.Array.from_buffers(getattr(arrow, kind)(), flat.size, [None, arrow.py_buffer(flat)])


def _offsets(sizes: Sequence[int]) -> Any:
    import numpy as np  # noqa: PLC0415 - as pyarrow

    offsets = np.zeros(len(sizes) + 1, dtype=np.int32)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


def _validity(values: Sequence[object]) -> Any:
    """Return the bits of the values that are not null, ``None`` if none is."""
    import numpy as np  # noqa: PLC0415 - as pyarrow

    if None not in values:
        return None
    bits = np.packbits([value is not None for value in values], bitorder="little")
    return pyarrow().py_buffer(bits)
