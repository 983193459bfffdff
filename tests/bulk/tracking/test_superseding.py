"""Runs on one checkpoint, at the same time: the newest wins, whatever order their steps take."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from airflow_provider_upstash_vector.bulk.errors import Superseded
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import CheckpointWriter, load_checkpoint
from airflow_provider_upstash_vector.bulk.tracking.journal import read_journal
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker
from airflow_provider_upstash_vector.bulk.tracking.run_tokens import next_run, run_of

RING = 16


@dataclass
class Store:
    """Keeps JSON text, as Airflow's does."""

    journal_path: Path
    text: str | None = None

    def load(self) -> Mapping[str, Any] | None:
        return None if self.text is None else json.loads(self.text)

    def save(self, state: dict[str, Any]) -> None:
        self.text = json.dumps(state, allow_nan=False)

    def clear(self) -> None:
        self.text = None


class Run:
    """What a job does with its checkpoint."""

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        found = load_checkpoint(store, "x") or Checkpoint(fingerprint="x")
        self.tracker = OutcomeTracker(
            found.watermark, found.counts_below_watermark, found.outcomes_above_watermark
        )
        self.writer = CheckpointWriter(store, self.tracker, previous_run=found.run, ring_rows=RING)
        self.stopped = self.save() is not None

    def save(self) -> Exception | None:
        return self.loop.run_until_complete(self.writer.save(self.checkpoint()))

    def checkpoint(self) -> Checkpoint:
        tracker = self.tracker
        return Checkpoint(
            fingerprint="x",
            watermark=tracker.watermark,
            counts_below_watermark=tracker.counts_below_watermark,
            outcomes_above_watermark=dict(tracker.outcomes_above_watermark),
        )

    def end(self, how: str) -> None:
        ends = {"finish": self.writer.finish, "discard": self.writer.discard}
        try:
            ending = ends[how](self.checkpoint()) if how in ends else self.writer.clear()
            self.loop.run_until_complete(ending)
        except Superseded:
            pass
        finally:
            self.stopped = True
            self.writer.close()


class NewestWins(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="upstash-vector-superseding-"))
        self.loop = asyncio.new_event_loop()
        self.store = Store(self.folder / "x.journal")
        self.runs: list[Run] = []

    def teardown(self) -> None:
        for run in self.runs:
            run.writer.close()
        self.loop.close()
        rmtree(self.folder)

    def sending(self) -> list[Run]:
        return [run for run in self.runs if not run.stopped]

    def token(self) -> str:
        return run_of(json.loads(self.store.text)) if self.store.text else ""

    @precondition(lambda self: len(self.sending()) < 4)
    @rule()
    def start(self) -> None:
        run = Run(self.store, self.loop)
        self.runs.append(run)
        assert not run.stopped, "a run that starts is never refused"
        assert self.token() == run.writer.run == max(run.writer.run for run in self.runs)

    @precondition(lambda self: self.sending())
    @rule(data=st.data(), count=st.integers(1, RING))
    def settle(self, data: st.DataObject, count: int) -> None:
        run = data.draw(st.sampled_from(self.sending()))
        for _ in range(count):
            if run.writer.journal.covers(run.tracker.watermark):
                run.writer.journal.settle(run.tracker.watermark, Outcome.DONE)
                run.tracker.settle(run.tracker.watermark, Outcome.DONE)

    @precondition(lambda self: self.sending())
    @rule(data=st.data())
    def save(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.sending()))
        self.act(run, lambda: setattr(run, "stopped", run.save() is not None))

    @precondition(lambda self: self.sending())
    @rule(data=st.data(), how=st.sampled_from(["clear", "finish", "discard"]))
    def end(self, data: st.DataObject, how: str) -> None:
        run = data.draw(st.sampled_from(self.sending()))
        self.act(run, lambda: run.end(how))

    def act(self, run: Run, action: Callable[[], None]) -> None:
        """Act; an older run changes nothing of a newer one, and stops."""
        before, token = self.store.text, self.token()
        action()
        if token > run.writer.run:
            assert self.store.text == before
            assert run.stopped
            assert run.writer.superseded
        newest = max(self.runs, key=lambda run: run.writer.run)
        if not newest.stopped and self.token() == newest.writer.run:
            assert self.store.journal_path.exists()
            known = read_journal(self.store.journal_path, newest.writer.journal.token, 0)
            assert known.digest, "the newest run's journal was deleted or replaced"

    @precondition(lambda self: len(self.sending()) > 1)
    @rule()
    def race(self) -> None:
        """An older run saves although a newer one has done so since it checked: the newest wins all the same."""
        *_, older, newest = sorted(self.sending(), key=lambda run: run.writer.run)
        newest.stopped = newest.save() is not None
        if newest.stopped:
            return
        self.store.save({**older.checkpoint().to_json(), "run": older.writer.run})
        assert newest.save() is None
        assert self.token() == newest.writer.run
        assert isinstance(older.save(), Superseded)
        older.stopped = True

    @precondition(lambda self: self.sending())
    @rule()
    def delete(self) -> None:
        """A checkpoint that is deleted is not saved again by the runs that had it."""
        self.store.clear()
        for run in self.sending():
            error = run.save()
            assert isinstance(error, Superseded)
            assert error.retryable
            run.stopped = True
        assert self.store.text is None


TestNewestWins = NewestWins.TestCase
TestNewestWins.settings = settings(stateful_step_count=30)


def test_tokens_are_in_the_order_of_starts_even_if_the_clock_is_set_back() -> None:
    tokens = [next_run("")]
    tokens += [next_run(tokens[-1]) for _ in range(100)]
    ahead = f"{10**19:020d}-{'0' * 16}"
    tokens += [ahead, next_run(ahead)]
    assert tokens == sorted({*tokens})
    assert [run_of({"run": run}) for run in (tokens[0], "zzz", 7, None)] == [tokens[0], "", "", ""]
