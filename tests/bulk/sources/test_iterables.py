from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from itertools import chain
from typing import Any, cast

import pytest

from airflow_provider_upstash_vector.bulk.sources import (
    PENDING,
    AsyncSource,
    FieldNames,
    InvalidRows,
    Shard,
    open_source,
)
from tests.support.reading import source, values

ROWS = [{"id": str(row)} for row in range(7)]


@pytest.mark.parametrize("kind", [list, tuple, deque])
@pytest.mark.parametrize("skip", [0, 3, 7])
def test_a_sequence_is_read_from_a_row_on(kind: type[Any], skip: int) -> None:
    opened = source(kind(ROWS))
    assert (opened.total, opened.blocking, opened.count_from(skip, 60)) == (7, kind is deque, 7 - skip)
    assert list(opened.rows(skip)) == [(row, None, None) for row in ROWS[skip:]]
    assert values(kind(ROWS), skip) == ROWS[skip:]


def test_a_list_is_no_list_of_paths_only_because_it_is_empty() -> None:
    opened = source([])
    assert (opened.total, opened.fraction(), list(opened.rows(0))) == (0, None, [])


def test_how_much_of_a_list_has_been_read() -> None:
    opened = source(ROWS[:4])
    assert [opened.fraction() for _ in opened.rows(0)] == [0.25, 0.5, 0.75, 1.0]
    assert [opened.fraction() for _ in opened.rows(2)] == [0.75, 1.0]


def test_shards_of_a_list_are_contiguous() -> None:
    parts = [values(ROWS, shard=(number, 3)) for number in range(3)]
    assert [len(part) for part in parts] == [2, 2, 3]
    assert list(chain(*parts)) == ROWS
    assert values(ROWS[:1], shard=(0, 2)) + values(ROWS[:1], shard=(1, 2)) == ROWS[:1]


@pytest.mark.parametrize("skip", [0, 2])
def test_shards_of_an_iterable_are_every_nth_row(skip: int) -> None:
    assert values(iter(ROWS), skip, shard=(1, 2)) == ROWS[1::2][skip:]
    opened = source(iter(ROWS), shard=(1, 2))
    assert (opened.total, opened.fraction(), opened.count_from(0, 60), opened.blocking) == (None, None, None, True)


@pytest.mark.parametrize("shard", [None, Shard(0, 3), Shard(2, 3)])
@pytest.mark.parametrize("skip", [0, 1, 9])
def test_an_async_iterable(shard: Shard | None, skip: int) -> None:
    async def numbers() -> AsyncIterator[dict[str, str]]:
        for row in ROWS:
            await asyncio.sleep(0)
            yield row

    async def read() -> list[object]:
        opened = cast("AsyncSource", open_source(numbers(), FieldNames(), shard=shard))
        return [row[0] async for row in opened.rows(skip) if row is not PENDING]

    expected = ROWS[shard.number :: shard.of] if shard else ROWS
    assert asyncio.run(read()) == expected[skip:]


@pytest.mark.parametrize("rows", [None, 7, {"id": "a"}, b"bytes", bytearray(b"bytes"), object()])
def test_what_are_no_rows(rows: object) -> None:
    with pytest.raises(InvalidRows, match="rows must be a list, an iterable, a table or a path, got"):
        source(rows)


def test_the_fingerprint_of_a_list_sees_its_length_and_the_shard() -> None:
    assert source(ROWS).fingerprint != source(ROWS[1:]).fingerprint
    assert source(ROWS, shard=(0, 2)).fingerprint != source(ROWS, shard=(1, 2)).fingerprint


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ({"id": ""}, "must be non-empty text"),
        ({"id": 7}, "must be non-empty text"),
        ({"id": "vector"}, "two fields have the same name"),
    ],
)
def test_field_names_that_make_no_sense(names: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRows, match=reason):
        FieldNames(**names)


def test_a_field_may_have_the_service_spelling_of_another() -> None:
    assert FieldNames(data="sparseVector").by_name()["sparseVector"] == "data"
    assert FieldNames().by_name()["sparseVector"] == "sparse_vector"
