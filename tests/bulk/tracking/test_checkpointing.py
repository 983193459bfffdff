from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector.bulk import FileCheckpoint
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import CheckpointWriter, load_checkpoint
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker


def state_of(tracker: OutcomeTracker, **changes: Any) -> Checkpoint:
    state = {
        "watermark": tracker.watermark,
        "counts_below_watermark": tracker.counts_below_watermark,
        "outcomes_above_watermark": dict(tracker.outcomes_above_watermark),
    }
    return Checkpoint(fingerprint="x", **{**state, **changes})


class SlowStore(FileCheckpoint):
    """Blocks one save until ``release`` is set."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reached, self.release = threading.Event(), threading.Event()
        self.slow = False
        self.error: Exception | None = None

    def save(self, state: dict[str, Any]) -> None:
        if self.slow:
            self.slow = False
            self.reached.set()
            self.release.wait(30)
        if self.error is not None:
            raise self.error
        super().save(state)


@pytest.fixture
def store(tmp_path: Path) -> SlowStore:
    return SlowStore(tmp_path / "state.json")


def settle(checkpoint_writer: CheckpointWriter, tracker: OutcomeTracker, *numbers: int) -> None:
    for number in numbers:
        tracker.settle(number, Outcome.DONE)
        checkpoint_writer.journal.settle(number, Outcome.DONE)


def test_a_run_without_a_checkpoint_starts_without_a_warning(
    store: SlowStore, caplog: pytest.LogCaptureFixture
) -> None:
    assert load_checkpoint(store, "x") is None
    assert caplog.messages == []


def test_a_run_with_changed_input_starts_over_with_a_warning(
    store: SlowStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.save(state_of(OutcomeTracker(2, (2, 0, 0, 0))).to_json())
    assert load_checkpoint(store, "y") == Checkpoint(fingerprint="y")
    assert caplog.messages == [
        "The operation, its input or its options have changed since the checkpoint; starting over."
    ]


def test_a_run_resumes_with_the_rows_of_the_journal_if_it_is_there(
    store: SlowStore, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = OutcomeTracker()
    checkpoint_writer = CheckpointWriter(store, tracker)
    asyncio.run(checkpoint_writer.save(state_of(tracker, completed_at=1_764_115_975.0)))
    settle(checkpoint_writer, tracker, 0, 1, 4)
    checkpoint_writer.journal.settle(5, Outcome.REJECTED)
    checkpoint_writer.close()
    with caplog.at_level(logging.INFO):
        found = load_checkpoint(store, "x")
    assert found is not None
    assert (found.watermark, found.counts_below_watermark) == (2, (2, 0, 0, 0))
    assert found.outcomes_above_watermark == {4: Outcome.DONE, 5: Outcome.REJECTED}
    (message,) = caplog.messages
    assert message.startswith("Resuming after 4 completed rows: those, the last at 2025-11-26 00:12:55 UTC, are ")
    assert message.endswith(f"To start over, set resume=False, or delete the checkpoint ({store}).")
    store.journal_path.unlink()
    elsewhere = load_checkpoint(store, "x")
    assert elsewhere is not None
    assert (elsewhere.watermark, elsewhere.outcomes_above_watermark) == (0, {})


def test_a_save_that_ends_late_does_not_undo_a_later_one(store: SlowStore) -> None:
    async def save_two() -> None:
        tracker = OutcomeTracker()
        checkpoint_writer = CheckpointWriter(store, tracker)
        await checkpoint_writer.save(state_of(tracker))
        settle(checkpoint_writer, tracker, 0)
        store.slow = True
        first = asyncio.create_task(checkpoint_writer.save(state_of(tracker)))
        await asyncio.to_thread(store.reached.wait, 30)
        first.cancel()
        settle(checkpoint_writer, tracker, 1)
        second = asyncio.create_task(checkpoint_writer.save(state_of(tracker)))
        await asyncio.sleep(0)
        store.release.set()
        assert await second is None
        checkpoint_writer._save(state_of(OutcomeTracker()), 2)  # a thread whose turn comes late
        checkpoint_writer.close()

    asyncio.run(save_two())
    found = load_checkpoint(store, "x")
    assert found is not None
    assert found.watermark == 2


def test_a_save_that_ends_late_does_not_restore_a_deleted_checkpoint(store: SlowStore) -> None:
    async def finish() -> None:
        tracker = OutcomeTracker()
        checkpoint_writer = CheckpointWriter(store, tracker)
        await checkpoint_writer.save(state_of(tracker))
        store.slow = True
        saving = asyncio.create_task(checkpoint_writer.save(state_of(tracker)))
        await asyncio.to_thread(store.reached.wait, 30)
        saving.cancel()
        another = asyncio.create_task(checkpoint_writer.save(state_of(tracker)))
        await asyncio.sleep(0)
        clearing = asyncio.create_task(checkpoint_writer.clear())
        await asyncio.sleep(0)
        store.release.set()
        await clearing
        await another
        checkpoint_writer._save(state_of(tracker), 4)  # a thread whose turn comes late

    asyncio.run(finish())
    assert store.load() is None
    assert not store.journal_path.exists()


def test_the_first_save_must_succeed_and_later_ones_may_fail_twice(
    store: SlowStore, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> list[Exception | None]:
        tracker = OutcomeTracker()
        checkpoint_writer = CheckpointWriter(store, tracker)
        store.error = PermissionError("not here")
        errors = [await checkpoint_writer.save(state_of(tracker))]
        store.error = None
        errors.append(await checkpoint_writer.save(state_of(tracker)))
        store.error = OSError("no answer")
        errors += [await checkpoint_writer.save(state_of(tracker)) for _ in range(2)]
        store.error = None
        errors.append(await checkpoint_writer.save(state_of(tracker)))
        store.error = OSError("gone")
        errors += [await checkpoint_writer.save(state_of(tracker)) for _ in range(3)]
        checkpoint_writer.close()
        return errors

    serious = [None if error is None else str(error) for error in asyncio.run(fail())]
    assert serious == ["not here", None, None, None, None, None, None, "gone"]
    assert caplog.messages[0] == "The checkpoint could not be saved: PermissionError: not here"
    assert len(caplog.messages) == 6


def test_a_run_that_could_not_start_keeps_the_previous_checkpoint_and_journal(store: SlowStore) -> None:
    tracker = OutcomeTracker()
    checkpoint_writer = CheckpointWriter(store, tracker)
    asyncio.run(checkpoint_writer.save(state_of(tracker)))
    settle(checkpoint_writer, tracker, 0, 3)
    checkpoint_writer.close()
    CheckpointWriter(store, OutcomeTracker()).close()
    found = load_checkpoint(store, "x")
    assert found is not None
    assert (found.watermark, found.outcomes_above_watermark) == (1, {3: Outcome.DONE})


def test_errors_of_loading_are_raised(store: SlowStore) -> None:
    class Unreachable(SlowStore):
        def load(self) -> Mapping[str, Any] | None:
            raise ConnectionError("no answer")

    with pytest.raises(ConnectionError):
        load_checkpoint(Unreachable(store.journal_path), "x")
