"""Crashes at any moment of a run that saves checkpoints, on two machines that share the store."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import CheckpointWriter, load_checkpoint
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker

RING = 16
PRINT = "the same input"


class SharedStore:
    """Keeps JSON text, as Airflow's does; the next save may fail, before or after it was applied."""

    def __init__(self, journal_path: Path, text: str | None) -> None:
        self.journal_path = journal_path
        self.text = text
        self.failure = ""

    def load(self) -> Mapping[str, Any] | None:
        return None if self.text is None else json.loads(self.text)

    def save(self, state: dict[str, Any]) -> None:
        if self.failure != "before":
            self.text = json.dumps(state, allow_nan=False)
        failure, self.failure = self.failure, ""
        if failure:
            raise OSError("no answer")

    def clear(self) -> None:
        self.text = None


@dataclass
class Run:
    machine: str
    known: dict[int, Outcome]
    published: bool = False


@dataclass
class Saved:
    """The checkpoint in the store: which run wrote it, and the rows in it."""

    run: Run
    rows: dict[int, Outcome] = field(default_factory=dict)


class CrashMachine(RuleBasedStateMachine):
    @initialize(start=st.sampled_from([0, 5, RING, 3 * RING + 7, 10**12 + 3]))
    def begin(self, start: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="upstash-vector-crashes-"))
        self.loop = asyncio.new_event_loop()
        self.start = start
        first = Checkpoint(fingerprint=PRINT, watermark=start, counts_below_watermark=(start, 0, 0, 0))
        self.text: str | None = json.dumps(first.to_json())
        self.saved = Saved(Run("nowhere", {}))
        self.copies = 0
        self.places = {"a": self.folder / "a", "b": self.folder / "b"}
        self.resume("a", "")

    def resume(self, machine: str, failure: str) -> None:
        """Start as a job does: load, then save once; if that fails, the run sends nothing."""
        self.store = SharedStore(self.places[machine] / "x.journal", self.text)
        found = load_checkpoint(self.store, PRINT)
        assert found is not None
        expected = dict(self.saved.rows)
        if self.saved.run.machine == machine and self.saved.run.published:
            expected = self.saved.run.known
        known = {number: outcome for number, outcome in expected.items() if number >= found.watermark}
        assert found.outcomes_above_watermark == known
        assert found.watermark == self.start + len(expected) - len(known)
        assert all(number in expected for number in range(self.start, found.watermark))
        self.run = Run(machine, dict(expected))
        self.tracker = OutcomeTracker(
            found.watermark, found.counts_below_watermark, found.outcomes_above_watermark
        )
        assert sum(self.tracker.counts().values()) == self.start + len(expected)
        self.checkpoint_writer = CheckpointWriter(self.store, self.tracker, ring_rows=RING)
        self.store.failure = failure
        self.may_send = self.save(found, dict(self.run.known)) is None
        assert self.may_send == (not failure)

    def save(self, checkpoint: Checkpoint, rows: dict[int, Outcome]) -> Exception | None:
        failure = self.store.failure
        error = self.loop.run_until_complete(self.checkpoint_writer.save(checkpoint))
        if failure != "before":
            self.saved = Saved(self.run, rows)
        self.run.published |= not failure
        return error

    def checkpoint(self) -> tuple[Checkpoint, dict[int, Outcome]]:
        tracker = self.tracker
        state = Checkpoint(
            fingerprint=PRINT,
            watermark=tracker.watermark,
            counts_below_watermark=tracker.counts_below_watermark,
            outcomes_above_watermark=dict(tracker.outcomes_above_watermark),
        )
        return state, dict(self.run.known)

    @precondition(lambda self: self.may_send)
    @rule(ahead=st.integers(0, RING) | st.just(0), outcome=st.sampled_from(Outcome), count=st.integers(1, RING))
    def settle(self, ahead: int, outcome: Outcome, count: int) -> None:
        for _ in range(count):
            number = self.tracker.watermark + ahead
            if not self.tracker.is_settled(number) and self.checkpoint_writer.journal.covers(number):
                self.tracker.settle(number, outcome)
                self.checkpoint_writer.journal.settle(number, outcome)
                self.run.known[number] = outcome

    @precondition(lambda self: self.may_send)
    @rule(failure=st.sampled_from(["", "", "", "before", "after"]))
    def save_now(self, failure: str) -> None:
        self.store.failure = failure
        self.save(*self.checkpoint())

    @precondition(lambda self: self.may_send)
    @rule(ahead=st.integers(0, RING), count=st.integers(1, RING))
    def save_while_rows_are_settled(self, ahead: int, count: int) -> None:
        state = self.checkpoint()
        self.settle(ahead, Outcome.DONE, count)
        self.save(*state)

    @precondition(lambda self: self.may_send)
    @rule()
    def save_and_die_before_the_journal_is_cleared(self) -> None:
        state, rows = self.checkpoint()
        self.checkpoint_writer._save(state, 10**9)
        self.saved = Saved(self.run, rows)
        self.run.published = True
        self.crash("same", copied=False, failure="")

    @rule(
        machine=st.sampled_from(["same", "same", "a", "b"]),
        copied=st.booleans(),
        failure=st.sampled_from(["", "", "before", "after"]),
    )
    def crash(self, machine: str, copied: bool, failure: str) -> None:
        self.text = self.store.text
        self.checkpoint_writer.journal._file.close()
        if copied:  # what is on the disk now, without what is only in memory
            self.copies += 1
            for name, place in self.places.items():
                if place.exists():
                    self.places[name] = self.folder / f"{name}{self.copies}"
                    shutil.copytree(place, self.places[name])
        self.resume(self.run.machine if machine == "same" else machine, failure)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.checkpoint_writer.close()
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            shutil.rmtree(self.folder)


TestCrashes = CrashMachine.TestCase
TestCrashes.settings = settings(stateful_step_count=40)
