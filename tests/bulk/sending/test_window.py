"""The window against a model of it: rows of one vector in order, batches, halves of batches, and limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_provider_upstash_vector.bulk.sending.batch import Batch, Split
from airflow_provider_upstash_vector.bulk.sending.window import Window


@dataclass(eq=False)
class Item:
    key: tuple[str, str]
    number: int
    fragment: bytes = b"body"
    path: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = self.key[0]


ItemBatch: TypeAlias = Batch[Item]
ItemWindow: TypeAlias = Window[Item, ItemBatch]


@dataclass
class Model:
    """The rows offered and not settled, by their state; the parts that wait for another of their split."""

    fresh: list[Item] = field(default_factory=list)
    in_flight: list[ItemBatch] = field(default_factory=list)
    again: list[ItemBatch] = field(default_factory=list)
    aside: list[ItemBatch] = field(default_factory=list)
    splits: dict[Split, list[ItemBatch]] = field(default_factory=dict)

    def waiting_parts(self) -> list[ItemBatch]:
        return [part for parts in self.splits.values() for part in parts]

    def held(self) -> list[Item]:
        """Return the rows whose keys are taken, other than those ready for the first time."""
        return rows_of([*self.in_flight, *self.again, *self.aside, *self.waiting_parts()])

    def free(self) -> list[Item]:
        """Return the fresh rows whose keys are not taken."""
        taken = {row.key for row in self.held()}
        first: dict[tuple[str, str], Item] = {}
        for row in self.fresh:
            if row.key not in taken:
                first.setdefault(row.key, row)
        return [*first.values()]


def rows_of(batches: Iterable[ItemBatch]) -> list[Item]:
    return [row for batch in batches for row in batch.rows]


def numbers(rows: Iterable[Item]) -> list[int]:
    return sorted(row.number for row in rows)


class WindowMachine(RuleBasedStateMachine):
    @initialize(
        slots=st.integers(1, 5),
        max_lead=st.integers(1, 12),
        max_rows=st.integers(1, 4),
        max_bytes=st.integers(1, 12),
        waiting_rows=st.integers(1, 5),
        waiting_bytes=st.integers(1, 20),
    )
    def begin(self, slots: int, max_lead: int, max_rows: int, max_bytes: int, **waiting: int) -> None:
        self.slots, self.max_lead, self.max_rows, self.max_bytes = slots, max_lead, max_rows, max_bytes
        self.max_waiting_rows, self.max_waiting_bytes = waiting["waiting_rows"], waiting["waiting_bytes"]
        self.window: ItemWindow = Window(
            Batch[Item],
            max_lead,
            max_rows=max_rows,
            max_bytes=max_bytes,
            max_waiting_rows=self.max_waiting_rows,
            max_waiting_bytes=self.max_waiting_bytes,
        )
        self.model = Model()
        self.next_number = 0
        self.settled: set[int] = set()
        self.taken: dict[tuple[str, str], int] = {}

    @property
    def watermark(self) -> int:
        return next(number for number in range(self.next_number + 1) if number not in self.settled)

    @rule(
        key=st.sampled_from([("", "a"), ("", "b"), ("x", "a"), ("x", "c"), ("", "d"), ("", "e"), ("", "f")]),
        size=st.integers(1, 9),
    )
    def offer(self, key: tuple[str, str], size: int) -> None:
        if self.window.has_room(self.next_number, self.watermark):
            model = self.model
            free = model.free()
            waiting = [row for row in model.fresh if row not in free] + rows_of(model.aside)
            waiting += free if self.max_rows > 1 else []
            assert len(waiting) < self.max_waiting_rows
            assert sum(len(row.fragment) for row in waiting) < self.max_waiting_bytes
            item = Item(key, self.next_number, b"x" * size)
            self.next_number += 1
            self.window.offer(item)
            model.fresh.append(item)

    @rule()
    def settle_without_sending(self) -> None:
        """A row that is rejected never enters the window."""
        if self.window.has_room(self.next_number, self.watermark):
            self.settled.add(self.next_number)
            self.next_number += 1

    @precondition(lambda self: self.window.in_flight < self.slots)
    @rule(max_rows=st.none() | st.integers(1, 3), partial=st.booleans())
    def take(self, max_rows: int | None, *, partial: bool) -> None:
        model, window = self.model, self.window
        free = model.free()
        assert window.only_aside == (bool(model.aside) and not model.again and not free)
        assert window.has_ready() == bool(model.again or free or model.aside)
        ready, rows = window.has_ready(partial=partial), window.next_rows(partial=partial)
        batch = window.take(max_rows, partial=partial)
        assert ready == (batch is not None) == (rows > 0)
        if batch is None:
            assert not model.again
            assert not model.aside
            assert not (free and partial)
            assert window.has_partial == bool(free)
            return
        assert len(batch.rows) == min(rows, max_rows or rows)
        if model.again:
            whole = model.again.pop()
        elif free and batch.rows[0] in free:
            # in the order of the source, of one path, no larger than allowed
            assert {*numbers(batch.rows)} <= {*numbers(free)}
            assert len({row.path for row in batch.rows}) == 1
            assert len({row.key for row in batch.rows}) == len(batch.rows) <= self.max_rows
            assert len(batch.rows) == 1 or batch.size <= self.max_bytes
            assert all(row.number > self.taken.get(row.key, -1) for row in batch.rows)
            whole = batch
        else:
            assert not (free and partial)
            whole = model.aside.pop(0)
        if len(whole.rows) > len(batch.rows):
            model.again.append(whole.part(whole.rows[len(batch.rows) :]))
        self.fresh_without(whole.rows if whole is not batch else batch.rows)
        if whole is batch and rows > len(batch.rows):  # a fresh batch was cut: its rest goes before all others
            rest = window._again[0]
            assert len(rest.rows) == rows - len(batch.rows)
            self.fresh_without(rest.rows)
            model.again.append(rest)
        assert [*whole.rows[: len(batch.rows)]] == batch.rows
        assert batch.split is whole.split
        self.taken.update({row.key: row.number for row in batch.rows})
        model.in_flight.append(batch)

    def fresh_without(self, rows: list[Item]) -> None:
        self.model.fresh = [row for row in self.model.fresh if row not in rows]

    def landed(self, data: st.DataObject) -> Any:
        batch = data.draw(st.sampled_from(self.model.in_flight))
        self.model.in_flight.remove(batch)
        return batch

    @precondition(lambda self: self.model.in_flight)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        batch = self.landed(data)
        self.window.settle(batch)
        self.settled |= {row.number for row in batch.rows}
        if batch.split is not None and self.model.splits.get(batch.split):
            self.model.again.append(self.model.splits[batch.split].pop())

    @precondition(lambda self: any(len(batch.rows) > 1 for batch in self.model.in_flight))
    @rule(data=st.data())
    def halve(self, data: st.DataObject) -> None:
        batch = self.landed(data)
        if len(batch.rows) == 1:
            self.model.in_flight.append(batch)
            return
        self.window.halve(batch)
        split = batch.split or Split()
        first, rest = self.window._again[0], split.waiting[-1]
        assert first.rows + rest.rows == batch.rows
        assert abs(len(first.rows) - len(rest.rows)) <= 1
        assert {first.split, rest.split} == {split}
        self.model.again.append(first)
        self.model.splits.setdefault(split, []).append(rest)

    @precondition(lambda self: self.model.in_flight)
    @rule(data=st.data())
    def settle_rest(self, data: st.DataObject) -> None:
        batch: Any = data.draw(st.sampled_from(self.model.in_flight))
        rows = self.window.settle_rest(batch)
        assert numbers(rows) == numbers(rows_of(self.model.splits.pop(batch.split, [])))
        self.settled |= {row.number for row in rows}

    @precondition(lambda self: self.model.in_flight)
    @rule(data=st.data())
    def put_back(self, data: st.DataObject) -> None:
        batch = self.landed(data)
        self.window.put_back(batch)
        self.model.again.append(batch)

    @precondition(lambda self: self.model.in_flight)
    @rule(data=st.data())
    def put_aside(self, data: st.DataObject) -> None:
        batch = self.landed(data)
        self.window.put_aside(batch)
        self.model.aside.append(batch)

    @rule()
    def restore(self) -> None:
        self.window.restore()
        self.model.again.extend(reversed(self.model.aside))
        self.model.aside = []

    @rule()
    def drain(self) -> None:
        model = self.model
        sent = self.window.drain()
        assert numbers(rows_of(sent)) == numbers(rows_of([*model.again, *model.aside, *model.waiting_parts()]))
        self.settled |= {row.number for row in [*model.fresh, *rows_of(sent)]}
        model.fresh, model.again, model.aside, model.splits = [], [], [], {}

    @invariant()
    def counts_are_right_and_bounded(self) -> None:
        model, window = self.model, self.window
        assert window.in_flight == len(model.in_flight) <= self.slots
        assert window.rows_in_flight == len(list(rows_of(model.in_flight)))
        assert window.bytes_in_flight == sum(len(row.fragment) for row in rows_of(model.in_flight))
        assert window.unsettled == len(model.fresh) + len(model.held())
        assert self.next_number <= self.watermark + self.max_lead

    @invariant()
    def no_vector_is_in_flight_twice(self) -> None:
        keys = [row.key for row in rows_of(self.model.in_flight)]
        assert len({*keys}) == len(keys)

    @invariant()
    def there_is_always_a_next_step(self) -> None:
        if not self.window.in_flight:
            assert self.window.has_ready() == bool(self.window.unsettled)
        if not self.window.unsettled:
            assert self.window.has_room(self.next_number, self.watermark)


TestWindow = WindowMachine.TestCase


def taken(window: ItemWindow, times: int) -> list[list[Item] | None]:
    return [batch.rows if batch else None for batch in (window.take() for _ in range(times))]


def test_rows_of_one_vector_are_sent_one_after_another() -> None:
    window: ItemWindow = Window(Batch[Item], 100)
    rows = [Item(("", "a"), 0), Item(("", "a"), 1), Item(("other", "a"), 2), Item(("", "a"), 3)]
    for row in rows:
        window.offer(row)
    first, other = window.take(), window.take()
    assert first is not None
    assert other is not None
    assert (first.rows, other.rows, window.take()) == ([rows[0]], [rows[2]], None)
    window.settle(other)
    assert window.take() is None
    window.settle(first)
    assert taken(window, 2) == [[rows[1]], None]


def test_a_batch_put_back_goes_before_the_rows_of_its_vectors_and_all_others() -> None:
    window: ItemWindow = Window(Batch[Item], 100)
    first, second, other = Item(("", "a"), 0), Item(("", "a"), 1), Item(("", "b"), 2)
    window.offer(first)
    batch = window.take()
    assert batch is not None
    window.offer(second)
    window.offer(other)
    window.put_back(batch)
    assert taken(window, 2) == [[first], [other]]


def test_batches_of_interleaved_namespaces_are_full() -> None:
    window: ItemWindow = Window(Batch[Item], 100, max_rows=3, max_bytes=1_000)
    rows = [Item((f"n{number % 2}", str(number)), number) for number in range(7)]
    for row in rows:
        window.offer(row)
    assert not window.has_room(7, 0)
    first = window.take(partial=False), window.take(partial=False)
    assert [batch and numbers(batch.rows) for batch in first] == [[0, 2, 4], [1, 3, 5]]
    assert window.take(partial=False) is None
    assert taken(window, 2) == [[rows[6]], None]


def test_a_row_longer_than_a_batch_goes_alone() -> None:
    window: ItemWindow = Window(Batch[Item], 100, max_rows=10, max_bytes=10)
    rows = [Item(("", str(number)), number, b"x" * size) for number, size in enumerate((4, 99, 4, 4, 4))]
    for row in rows:
        window.offer(row)
    assert taken(window, 4) == [rows[:1], rows[1:2], rows[2:4], rows[4:]]


def test_no_more_rows_are_read_than_may_wait_behind_one_vector() -> None:
    window: ItemWindow = Window(Batch[Item], 1_000, max_waiting_rows=3)
    number = 0
    while window.has_room(number, 0):
        window.offer(Item(("", "hot"), number))
        number += 1
        window.take()
    assert number == 4


def test_no_row_is_read_beyond_the_max_lead() -> None:
    window: ItemWindow = Window(Batch[Item], 10)
    assert window.has_room(9, 0)
    assert not window.has_room(10, 0)
    assert window.has_room(10, 1)


def parts_sent(rows: int, bad: set[int], message: str = "m") -> tuple[list[list[int]], list[int]]:
    """Send a batch as the engine does; return the numbers in each request, and those that failed."""
    window: ItemWindow = Window(Batch[Item], 1_000, max_rows=rows, max_bytes=10**9)
    for number in range(rows):
        window.offer(Item(("", str(number)), number))
    requests, failed = [], []
    while (batch := window.take()) is not None:
        requests.append(numbers(batch.rows))
        refused = bad & {*requests[-1]}
        if refused and len(batch.rows) > 1:
            window.halve(batch)
            continue
        rest = []
        if refused:
            failed += requests[-1]
            if batch.split and batch.split.refused_alone(400, message):
                rest = window.settle_rest(batch)
        elif batch.split:
            batch.split.accepted()
        window.settle(batch)
        failed += numbers(rest)
    assert not window.unsettled
    return requests, failed


def test_halves_find_the_bad_rows_with_few_requests() -> None:
    requests, failed = parts_sent(1_000, {7, 631})
    assert failed == [7, 631]
    assert len(requests) < 45
    requests, failed = parts_sent(1_000, {*range(1_000)})
    assert failed == [*range(1_000)]
    assert len(requests) < 30


def test_rows_after_one_that_was_accepted_are_all_sent() -> None:
    requests, failed = parts_sent(100, {*range(1, 100)})
    assert failed == [*range(1, 100)]
    assert [[number] for number in range(100)] == [numbers for numbers in requests if len(numbers) == 1]
