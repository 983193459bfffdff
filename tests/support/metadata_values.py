"""Values of Python and its data libraries that metadata takes, with their JSON, and values that it refuses."""

from __future__ import annotations

import datetime as dt
import math
from collections import OrderedDict, UserDict, namedtuple
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pendulum
from lazy_object_proxy import Proxy

Point = namedtuple("Point", "x y")  # noqa: PYI024 - a tuple of another type
UTC = dt.timezone.utc


class Genre(Enum):
    DRAMA = "drama"
    FIRST = 1
    DAY = dt.date(2026, 1, 2)
    NAN = math.nan


class Rank(IntEnum):
    LOW = 3


class PathLike:
    def __fspath__(self) -> str:
        return "a/b"


class RemotePath:
    """As a path of an object store, which has no ``__fspath__``."""

    def as_posix(self) -> str:
        return "s3://bucket/a"

    __str__ = as_posix


class Raises:
    def tolist(self) -> Any:
        raise RuntimeError("its own")


ACCEPTED: list[tuple[Any, Any]] = [
    (dt.datetime.fromisoformat("2026-01-02T03:04:05"), "2026-01-02T03:04:05"),
    (dt.datetime(2026, 1, 2, 3, 4, 5, 6, UTC), "2026-01-02T03:04:05.000006+00:00"),
    (dt.datetime(1880, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")), "1880-01-01T00:00:00+00:53:28"),
    (dt.date(1, 1, 1), "0001-01-01"),
    (dt.time(3, 4, 5, 600_000), "03:04:05.600000"),
    (pendulum.datetime(2026, 1, 2, tz="Asia/Tokyo"), "2026-01-02T00:00:00+09:00"),
    (pendulum.date(2026, 1, 2), "2026-01-02"),
    (pd.Timestamp("2026-01-02T03:04:05.000000006", tz="UTC"), "2026-01-02T03:04:05.000000006+00:00"),
    (pd.Timestamp("2026-01-02"), "2026-01-02T00:00:00"),
    (np.datetime64("2026"), "2026"),
    (np.datetime64("2026-01-02"), "2026-01-02"),
    (np.datetime64("2026-01-02T03", "h"), "2026-01-02T03:00:00"),
    (np.datetime64("2026-01-02T03:04:05.1"), "2026-01-02T03:04:05.100000"),
    (np.datetime64("2026-01-02T03:04:05.000000006"), "2026-01-02T03:04:05.000000006"),
    (np.datetime64("1970-01-02T03:04:05", "ps"), "1970-01-02T03:04:05"),
    (dt.timedelta(0), "PT0S"),
    (dt.timedelta(days=1, hours=2, minutes=3, seconds=4.5), "P1DT2H3M4.5S"),
    (-dt.timedelta(hours=2), "-PT2H"),
    (pendulum.duration(days=2, microseconds=1), "P2DT0.000001S"),
    (pendulum.datetime(2026, 1, 1) - pendulum.datetime(2026, 1, 2), "-P1D"),
    (pd.Timedelta(nanoseconds=1), "PT0.000000001S"),
    (np.timedelta64(5, "W"), "P35D"),
    (np.timedelta64(14, "M"), "P14M"),
    (np.timedelta64(-2, "Y"), "-P2Y"),
    (Decimal("1.50"), 1.5),
    (Decimal("0.1"), 0.1),
    (Decimal("1e30"), 1e30),
    (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (PurePosixPath("a/b"), "a/b"),
    (PathLike(), "a/b"),
    (RemotePath(), "s3://bucket/a"),
    (Genre.DRAMA, "drama"),
    (Genre.FIRST, 1),
    (Genre.DAY, "2026-01-02"),
    (Rank.LOW, 3),
    ({3, 1, 2}, [1, 2, 3]),
    (frozenset({"b", "a"}), ["a", "b"]),
    ({"a", 1, None, (2,)}, [1, "a", None, [2]]),
    ({dt.date(2026, 1, 2), dt.date(2026, 1, 1)}, ["2026-01-01", "2026-01-02"]),
    ((1, (2, [3])), [1, [2, [3]]]),
    (Point(1, 2), [1, 2]),
    (np.float32(0.1), 0.1),
    (np.float16(0.1), 0.1),
    (np.float64(0.1), 0.1),
    (np.longdouble("0.1"), 0.1),
    (np.uint8(3), 3),
    (np.bool_(True), True),
    (np.str_("x"), "x"),
    (np.array([0.1, 2], dtype=">f4"), [0.1, 2.0]),
    (np.array([0.1, 2], dtype=">f8"), [0.1, 2.0]),
    (np.array([[1, 2], [3, 4]], order="F"), [[1, 2], [3, 4]]),
    (np.array([[1, 2], [3, 4]])[:, ::-1], [[2, 1], [4, 3]]),
    (np.array(5), 5),
    (np.array(0.1, dtype="f4"), 0.1),
    (np.array(["2026-01-02"], dtype="M8[ns]"), ["2026-01-02T00:00:00"]),
    (np.array([dt.date(2026, 1, 2), None], dtype=object), ["2026-01-02", None]),
    (np.array([True, False]), [True, False]),
    (np.array(["x"]), ["x"]),
    (np.zeros(1, dtype=[("a", "f4"), ("b", "M8[D]")]), [{"a": 0.0, "b": "1970-01-01"}]),
    (pd.Series([pd.Timestamp("2026-01-02")]), ["2026-01-02T00:00:00"]),
    (pd.Categorical(["b", "a"]), ["b", "a"]),
    ({1: "a", np.int64(2): "b", Rank.LOW: "c", "x": "d"}, {"1": "a", "2": "b", "3": "c", "x": "d"}),
    (MappingProxyType({"a": {1}}), {"a": [1]}),
    (OrderedDict(a=UserDict(b=1)), {"a": {"b": 1}}),
    (Proxy(lambda: pendulum.datetime(2026, 1, 2)), "2026-01-02T00:00:00+00:00"),
    (Proxy(lambda: {"a": {2, 1}}), {"a": [1, 2]}),
    (Proxy(lambda: {2, 1}), [1, 2]),
    (Proxy(lambda: "text"), "text"),
    (Proxy(lambda: None), None),
    (2**64 - 1, 2**64 - 1),
]
MISSING = [pd.NaT, pd.NA, np.datetime64("NaT"), np.timedelta64("NaT"), np.datetime64("NaT", "D"), np.ma.masked]
REFUSED: list[tuple[Any, str]] = [
    (math.nan, " is nan, which JSON cannot hold"),
    (np.float32("inf"), " is inf"),
    (np.float64("nan"), " is nan"),
    (np.array([0.5, math.nan]), "[1] is nan"),
    ({"a": {-math.inf}}, ".a is -inf"),
    (Genre.NAN, " is nan"),
    (b"\xff", r" is bytes b'\xff'; decode it to text"),
    (bytearray(b"x"), " is bytearray"),
    (np.array([b"x"]), "[0] is bytes_"),
    (np.array([1j]), "[0] is complex128"),
    (1j, " is complex"),
    (Decimal("0.12345678901234567890"), " is Decimal Decimal('0.12345678901234567890'), which a JSON number"),
    (Decimal(2**60 + 1), "pass it as text"),
    (Decimal("1e400"), "pass it as text"),
    (Decimal("NaN"), " is Decimal"),
    (Decimal("sNaN"), " is not JSON serializable: ValueError"),
    (2**64, " is an integer beyond 64 bits"),
    (-(2**63) - 1, " is an integer beyond 64 bits"),
    (10**5_000, " is an integer beyond 64 bits"),
    (pd.Timestamp(np.datetime64("12000-01-01", "s")), "dates have years from 1 to 9999"),
    (np.datetime64("12000-01-01"), "dates have years from 1 to 9999"),
    (np.datetime64("-0005-01-01"), "dates have years from 1 to 9999"),
    (np.datetime64("0000-01-01"), "dates have years from 1 to 9999"),
    (np.timedelta64(5), "a duration without a unit"),
    (pd.Interval(1, 2), " is Interval"),
    (object, " is type"),
    (range(3), " is range"),
    (iter([1]), " is list_iterator"),
    (Raises(), " is not JSON serializable: RuntimeError"),
    ({1: "a", "1": "b"}, " has two keys with the text '1'"),
    ({True: 1}, " has the key bool True"),
    ({1.0: 1}, " has the key float 1.0"),
    ({None: 1}, " has the key NoneType None"),
    ({2**64: 1}, " has the key int 18446744073709551616"),
    ("\ud800", " has an unpaired surrogate at character 0"),
    ({"\ud800": 1}, " has an unpaired surrogate at character 0"),
    ({"a b": [1, {"at": b""}]}, "['a b'][1].at is bytes"),
    ({"k" * 100: b""}, f"['{'k' * 60}'] is bytes"),
]
