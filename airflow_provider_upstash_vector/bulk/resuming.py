"""Where a run begins: anew, or where another left off; and how it keeps its place from then on."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from airflow_provider_upstash_vector.bulk.checkpoint import Checkpoint, CheckpointStore
from airflow_provider_upstash_vector.bulk.journal import Journal, settled_since
from airflow_provider_upstash_vector.bulk.ledger import Ledger, Outcome

log = logging.getLogger(__name__)

_MOST_FAILED_SAVES = 3


def last_checkpoint(store: CheckpointStore, fingerprint: str) -> Checkpoint | None:
    """Return where the run before stopped, the journal's rows included; ``None`` where it cannot be gone on from.

    An input that has changed since is started over.
    """
    state = store.load()
    if state is None:
        return None
    found = Checkpoint.from_json(state)
    if found is None:
        log.warning("The checkpoint cannot be read; starting over.")
        return None
    if found.fingerprint != fingerprint:
        log.warning("The input or its options have changed since the checkpoint; starting over.")
        return None
    since = settled_since(store.journal_path, found.journal, found.watermark)
    new = [number for number in since if number not in found.above]
    log.info("Going on after %s settled rows.", f"{found.watermark + len({*found.above, *since}):,}")
    return replace(
        found,
        above={**found.above, **since},
        budget_spent=found.budget_spent + sum(since[number] != Outcome.REJECTED for number in new),
    )


class Keeper:
    """Saves checkpoints, each with the journal of the rows after it."""

    def __init__(self, store: CheckpointStore, ledger: Ledger) -> None:
        self._store = store
        self._failed = 0
        self.journal = Journal(store.journal_path, ledger.watermark)
        for number, outcome in ledger.above.items():
            self.journal.settle(number, outcome)

    async def save(self, checkpoint: Checkpoint) -> Exception | None:
        """Save a checkpoint; return the error of the third time in a row that it failed, which is serious."""
        state = replace(checkpoint, journal=self.journal.token).to_json()
        try:
            await asyncio.to_thread(self._store.save, state)
        except Exception as error:  # noqa: BLE001 - a file's, an object store's, Airflow's
            self._failed += 1
            log.warning("The checkpoint could not be saved: %s: %s", type(error).__name__, error)
            return error if self._failed >= _MOST_FAILED_SAVES else None
        self._failed = 0
        self.journal.clear_below(checkpoint.watermark)
        return None

    async def clear(self) -> None:
        """Forget the checkpoint of a run that has done its work."""
        await asyncio.to_thread(self._store.clear)
        self.journal.remove()

    def close(self) -> None:
        """Let go of the journal, which stays for the next run."""
        self.journal.close()
