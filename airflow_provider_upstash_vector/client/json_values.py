"""JSON values for what Python and its data libraries hold: dates, decimals, arrays, sets. Pure.

Neither numpy nor pandas is imported: a value of theirs exists only if they are.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from operator import methodcaller
from os import PathLike, fspath
from typing import Any, Final, NoReturn
from uuid import UUID

from airflow_provider_upstash_vector.client.validation import shown

_MICROSECOND: Final = dt.timedelta(microseconds=1)
_ISO_YEAR_CHARS: Final = 4
_MAX_KEY_CHARS: Final = 60
_MICROSECOND_DIGITS: Final = 6  # or none, as Python and pandas write them
# Units of numpy durations: how many are in so many seconds.
_UNITS: Final = {
    "W": (1, 604_800),
    "D": (1, 86_400),
    "h": (1, 3_600),
    "m": (1, 60),
    **{unit: (10**digits, 1) for unit, digits in [("s", 0), ("ms", 3), ("us", 6), ("ns", 9)]},
    **{unit: (10**digits, 1) for unit, digits in [("ps", 12), ("fs", 15), ("as", 18)]},
}
_FLOAT64_BYTES: Final = 8
_LISTED_KINDS: Final = "biuOUT"  # of arrays whose ``tolist()`` has the exact Python values


MISSING: Final = object()  # NA and NaT


class NotJson(ValueError):
    """A value has no JSON value; ``path`` says where it is, ``[2].at``, within the value that is converted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = ""


def member(name: str) -> str:
    """Return the part of a path for a key."""
    if name.isidentifier() and len(name) <= _MAX_KEY_CHARS:
        return f".{name}"
    return f"[{name[:_MAX_KEY_CHARS]!r}]"


def simplified(value: Any) -> Any:
    """Return a value one step nearer to JSON: text, a number, a list or a dict, whose parts may need steps too.

    A missing value gives :data:`MISSING`. Raises :class:`NotJson` for what cannot be JSON, such as bytes; sets are
    left to the caller, since their items are sorted once they are JSON values.
    """
    if value.__class__ is not type(value):  # a lazy proxy, as in Airflow's contexts
        return value.__wrapped__
    return _conversion(type(value))(value)  # type: ignore[arg-type]  # a type is hashable


@lru_cache(maxsize=1024)
def _conversion(kind: type) -> Callable[[Any], Any]:
    if kind.__name__ in {"NaTType", "NAType", "MaskedConstant"}:  # of pandas and numpy
        return lambda _: MISSING
    for base, conversion in _CONVERSIONS:
        if issubclass(kind, base):
            return conversion
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and issubclass(kind, numpy.ndarray | numpy.generic):
        return _of_array if issubclass(kind, numpy.ndarray) else _of_scalar
    if hasattr(kind, "as_posix"):  # paths of object stores
        return str
    return methodcaller("tolist") if hasattr(kind, "tolist") else _refuse  # tensors, columns of data libraries


def _refuse(value: object) -> NoReturn:
    raise NotJson(f"is {shown(value)}, which is not JSON serializable")


def _refuse_bytes(value: object) -> NoReturn:
    raise NotJson(f"is {shown(value)}; decode it to text")


def sort_key(value: Any) -> tuple[int, Any]:
    """Return what the items of a set are sorted by once they are JSON values: numbers before text."""
    if isinstance(value, int | float):
        return 0, value
    return (1, value) if isinstance(value, str) else (2, repr(value))


def _date_text(value: Any) -> str:
    year = getattr(value, "year", 1)  # a time has none
    if not dt.MINYEAR <= year <= dt.MAXYEAR:  # pandas has any year
        raise NotJson(f"is {shown(value)}, and dates have years from 1 to 9999")
    return str(value.isoformat())


def _duration_text(value: Any) -> str:
    if hasattr(value, "to_timedelta64"):  # pandas: nanoseconds, or more days than Python's
        return _of_timedelta64(value.to_timedelta64())
    return iso_duration(dt.timedelta.__floordiv__(value, _MICROSECOND), 6)


def iso_duration(number: int, digits: int) -> str:
    """Return a number of units of 10 to the minus ``digits`` seconds as an ISO 8601 duration, ``P1DT2H0.5S``."""
    seconds, fraction = divmod(abs(number), 10**digits)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    places = f"{fraction:0{digits}d}".rstrip("0") if fraction else ""
    date = f"{days}D" if days else ""
    time = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    if seconds or places or not (date or time):
        time += f"{seconds}.{places}S" if places else f"{seconds}S"
    return ("-" if number < 0 else "") + "P" + date + ("T" + time if time else "")


def _number(value: Decimal) -> float:
    number = float(value)
    if Decimal(repr(number)) != value:
        raise NotJson(f"is {shown(value)}, which a JSON number cannot hold exactly; pass it as text")
    return number


def _of_array(value: Any) -> Any:
    kind = value.dtype.kind
    exact = kind in _LISTED_KINDS or (kind == "f" and value.dtype.itemsize == _FLOAT64_BYTES)
    if exact and not hasattr(value, "mask"):  # with a mask, ``tolist()`` has None for what is missing
        return value.tolist()
    return [*value] if value.ndim else value[()]


def _of_scalar(value: Any) -> Any:
    kind = value.dtype.kind
    if kind == "f":
        return float(str(value))  # as it is written: 0.1, not 0.10000000149011612
    if kind in "mM":
        if str(value) == "NaT":
            return MISSING
        return _of_datetime64(value) if kind == "M" else _of_timedelta64(value)
    if value.dtype.names:
        return {name: value[name] for name in value.dtype.names}
    return value.item() if kind in _LISTED_KINDS else _refuse(value)


def _of_datetime64(value: Any) -> str:
    date, _, time = str(value).partition("T")
    year = date.partition("-")[0]
    if len(year) != _ISO_YEAR_CHARS or year == "0000":
        raise NotJson(f"is {shown(value)}, and dates have years from 1 to 9999")
    if not time:
        return date
    clock, _, fraction = time.partition(".")
    digits = fraction.rstrip("0")
    width = -len(digits) // 3 * -3  # of milliseconds, microseconds and so on
    places = f".{digits:0<{max(width, _MICROSECOND_DIGITS)}}" if digits else ""
    return f"{date}T{clock}{':00' * (2 - clock.count(':'))}{places}"


def _of_timedelta64(value: Any) -> str:
    unit, count = sys.modules["numpy"].datetime_data(value.dtype)
    number = int(value.astype("int64")) * count
    if unit in {"Y", "M"}:
        return f"{'-' if number < 0 else ''}P{abs(number)}{unit}"
    if unit not in _UNITS:
        raise NotJson(f"is {shown(value)}, a duration without a unit")
    per_second, seconds = _UNITS[unit]
    return iso_duration(number * seconds, len(str(per_second)) - 1)


# The first that fits a type; Python's own before those of libraries, whose types may be subclasses.
_CONVERSIONS: Final[tuple[tuple[Any, Callable[[Any], Any]], ...]] = (
    (float, float),
    ((dt.date, dt.time), _date_text),
    (dt.timedelta, _duration_text),
    (Decimal, _number),
    (tuple, list),
    (UUID, str),
    (PathLike, fspath),
    ((bytes, bytearray, memoryview), _refuse_bytes),
    (Mapping, dict),
)
