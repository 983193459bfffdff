"""Resuming: load the checkpoint that a run resumes from, compare its rows, and save the next one."""

from __future__ import annotations

import hashlib
import logging
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from airflow_provider_upstash_vector.bulk.errors import Superseded
from airflow_provider_upstash_vector.bulk.operations.base import Encoded
from airflow_provider_upstash_vector.bulk.report import NamespaceCounts
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint, CheckpointStore, FileCheckpoint
from airflow_provider_upstash_vector.bulk.tracking.journal import (
    DIGEST_BYTES,
    RING_ROWS,
    Journal,
    Work,
    read_journal,
)
from airflow_provider_upstash_vector.bulk.tracking.lock import CheckpointLock
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker
from airflow_provider_upstash_vector.bulk.tracking.run_tokens import next_run, run_of, started_at, utc
from airflow_provider_upstash_vector.bulk.tracking.writing import writing
from airflow_provider_upstash_vector.cancellation import in_thread
from airflow_provider_upstash_vector.client.errors import InvalidRequest, UpstashVectorError
from airflow_provider_upstash_vector.plurals import plural

log = logging.getLogger(__name__)

_MAX_FAILED_SAVES = 3
_DELETED = "the checkpoint was deleted during the run; a retry starts over"
_NEWER = (
    "a newer run, started at {}, has taken over the checkpoint and sends the remaining rows; runs that are meant "
    "to work side by side need a checkpoint each"
)
STARTING_OVER = "The operation, its input or its options have changed since the checkpoint; starting over."


