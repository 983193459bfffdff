"""Arrow's values one by one: exact to the nanosecond, without pandas, and with the place of an invalid one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from airflow_provider_upstash_vector.bulk.sources.base import InvalidValue
from airflow_provider_upstash_vector.bulk.sources.extras import pyarrow
from airflow_provider_upstash_vector.client.json_values import NotJson, iso_duration, member

_MICROSECOND_CHARS = len("2026-01-02T03:04:05.000000")
_NANOSECONDS_OF_DAY = 86_400 * 10**9
_PERIOD = "pandas.period"  # stored as a number of months, days and so on

Leaf: TypeAlias = Callable[[Any], Any]


def needs_scalars(kind: Any) -> bool:
    """Return whether a type has parts of which Arrow makes other values, such as truncated nanoseconds."""
    text = str(kind)
    return any(part in text for part in ("[ns", "month_day_nano", "union<", _PERIOD))


def is_stored_as_itself(kind: Any) -> bool:
    """Return whether the values of an extension type are those that it stores."""
    return getattr(kind, "extension_name", "") not in {"arrow.uuid", "arrow.bool8", _PERIOD}


def content_type(kind: Any) -> Any:
    """Return the type of the values of a category, of runs or of an extension type; any other type is its own."""
    arrow = pyarrow()
    if arrow.types.is_dictionary(kind) or arrow.types.is_run_end_encoded(kind):
        return content_type(kind.value_type)
    if isinstance(kind, arrow.BaseExtensionType) and is_stored_as_itself(kind):
        return content_type(kind.storage_type)
    return kind


def python_value(scalar: Any) -> Any:
    """Return what a scalar is in Python; a struct without its nulls. Raises :class:`NotJson` with the place."""
    return _value(scalar, _leaf)


def invalid_value(scalar: Any, place: str) -> InvalidValue:
    """Return what is in place of a scalar that :func:`python_value` refuses, or that has no Python value."""
    reason = f"has no Python value: {scalar.type}"
    try:
        python_value(scalar)
    except NotJson as error:
        reason = f"{place}{error.path} {error.reason}" if error.path else error.reason
    except Exception:  # noqa: BLE001, S110 - as below
        pass
    try:
        shown = repr(_value(scalar, _shown))
    except Exception:  # noqa: BLE001 - a map with a key twice, a type that is new
        shown = f"<{scalar.type}>"
    return InvalidValue(shown, reason)


def _value(scalar: Any, leaf: Leaf) -> Any:
    types, kind = pyarrow().types, scalar.type
    if not scalar.is_valid:
        return None
    if types.is_union(kind) or content_type(kind) is not kind:
        return _value(scalar.value, leaf)
    if types.is_struct(kind):
        names = [part.name for part in kind]
        parts = _placed([(member(name), scalar[n]) for n, name in enumerate(names)], leaf)
        return unique([(name, part) for name, part in zip(names, parts, strict=True) if part is not None])
    if types.is_map(kind):
        pairs = scalar.values
        keys = [_value(key, leaf) for key in pairs.field(0)]
        items = _placed([(member(str(key)), item) for key, item in zip(keys, pairs.field(1), strict=True)], leaf)
        return unique([*zip(keys, items, strict=True)])
    if types.is_nested(kind) and hasattr(kind, "value_type"):
        return _placed([(f"[{n}]", item) for n, item in enumerate(scalar.values)], leaf)
    return leaf(scalar)


def _placed(scalars: list[tuple[str, Any]], leaf: Leaf) -> list[Any]:
    values: list[Any] = []
    try:
        for _, scalar in scalars:
            values.append(_value(scalar, leaf))
    except NotJson as error:
        error.path = scalars[len(values)][0] + error.path
        raise
    return values


def unique(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return the mapping of pairs. Raises :class:`NotJson` if a key stands twice."""
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        keys = [key for key, _ in pairs]
        raise NotJson(f"has two keys with the text {next(key for key in keys if keys.count(key) > 1)!r}")
    return mapping


def _leaf(scalar: Any) -> Any:
    arrow = pyarrow()
    types, kind = arrow.types, scalar.type
    if types.is_interval(kind):
        months, days, nanoseconds = scalar.value
        if months:
            raise NotJson(f"is {_shown(scalar)}, and months are of different lengths")
        return iso_duration(days * _NANOSECONDS_OF_DAY + nanoseconds, 9)
    if getattr(kind, "extension_name", "") == _PERIOD:
        raise NotJson(f"is {_shown(scalar)}, a period of pandas; convert the column with dt.to_timestamp() or str")
    if getattr(kind, "unit", "") == "ns":
        return _of_nanoseconds(scalar, arrow)
    try:
        value = scalar.as_py()
    except UnicodeDecodeError:
        raise NotJson(f"is {_shown(scalar)}, which is not UTF-8 text") from None
    except (ValueError, OverflowError, LookupError, arrow.ArrowException):
        raise NotJson(f"is {_shown(scalar)}, beyond the dates, times and durations of Python") from None
    return kind.to_pandas_dtype()(value) if types.is_floating(kind) else value


def _of_nanoseconds(scalar: Any, arrow: Any) -> Any:
    kind = scalar.type
    if arrow.types.is_duration(kind):
        return iso_duration(scalar.value, 9)
    microseconds, rest = divmod(scalar.value, 1_000)
    is_time = arrow.types.is_time(kind)
    value = arrow.scalar(microseconds, arrow.time64("us") if is_time else arrow.timestamp("us", kind.tz)).as_py()
    if not rest:
        return value
    text = value.isoformat(timespec="microseconds")
    end = len("03:04:05.000000") if is_time else _MICROSECOND_CHARS
    return f"{text[:end]}{rest:03d}{text[end:]}"


def _shown(scalar: Any) -> Any:
    """Return a scalar's value even if it is invalid: bytes that are not text, a number that is not a date."""
    arrow = pyarrow()
    types, kind = arrow.types, scalar.type
    if hasattr(scalar, "as_buffer"):
        content = scalar.as_buffer().to_pybytes()
        try:
            return content if types.is_binary(kind) else content.decode()
        except UnicodeDecodeError:
            return content
    if types.is_temporal(kind):
        return f"{kind} {scalar.value}"
    return scalar.as_py()
