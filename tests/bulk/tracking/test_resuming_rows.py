"""Runs that read at any pace, get responses in any order, and die at any moment, again and again."""

from __future__ import annotations

import asyncio
import math
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk import job
from airflow_provider_upstash_vector.bulk.sending import throttle
from airflow_provider_upstash_vector.bulk.tracking.monitor import RunMonitor
from airflow_provider_upstash_vector.bulk.tracking.outcomes import OutcomeTracker
from airflow_provider_upstash_vector.client import AsyncVectorClient, Endpoint, RetryPolicy
from tests.bulk.tracking.test_crashes import SharedStore
from tests.support.scripted_index import Request, ScriptedIndex

ENDPOINT = Endpoint.of("http://127.0.0.1:1", "token")
POLICY = RetryPolicy(max_attempts=3, first_backoff_seconds=0.0)
SETTLES = {"updated": True, "missing": True, "refused": True, "busy": False, "lost": False}


class ReadingMachine(RuleBasedStateMachine):
    """``settled`` are the rows that the run must know, ``saved`` those of its last checkpoint."""

    @initialize(
        ids=st.lists(st.sampled_from(["a", "b", "c", "d", ""]), min_size=8, max_size=40),
        concurrency=st.integers(1, 4),
    )
    def begin(self, ids: list[str], concurrency: int) -> None:
        self.rows = [{"id": id, "metadata": {"n": number}} for number, id in enumerate(ids)]
        self.concurrency = concurrency
        self.folder = Path(tempfile.mkdtemp(prefix="upstash-vector-reading-"))
        self.loop = asyncio.new_event_loop()
        self.index = ScriptedIndex(self.sending)
        self.store = SharedStore(self.folder / "a" / "journal", None)
        self.saved: set[int] = set()
        self.patches = ExitStack()
        self.patches.enter_context(patch.object(job, "AsyncVectorClient", self.client))
        self.patches.enter_context(patch.object(job, "RunMonitor", self.watched))
        # a test takes long to respond: no request is to wait because of that
        self.patches.enter_context(patch.object(throttle, "_SPREAD_LATENCY_SECONDS", math.inf))
        self.settled: set[int] = set()
        self.wrong: list[str] = []
        self.start()

    def client(self, endpoint: Endpoint, **arguments: Any) -> AsyncVectorClient:
        return AsyncVectorClient(endpoint, **arguments, open_transport=lambda _: self.index)

    def watched(self, *arguments: Any, **options: Any) -> RunMonitor:
        self.watches.append(RunMonitor(*arguments, **options))
        return self.watches[-1]

    @property
    def tracker(self) -> OutcomeTracker:
        return self.watches[-1]._engine.recorder.tracker

    def start(self) -> None:
        self.watches: list[RunMonitor] = []
        self.gate = asyncio.Semaphore(0)
        running = bulk.update_async(
            self.paced(),
            ENDPOINT,
            policy=POLICY,
            checkpoint=self.store,
            keep_checkpoint=True,
            check_index=False,
            max_concurrency=self.concurrency,
            max_failures=len(self.rows),
            progress="none",
        )
        self.run = self.loop.create_task(running)
        self.spin(lambda: bool(self.watches))
        assert self.known() == self.settled

    def known(self) -> set[int]:
        return {number for number in range(len(self.rows)) if self.tracker.is_settled(number)}

    async def paced(self) -> AsyncIterator[dict[str, Any]]:
        for row in self.rows:
            await self.gate.acquire()
            yield row

    def spin(self, until: Callable[[], bool] = lambda: True) -> None:
        """Let the run do all that it can, until a condition holds."""

        async def turns() -> None:
            for _ in range(40):
                await asyncio.sleep(0)

        end = time.monotonic() + 30
        self.loop.run_until_complete(turns())
        while not until():
            assert time.monotonic() < end, "the run does not get on"
            self.loop.run_until_complete(asyncio.sleep(0.001))
        assert not self.wrong, self.wrong

    def sending(self, request: Request) -> None:
        """Record what must never be sent; an error raised here would only end the run."""
        newest = max((number for number in self.settled if self.rows[number]["id"] == request.id), default=-1)
        if request.number <= newest:
            self.wrong.append(f"row {request.number} of {request.id} is sent though row {newest} is settled")
        if any(other.id == request.id for other in self.index.in_flight):
            self.wrong.append(f"row {request.number} of {request.id} is sent while another is in flight")

    @property
    def busy(self) -> bool:
        return bool(self.index.in_flight)

    @rule(count=st.sampled_from([12, 1, 2, 3]))
    def read(self, count: int) -> None:
        for _ in range(count):
            self.gate.release()
        self.spin()
        self.settle_rejected()

    def settle_rejected(self) -> None:
        """A row without an id is settled as soon as it has been read."""
        self.settled |= {number for number in self.known() if not self.rows[number]["id"]}

    @precondition(lambda self: self.busy)
    @rule(
        answers=st.lists(
            st.tuples(st.sampled_from([1, 2, 3, 0]), st.sampled_from(["updated", *SETTLES])),
            min_size=1,
            max_size=5,
        )
    )
    def response(self, answers: list[tuple[int, str]]) -> None:
        for place, kind in answers:
            if not self.index.in_flight:
                break
            request = self.index.in_flight[place % len(self.index.in_flight)]
            if SETTLES[kind]:
                self.settled.add(request.number)
            self.index.response(request, kind)
            self.spin()
            self.settle_failed()

    def settle_failed(self) -> None:
        """A row with no attempts left is settled as failed."""
        self.settle_rejected()
        assert self.settled <= self.known()
        self.settled = self.known()

    @rule()
    def save(self) -> None:
        self.spin()
        if not self.run.done():
            self.settle_failed()
            rows = set(self.settled)
            self.loop.run_until_complete(self.watches[-1].save_last())
            self.saved = rows
            self.spin()

    @precondition(lambda self: self.busy)
    @rule(same_machine=st.sampled_from([True, True, False]), landed=st.lists(st.integers(0, 3), max_size=4))
    def die(self, *, same_machine: bool, landed: list[int]) -> None:
        """Nothing is saved; some of the requests in flight are applied."""
        self.fail_unsettled()
        for place in landed:
            if place < len(self.index.in_flight):
                self.index.handle(self.index.in_flight[place])
        self.index.in_flight.clear()
        self.store = SharedStore(self.store.journal_path, self.store.text)
        if not same_machine:
            shutil.rmtree(self.store.journal_path.parent)
            self.settled = set(self.saved)
        self.saved = set(self.settled)
        self.start()

    def fail_unsettled(self) -> None:
        """End the run as ``kill -9`` does: what it does when it is cancelled reaches no file."""
        writer = self.watches[-1]._checkpoint_writer
        assert writer is not None
        with writer._turn:  # a thread that saves would continue after the end, and publish its journal
            text = self.store.text
            self.run.cancel()
            self.loop.run_until_complete(asyncio.wait([self.run], timeout=30))
            assert self.run.done()
            self.store.text = text

    def answered(self) -> bool:
        """Respond to what goes out late, since latency makes a run pace requests; return whether it has ended."""
        while self.index.in_flight:
            self.index.response(self.index.in_flight[0], "updated")
        return self.run.done()

    def finish(self) -> None:
        """Read and respond to what is left, row by row; then every vector has the newest value."""
        for _ in range(len(self.rows) + 1):
            while self.index.in_flight:
                self.index.response(self.index.in_flight[0], "updated")
                self.spin()
            self.gate.release()
            self.spin()
        self.spin(self.answered)
        report = self.run.result()
        assert report.total == len(self.rows)
        assert report.not_attempted == 0
        assert report.rejected == sum(not row["id"] for row in self.rows)
        for id, numbers in self.index.handled.items():
            assert numbers[-1] == max(numbers), f"{id} has the value of row {numbers[-1]}: {numbers}"

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            try:
                self.finish()
            finally:
                self.fail_unsettled()
                self.patches.close()
                self.loop.run_until_complete(self.loop.shutdown_default_executor())
                self.loop.close()
                shutil.rmtree(self.folder, ignore_errors=True)


TestReading = ReadingMachine.TestCase
TestReading.settings = settings(stateful_step_count=30)
