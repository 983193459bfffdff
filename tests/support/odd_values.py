"""Values that JSON, msgpack or a database cannot store, or whose text differs between processes."""

from __future__ import annotations

import datetime as dt
import functools
import io
from collections.abc import Iterator
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

ROWS = [{"id": f"v{n}", "metadata": {"n": n}} for n in range(20_000)]


class WithoutRepr:
    """An object whose repr is its address."""


def rows() -> Iterator[dict[str, Any]]:
    yield {"id": "a", "data": "x"}


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def in_itself() -> list[Any]:
    value: list[Any] = [1]
    value.append(value)
    return value


def odd_values() -> list[Any]:
    """Return new values, since a generator can be consumed only once."""
    return [*shallow_values(), nested(3_000), {"a": nested(3_000)}, in_itself()]


def shallow_values() -> list[Any]:
    """Return those that Airflow can render."""
    return [
        float("nan"),
        float("-inf"),
        [0.5, float("nan")],
        {"a": {"b": [float("inf")]}},
        "a\ud800",
        "a\0b",
        {"a\0": "b\udfff"},
        b"\xff",
        2**63,
        -(10**5_000),
        np.float32("nan"),
        np.int64(1),
        np.array([1.0, float("nan")]),
        np.arange(2_000.0),
        np.zeros((3, 3)),
        np.array(5),
        np.array(["a", None], dtype=object),
        Decimal("NaN"),
        dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc),
        dt.timedelta(seconds=5),
        UUID(int=5),
        {"x", "y", "z", "{{ ds }}"},
        frozenset({1, "a", None}),
        {1: "a", None: "b", (1, 2): "c"},
        MappingProxyType({"a": float("nan")}),
        (1, (2.0, {"a"})),
        WithoutRepr(),
        [WithoutRepr()],
        rows(),
        iter([1, 2]),
        map(str, [1]),
        rows,
        lambda: 1,
        functools.partial(rows),
        io.BytesIO(b"x"),
        pd.DataFrame({"id": ["a"], "x": [float("nan")]}),
        pd.Series([1.0] * 200),
        pa.table({"id": ["a"]}),
        ROWS,
        [0.1] * 1_536,
        [{"id": "a", "vector": [0.1] * 1_536, "metadata": {"n": float("nan")}}],
        {"rows": ROWS},
        {f"k{n}": "x" * 100 for n in range(20_000)},
        [["x" * 50_000] * 50] * 50,
    ]


_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=5),
    st.binary(max_size=3),
    st.datetimes(),
    st.decimals(),
    st.sampled_from(range(51)).map(lambda n: odd_values()[min(n, len(odd_values()) - 1)]),
)
_KEYS = st.one_of(st.text(st.characters(), max_size=3), st.integers(), st.none(), st.tuples(st.floats()))
NESTED = st.recursive(
    _LEAVES,
    lambda children: st.one_of(
        st.lists(children, max_size=4),
        st.tuples(children, children),
        st.dictionaries(_KEYS, children, max_size=3),
        st.sets(st.one_of(st.text(max_size=2), st.integers()), max_size=3),
    ),
    max_leaves=12,
)
