"""Resuming: load the checkpoint that a run resumes from, compare its rows, and save the next one."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import threading
from dataclasses import replace

from airflow_provider_upstash_vector.bulk.report import NamespaceCounts
from airflow_provider_upstash_vector.bulk.sending.encode import Encoded
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint, CheckpointStore, FileCheckpoint
from airflow_provider_upstash_vector.bulk.tracking.journal import (
    DIGEST_BYTES,
    RING_ROWS,
    Journal,
    Work,
    read_journal,
)
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker
from airflow_provider_upstash_vector.client.errors import InvalidRequest, UpstashVectorError

log = logging.getLogger(__name__)

_MAX_FAILED_SAVES = 3
STARTING_OVER = "The input or its options have changed since the checkpoint; starting over."


def load_checkpoint(store: CheckpointStore, fingerprint: str, namespace: str = "") -> Checkpoint | None:
    """Return the state to resume from, rows of the journal included; ``None`` if it cannot be resumed.

    If the input has changed, the run starts over. The journal does not record namespaces: its updated rows are
    counted in ``namespace``, and in ``unknown_namespace_rows``.
    """
    state = store.load()
    if state is None:
        return None
    checkpoint = Checkpoint.from_json(state)
    if checkpoint is None:
        log.warning("The checkpoint cannot be read; starting over.")
        return None
    journal = read_journal(store.journal_path, checkpoint.journal, checkpoint.watermark)
    above = checkpoint.outcomes_above_watermark
    since = {number: outcome for number, outcome in journal.outcomes.items() if number not in above}
    if checkpoint.fingerprint != fingerprint:
        log.warning(STARTING_OVER)
        return None
    tracker = OutcomeTracker(checkpoint.watermark, checkpoint.counts_below_watermark, {**above, **since})
    namespaces = NamespaceCounts(checkpoint.namespaces)
    updated = sum(outcome == Outcome.UPDATED for outcome in since.values())
    if updated:
        namespaces.add(namespace, updated)
    log.info("Resuming after %s completed rows.", f"{sum(tracker.counts().values()):,}")
    read, digest = max((checkpoint.read, checkpoint.digest), (journal.read, journal.digest))
    return replace(
        checkpoint,
        **{name: max(value, getattr(checkpoint, name)) for name, value in journal.work._asdict().items()},
        watermark=tracker.watermark,
        counts_below_watermark=tracker.counts_below_watermark,
        outcomes_above_watermark=tracker.outcomes_above_watermark,
        read=read,
        digest=digest,
        namespaces=namespaces.counts(),
        unknown_namespace_rows=checkpoint.unknown_namespace_rows + updated,
    )


def clear_checkpoint(store: CheckpointStore) -> None:
    """Delete the checkpoint that a finished run kept. Raises ``InvalidRows`` for a file that is not one."""
    if isinstance(store, FileCheckpoint):
        store.check()
    store.clear()
    store.journal_path.unlink(missing_ok=True)


class RowsChanged(UpstashVectorError):
    """The rows are not those of the checkpoint."""


class RowsDigest:
    """The digest of the ``rows`` rows read so far, by which a run that resumes detects changed rows.

    It covers what is sent, so equal rows have the same digest in every process, whatever their type. The first
    ``expected_rows``, those of a checkpoint, must have the digest ``expected``; ``compared`` is whether all have
    been read.
    """

    def __init__(self, expected_rows: int = 0, expected: str = "") -> None:
        self._hash = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._expected_rows = expected_rows
        self._expected = expected
        self.rows = 0
        self.compared = expected_rows <= 0

    def add(self, request: Encoded | InvalidRequest) -> bool:
        """Add the next row; return whether the rows may still be those of the checkpoint."""
        if isinstance(request, InvalidRequest):
            self._hash.update(b"rejected\n")
        else:
            self._hash.update(b"%b %b\n" % (request.path.encode(), request.body))
        self.rows += 1
        if self.compared:
            return True
        self.compared = self.rows == self._expected_rows
        return not self.compared or self._hash.hexdigest() == self._expected

    def may_end(self, completed_rows: int) -> bool:
        """Return whether the input may end here: after the rows of the checkpoint and all completed ones."""
        return self.rows >= max(self._expected_rows, completed_rows)

    def state(self) -> tuple[int, str]:
        """Return the rows and their digest, or those of the checkpoint until as many have been read."""
        return (self.rows, self._hash.hexdigest()) if self.compared else (self._expected_rows, self._expected)


class CheckpointWriter:
    """Saves checkpoints, each with the journal of the rows after it.

    A store that hangs may complete a save after the run has stopped waiting for it. So saves take turns, and an
    older checkpoint never replaces a newer one.
    """

    def __init__(
        self,
        store: CheckpointStore,
        tracker: OutcomeTracker,
        work: Work = Work(),  # noqa: B008 - immutable
        *,
        ring_rows: int = RING_ROWS,
    ) -> None:
        self._store = store
        self._failures = 0
        self._requested = 0
        self._saved: float = 0
        self._turn = threading.Lock()
        self.journal = Journal(store.journal_path, tracker.watermark, work, ring_rows=ring_rows)

    async def save(self, checkpoint: Checkpoint) -> Exception | None:
        """Save a checkpoint; return the error of the first or the third consecutive save, which stops the run."""
        self._requested += 1
        try:
            await asyncio.to_thread(self._save, checkpoint, self._requested)
        except Exception as error:  # noqa: BLE001 - a file's, an object store's, Airflow's
            self._failures += 1
            log.warning("The checkpoint could not be saved: %s: %s", type(error).__name__, error)
            return error if self._failures >= _MAX_FAILED_SAVES or not self._saved else None
        self._failures = 0
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
        """Delete the checkpoint of a finished run, or of one whose rows have changed."""
        await asyncio.to_thread(self._clear)
        self.journal.remove()

    def _clear(self) -> None:
        with self._turn:
            self._store.clear()
            self._saved = math.inf

    async def finish(self, checkpoint: Checkpoint) -> None:
        """Keep the checkpoint of a finished run until :func:`clear_checkpoint`.

        If it cannot be saved, the journal stays too, and a later run on this machine still sends nothing.
        """
        await self.save(checkpoint)
        if not self._failures:
            self.journal.remove()

    def close(self) -> None:
        """Close the journal, which stays for the next run."""
        self.journal.close()
