"""Where a run begins: anew, or where another left off; and how it keeps its place from then on."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from dataclasses import replace

from airflow_provider_upstash_vector.bulk.report import NamespaceCounts
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint, CheckpointStore, FileCheckpoint
from airflow_provider_upstash_vector.bulk.tracking.journal import RING_ROWS, Journal, noted_since
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker

log = logging.getLogger(__name__)

_MAX_FAILED_SAVES = 3
STARTING_OVER = "The input or its options have changed since the checkpoint; starting over."


def load_checkpoint(store: CheckpointStore, fingerprint: str, namespace: str = "") -> Checkpoint | None:
    """Return where the previous run stopped, rows of the journal included; ``None`` if it cannot be resumed.

    If the input has changed, the run starts over with what is left of the day's budget. The journal does not record
    namespaces: its updated rows count as in ``namespace``, and as ``unknown_namespace_rows``.
    """
    state = store.load()
    if state is None:
        return None
    found = Checkpoint.from_json(state)
    if found is None:
        log.warning("The checkpoint cannot be read; starting over.")
        return None
    noted = noted_since(store.journal_path, found.journal, found.watermark)
    since = {number: outcome for number, outcome in noted.outcomes.items() if number not in found.above}
    sent = sum(outcome != Outcome.REJECTED for outcome in since.values())
    found = replace(found, budget_spent=found.budget_spent + sent)
    if found.fingerprint != fingerprint:
        log.warning(STARTING_OVER)
        return started_over(replace(found, fingerprint=fingerprint))
    tracker = OutcomeTracker(found.watermark, found.below, {**found.above, **since})
    namespaces = NamespaceCounts(found.namespaces)
    updated = sum(outcome == Outcome.UPDATED for outcome in since.values())
    if updated:
        namespaces.add(namespace, updated)
    log.info("Going on after %s settled rows.", f"{tracker.watermark + len(tracker.above):,}")
    read, digest = max((found.read, found.digest), (noted.read, noted.digest))
    return replace(
        found,
        watermark=tracker.watermark,
        below=tracker.below,
        above=tracker.above,
        read=read,
        digest=digest,
        namespaces=namespaces.counts(),
        unknown_namespace_rows=found.unknown_namespace_rows + updated,
    )


def started_over(checkpoint: Checkpoint) -> Checkpoint:
    """Return the checkpoint of a run that sends all rows again, on what is left of the day's budget."""
    return Checkpoint(
        fingerprint=checkpoint.fingerprint,
        budget_day=checkpoint.budget_day,
        budget_spent=checkpoint.budget_spent,
    )


def clear_checkpoint(store: CheckpointStore) -> None:
    """Forget a checkpoint that a finished run has kept; raises ``InvalidRows`` for a file that is not one."""
    if isinstance(store, FileCheckpoint):
        store.check()
    store.clear()
    store.journal_path.unlink(missing_ok=True)


class CheckpointWriter:
    """Saves checkpoints, each with the journal of the rows after it.

    Where nobody waits any more for a store that hangs, it may still end a save. So saves take turns, and one that
    comes late does not undo a later one.
    """

    def __init__(self, store: CheckpointStore, tracker: OutcomeTracker, *, ring_rows: int = RING_ROWS) -> None:
        self._store = store
        self._failed = 0
        self._asked = 0
        self._saved: float = 0
        self._turn = threading.Lock()
        self.journal = Journal(store.journal_path, tracker.watermark, ring_rows=ring_rows)

    async def save(self, checkpoint: Checkpoint) -> Exception | None:
        """Save a checkpoint; return the error where it is serious: of the first save, or of the third in a row."""
        self._asked += 1
        try:
            await asyncio.to_thread(self._save, checkpoint, self._asked)
        except Exception as error:  # noqa: BLE001 - a file's, an object store's, Airflow's
            self._failed += 1
            log.warning("The checkpoint could not be saved: %s: %s", type(error).__name__, error)
            return error if self._failed >= _MAX_FAILED_SAVES or not self._saved else None
        self._failed = 0
        self.journal.clear_below(checkpoint.watermark)
        return None

    def _save(self, checkpoint: Checkpoint, number: int) -> None:
        with self._turn:
            if number > self._saved:
                self.journal.sync()
                self._store.save(replace(checkpoint, journal=self.journal.token).to_json())
                self.journal.publish()
                self._saved = number

    async def clear(self) -> None:
        """Forget the checkpoint of a run that has done its work."""
        await asyncio.to_thread(self._clear)
        self.journal.remove()

    def _clear(self) -> None:
        with self._turn:
            self._store.clear()
            self._saved = math.inf

    async def discard(self, checkpoint: Checkpoint) -> None:
        """Let the next run start over."""
        await asyncio.to_thread(self._discard, started_over(checkpoint))
        self.journal.remove()

    def _discard(self, checkpoint: Checkpoint) -> None:
        with self._turn:
            self._store.save(checkpoint.to_json())
            self._saved = math.inf

    async def finish(self, checkpoint: Checkpoint) -> None:
        """Keep the checkpoint of a run that has done its work, for :func:`clear_checkpoint`; it needs no journal.

        Where it cannot be saved, a later run only sends some rows again.
        """
        await self.save(checkpoint)
        self.journal.remove()

    def close(self) -> None:
        """Let go of the journal, which stays for the next run."""
        self.journal.close()