def load_checkpoint(
    store: CheckpointStore,
    fingerprint: str,
    namespace: str = "",
    resume: bool = True,  # noqa: FBT001, FBT002 - an option of the run
) -> Checkpoint | None:
    """Return the state to resume from, rows of the journal included; ``None`` if it cannot be resumed.

    If the input has changed, the run starts over. The journal does not record namespaces: its done rows are
    counted in ``namespace``, and in ``unknown_namespace_rows``.

    Rows that are read in pages, all of ``namespace``, have no outcomes above the watermark: the page that begins
    there is read again, and may have other rows now.
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
    elif not resume:
        log.warning("There is a checkpoint, but resume=False; starting over.")
    if checkpoint.fingerprint != fingerprint or not resume:
        return started_over(replace(checkpoint, fingerprint=fingerprint))
    if checkpoint.position:
        above, since = {}, {}
        of_pages = checkpoint.counts_below_watermark[Outcome.DONE - 1]
        checkpoint = replace(checkpoint, namespaces={namespace: of_pages} if of_pages else {})
    tracker = OutcomeTracker(checkpoint.watermark, checkpoint.counts_below_watermark, {**above, **since})
    namespaces = NamespaceCounts(checkpoint.namespaces)
    done = sum(outcome == Outcome.DONE for outcome in since.values())
    if done:
        namespaces.add(namespace, done)
    _log_resumed(store, checkpoint, sum(tracker.counts().values()))
    read, digest = max((checkpoint.read, checkpoint.digest), (journal.read, journal.digest))
    return replace(
        checkpoint,
        finished=0,
        **{name: max(value, getattr(checkpoint, name)) for name, value in journal.work._asdict().items()},
        watermark=tracker.watermark,
        counts_below_watermark=tracker.counts_below_watermark,
        outcomes_above_watermark=tracker.outcomes_above_watermark,
        read=read,
        digest=digest,
        namespaces=namespaces.counts(),
        unknown_namespace_rows=checkpoint.unknown_namespace_rows + done,
    )


def _log_resumed(store: CheckpointStore, checkpoint: Checkpoint, rows: int) -> None:
    """Log which rows are not sent again, since when, and how to start over: a cleared task resumes, too."""
    completed = f", the last at {utc(checkpoint.completed_at)}," if checkpoint.completed_at else ""
    log.info(
        "Resuming after %s: those%s are not sent again. To start over, set resume=False, or delete "
        "the checkpoint (%s).",
        plural(rows, "completed row"),
        completed,
        store,
    )


def started_over(checkpoint: Checkpoint) -> Checkpoint:
    """Return the checkpoint of a run that starts over."""
    return Checkpoint(fingerprint=checkpoint.fingerprint, run=checkpoint.run)


def clear_checkpoint(store: CheckpointStore) -> None:
    """Delete the checkpoint that a finished run kept; that of a later run, which is not finished, stays.

    Raises ``InvalidRows`` for a file that is not one, :class:`CheckpointInUse` if a run is using it.
    """
    with locked(store):
        if isinstance(store, FileCheckpoint):
            store.check()
        state = store.load()
        if state is not None and not state.get("finished"):
            log.info("%s is kept: it is of a run that is not finished.", store)
            return
        store.clear()
        store.journal_path.unlink(missing_ok=True)


@contextmanager
def locked(store: CheckpointStore | None) -> Iterator[CheckpointLock | None]:
    """Hold the lock of a local checkpoint; raises :class:`CheckpointInUse` if another run has it."""
    lock = store.lock() if isinstance(store, FileCheckpoint) else None
    if lock is None:
        yield None
        return
    try:
        with writing("checkpoint", "the checkpoint cannot be locked"):
            lock.acquire()
        yield lock
    finally:
        lock.release()


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
            self._hash.update(b"%b %b\n" % (request.path.encode(), request.fragment))
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

    Each save carries the token of its run. Tokens are in the order in which runs start, and the newest run wins:
    one that finds a newer token neither saves nor deletes the checkpoint. ``previous_run`` is the token of the
    checkpoint that was loaded.
    """

    def __init__(
        self,
        store: CheckpointStore,
        tracker: OutcomeTracker,
        work: Work = Work(),  # noqa: B008 - immutable
        *,
        previous_run: str = "",
        lock: CheckpointLock | None = None,
        ring_rows: int = RING_ROWS,
    ) -> None:
        self._store = store
        self._lock = lock
        self.run = next_run(previous_run)
        self.superseded: Superseded | None = None
        self._failures = 0
        self._requested = 0
        self._saved: float = 0
        self._turn = threading.Lock()
        self.journal = Journal(store.journal_path, tracker.watermark, work, ring_rows=ring_rows)

    async def save(self, checkpoint: Checkpoint) -> Exception | None:
        """Save a checkpoint; return the error of the first or the third consecutive save, which stops the run."""
        self._requested += 1
        try:
            await in_thread(self._save, checkpoint, self._requested)
        except Superseded as error:
            return error
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
                if self._lock:
                    self._lock.acquire_if_free()
                self._check_newest()
                self._store.save(replace(checkpoint, journal=self.journal.token, run=self.run).to_json())
                self.journal.publish()
                self._saved = number

    def _check_newest(self, *, deleting: bool = False) -> None:
        """Raise :class:`Superseded` if a newer run has saved its checkpoint, or the one of this run is gone."""
        state = self._store.load()
        if state is None and self._saved and not deleting:
            self.superseded = Superseded(_DELETED, retryable=True)
        elif state is not None and run_of(state) > self.run:
            self.superseded = Superseded(_NEWER.format(started_at(run_of(state))))
        if self.superseded:
            raise self.superseded

    async def clear(self) -> None:
        """Delete the checkpoint of a finished run. Raises :class:`Superseded`."""
        await in_thread(self._clear)
        self.journal.remove()

    def _clear(self) -> None:
        with self._turn:
            self._check_newest(deleting=True)
            self._store.clear()
            self._saved = math.inf

    async def discard(self, checkpoint: Checkpoint) -> None:
        """Make the next run start over. Raises :class:`Superseded`."""
        await in_thread(self._discard, started_over(checkpoint))
        self.journal.remove()

    def _discard(self, checkpoint: Checkpoint) -> None:
        with self._turn:
            self._check_newest()
            self._store.save(replace(checkpoint, run=self.run).to_json())
            self._saved = math.inf

    async def finish(self, checkpoint: Checkpoint) -> None:
        """Keep the checkpoint of a finished run until :func:`clear_checkpoint`.

        If it cannot be saved, the journal stays too, and a later run on this machine still sends nothing. Raises
        :class:`Superseded`.
        """
        await self.save(replace(checkpoint, finished=1))
        if not self._failures:
            self.journal.remove()
        if self.superseded:
            raise self.superseded

    def close(self) -> None:
        """Close the journal, which stays for the next run."""
        self.journal.close()
