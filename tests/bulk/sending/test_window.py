from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_provider_upstash_vector.bulk.sending.window import Window


@dataclass(eq=False)
class Item:
    key: tuple[str, str]
    number: int
    body: bytes = b"body"


@dataclass
class Model:
    """The rows offered and not settled, by their state."""

    fresh: list[Item] = field(default_factory=list)
    in_flight: list[Item] = field(default_factory=list)
    again: list[Item] = field(default_factory=list)
    aside: list[Item] = field(default_factory=list)


class WindowMachine(RuleBasedStateMachine):
    @initialize(
        slots=st.integers(1, 5), max_lead=st.integers(1, 12), rows=st.integers(1, 5), size=st.integers(1, 20)
    )
    def begin(self, slots: int, max_lead: int, rows: int, size: int) -> None:
        self.slots, self.max_lead, self.max_rows, self.max_bytes = slots, max_lead, rows, size
        self.window: Window[Item] = Window(max_lead, max_waiting_rows=rows, max_waiting_bytes=size)
        self.model = Model()
        self.next_number = 0
        self.settled: set[int] = set()
        self.taken: dict[tuple[str, str], int] = {}

    @property
    def watermark(self) -> int:
        return next(number for number in range(self.next_number + 1) if number not in self.settled)

    def waiting(self) -> int:
        """Count the rows behind another and those put aside."""
        model = self.model
        rows = [*model.fresh, *model.again, *model.in_flight]
        return len(rows) - len({row.key for row in rows} - {row.key for row in model.aside}) + len(model.aside)

    @rule(key=st.sampled_from([("", "a"), ("", "b"), ("x", "a"), ("x", "c"), ("", "d")]))
    def offer(self, key: tuple[str, str]) -> None:
        if self.window.has_room(self.next_number, self.watermark):
            waiting = self.waiting()
            assert waiting < self.max_rows
            assert waiting * len(Item.body) < self.max_bytes
            item = Item(key, self.next_number)
            self.next_number += 1
            self.window.offer(item)
            self.model.fresh.append(item)

    @rule()
    def settle_without_sending(self) -> None:
        """A row that is rejected never enters the window."""
        if self.window.has_room(self.next_number, self.watermark):
            self.settled.add(self.next_number)
            self.next_number += 1

    @precondition(lambda self: self.window.in_flight < self.slots)
    @rule()
    def take(self) -> None:
        only_aside = self.window.only_aside
        item = self.window.take()
        taken = {other.key for other in [*self.model.in_flight, *self.model.aside]}
        waits = not self.model.again and all(row.key in taken for row in self.model.fresh)
        assert only_aside == (waits and bool(self.model.aside))
        if item is None:
            assert waits
            assert not self.model.aside
            return
        assert item.key not in {other.key for other in self.model.in_flight}
        if self.model.again:
            assert item is self.model.again.pop()
        elif waits:
            assert item is self.model.aside.pop(0)
        else:
            first = next(row for row in self.model.fresh if row.key == item.key)
            assert item is first
            assert item.number > self.taken.get(item.key, -1)
            self.model.fresh.remove(item)
        self.taken[item.key] = item.number
        self.model.in_flight.append(item)

    @precondition(lambda self: self.model.in_flight)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.model.in_flight))
        self.model.in_flight.remove(item)
        freed = self.window.settle(item)
        self.settled.add(item.number)
        assert freed == any(row.key == item.key for row in self.model.fresh)

    @precondition(lambda self: self.model.in_flight)
    @rule(data=st.data())
    def put_back(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.model.in_flight))
        self.model.in_flight.remove(item)
        self.window.put_back(item)
        self.model.again.append(item)

    @precondition(lambda self: self.model.in_flight)
    @rule(data=st.data())
    def put_aside(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.model.in_flight))
        self.model.in_flight.remove(item)
        self.window.put_aside(item)
        self.model.aside.append(item)

    @rule()
    def restore(self) -> None:
        self.window.restore()
        self.model.again.extend(reversed(self.model.aside))
        self.model.aside = []

    @rule()
    def drain(self) -> None:
        left = self.window.drain()
        assert sorted(row.number for row in left) == sorted(
            row.number for row in [*self.model.fresh, *self.model.again, *self.model.aside]
        )
        self.settled |= {row.number for row in left}
        self.model.fresh, self.model.again, self.model.aside = [], [], []

    @invariant()
    def counts_are_right_and_bounded(self) -> None:
        model, window = self.model, self.window
        assert window.in_flight == len(model.in_flight) <= self.slots
        rows = [*model.fresh, *model.again, *model.in_flight, *model.aside]
        assert window.unsettled == len(rows)
        assert self.next_number <= self.watermark + self.max_lead

    @invariant()
    def there_is_always_a_next_step(self) -> None:
        if not self.window.in_flight:
            assert self.window.has_ready == bool(self.window.unsettled)
        if not self.window.unsettled:
            assert self.window.has_room(self.next_number, self.watermark)


TestWindow = WindowMachine.TestCase


def test_rows_of_one_vector_are_sent_one_after_another() -> None:
    window: Window[Item] = Window(100)
    rows = [Item(("", "a"), 0), Item(("", "a"), 1), Item(("other", "a"), 2), Item(("", "a"), 3)]
    for row in rows:
        window.offer(row)
    assert [window.take(), window.take(), window.take()] == [rows[0], rows[2], None]
    assert not window.settle(rows[2])
    assert window.settle(rows[0])
    assert [window.take(), window.take()] == [rows[1], None]


def test_a_row_put_back_goes_before_those_of_its_vector_and_all_others() -> None:
    window: Window[Item] = Window(100)
    first, second, other = Item(("", "a"), 0), Item(("", "a"), 1), Item(("", "b"), 2)
    window.offer(first)
    window.take()
    window.offer(second)
    window.offer(other)
    window.put_back(first)
    assert [window.take(), window.take()] == [first, other]


def test_no_more_rows_are_read_than_may_wait_behind_one_vector() -> None:
    window: Window[Item] = Window(1_000, max_waiting_rows=3)
    number = 0
    while window.has_room(number, 0):
        window.offer(Item(("", "hot"), number))
        number += 1
        window.take()
    assert number == 4


def test_no_row_is_read_beyond_the_max_lead() -> None:
    window: Window[Item] = Window(10)
    assert window.has_room(9, 0)
    assert not window.has_room(10, 0)
    assert window.has_room(10, 1)
