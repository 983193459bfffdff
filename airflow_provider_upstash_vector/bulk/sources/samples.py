"""A digest of a few rows, by which a list or table is known again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import orjson

_SAMPLE_ROWS = 100
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def digest(rows: Iterable[object]) -> str:
    """Return a text that is another one for other rows."""
    sample = hashlib.sha256()
    for row in rows:
        sample.update(_content(row) + b"\n")
    return sample.hexdigest()[:16]


def sample_ranges(length: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return where the rows begin and end that are looked at: the first and the last 100 of ``length``."""
    first = min(length, _SAMPLE_ROWS)
    return (0, first), (max(first, length - _SAMPLE_ROWS), length)


def _content(row: object) -> bytes:
    try:
        return orjson.dumps(row, default=repr, option=_OPTIONS)
    except TypeError:  # half of a surrogate pair, a number of more than 64 bits
        return repr(row).encode(errors="surrogatepass")
