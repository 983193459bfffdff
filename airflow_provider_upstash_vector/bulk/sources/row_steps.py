"""Steps between a source and a run: the rows in a field of others, and ids from a template."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from airflow_provider_upstash_vector.bulk.sources.base import (
    FAILURE_FIELD,
    PENDING,
    AsyncSource,
    InvalidRows,
    Pending,
    RejectedRow,
    Source,
    SourceRow,
)
from airflow_provider_upstash_vector.bulk.sources.cursor import Pace, RowCursor
from airflow_provider_upstash_vector.bulk.sources.field_paths import MISSING, FieldPath
from airflow_provider_upstash_vector.bulk.sources.id_template import IdTemplate, TemplateIds
from airflow_provider_upstash_vector.bulk.sources.iterables import AsyncIterableRows
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.validation import shown

T = TypeVar("T")
_ROWS = "rows_field"
Placed: TypeAlias = tuple[object, "int | str | None"]
Step: TypeAlias = Callable[[SourceRow], Iterable[SourceRow]]


def rows_in(value: Mapping[Any, Any], path: FieldPath) -> Sequence[Any]:
    """Return the list of rows in a mapping. Raises ``InvalidRequest`` if there is none."""
    rows = path.value(value)
    if rows is MISSING:
        found = ", ".join(map(str, value))[:100]
        raise InvalidRequest(_ROWS, f"there is no {path.text!r}, only {found or 'an empty object'}")
    if isinstance(rows, str | bytes | bytearray) or not isinstance(rows, Sequence):
        raise InvalidRequest(_ROWS, f"{path.text!r} must be a list of rows, got {shown(rows)}")
    return rows


def checked_rows(value: Mapping[Any, Any], path: FieldPath) -> Sequence[Any]:
    """Return the list of rows in a mapping. Raises :class:`InvalidRows` if there is none."""
    try:
        return rows_in(value, path)
    except InvalidRequest as error:
        raise InvalidRows(f"rows cannot be read with rows_field: {error.reason}") from None


def children(value: object, place: int | str | None, path: FieldPath) -> Iterator[Placed]:
    """Yield the rows in a parent, or a :class:`RejectedRow` if it has none; one that failed before is a row."""
    if not isinstance(value, Mapping):
        yield value, place
        return
    try:
        failure = value.get(FAILURE_FIELD)
        is_row = isinstance(failure, Mapping) and failure.get("field") != _ROWS
        rows: Sequence[Any] = [value] if is_row else rows_in(value, path)
    except Exception as error:  # noqa: BLE001 - a mapping of the row's own
        yield RejectedRow(value, error), place
        return
    line = f"line {place}" if isinstance(place, int) else place
    is_failed = isinstance(failure, Mapping) and not is_row
    for number, row in enumerate(rows):
        if is_failed and isinstance(row, Mapping):  # of whose id the index is unknown
            row = {**row, FAILURE_FIELD: {"field": _ROWS}}  # noqa: PLW2901 - the row with what it came from
        yield row, place if is_row or line is None else f"{line}, {path.text}[{number}]"


def placed_children(parents: Iterable[Any], path: FieldPath, skip: RowCursor) -> Iterator[Placed | Pending]:
    """Yield the rows in parents that are not skipped."""
    pace = Pace()
    for parent in parents:
        if parent is PENDING:
            yield PENDING
        else:
            yield from _not_skipped(children(parent[0], parent[1], path), skip, pace)


def _not_skipped(rows: Iterable[T], skip: RowCursor, pace: Pace) -> Iterator[T | Pending]:
    for row in rows:
        if not skip.passes():
            yield row
        elif pace.is_due():
            yield PENDING


def with_nested_rows(source: Source | AsyncSource, path: FieldPath) -> Source | AsyncSource:
    """Return the source of the rows in each parent of a source."""

    def step(row: SourceRow) -> Iterator[SourceRow]:
        value, file, place = row
        return ((child, file, child_place) for child, child_place in children(value, place, path))

    return _stepped(source, lambda: step, one_each=False, counts=True)


def with_template_ids(source: Source | AsyncSource, template: IdTemplate, id_field: str) -> Source | AsyncSource:
    """Return a source whose rows have the ids of a template."""

    def start() -> Step:
        identify = TemplateIds(template, id_field)
        return lambda row: ((identify(row[0]), row[1], row[2]),)

    return _stepped(source, start, one_each=True, counts=template.counts)


def _stepped(
    source: Source | AsyncSource, start: Callable[[], Step], *, one_each: bool, counts: bool
) -> Source | AsyncSource:
    is_async = isinstance(source, AsyncIterableRows | _AsyncSteppedRows)
    kind = _AsyncSteppedRows if is_async else _SteppedRows
    return kind(source, start, one_each=one_each, counts=counts)


class _Stepped:
    """Rows of ``source`` after a step, ``one_each`` or several; if it ``counts``, it starts at the first row."""

    def __init__(self, source: Any, start: Callable[[], Step], *, one_each: bool, counts: bool) -> None:
        self._source = source
        self._start = start
        self._counts = counts
        self._one_each = one_each
        self.total: int | None = source.total if one_each else None
        self.fingerprint: str | None = source.fingerprint
        self.fixed: bool = source.fixed
        self.rereadable: bool = source.rereadable
        self.blocking: bool = getattr(source, "blocking", False)

    def fraction(self) -> float | None:
        """Return how much of the source has been read."""
        fraction: float | None = self._source.fraction()
        return fraction

    def count_from(self, skip: int, seconds: float) -> int | None:
        """Return the number of rows after the first ``skip``, ``None`` if each row may become several."""
        count: int | None = self._source.count_from(skip, seconds) if self._one_each else None
        return count

    def _begun(self, skip: int) -> tuple[int, Callable[[SourceRow | Pending], Iterator[SourceRow | Pending]]]:
        """Return the row to read from, and what yields the rows that are made of each and not skipped."""
        first = 0 if self._counts else skip
        step, cursor, pace = self._start(), RowCursor(skip - first), Pace()

        def rows_of(row: SourceRow | Pending) -> Iterator[SourceRow | Pending]:
            if row is PENDING:
                yield PENDING
            else:
                yield from _not_skipped(step(row), cursor, pace)

        return first, rows_of


class _SteppedRows(_Stepped):
    def rows(self, skip: int) -> Iterator[SourceRow | Pending]:
        """Yield the rows after the first ``skip``."""
        first, rows_of = self._begun(skip)
        for row in self._source.rows(first):
            yield from rows_of(row)


class _AsyncSteppedRows(_Stepped):
    async def rows(self, skip: int) -> AsyncIterator[SourceRow | Pending]:
        """Yield the rows after the first ``skip``."""
        first, rows_of = self._begun(skip)
        async for row in self._source.rows(first):
            for new in rows_of(row):
                yield new
