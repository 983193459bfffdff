"""The day's rows, recorded before they are sent, so that no run of the day forgets those of another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, Protocol, runtime_checkable

from airflow_provider_upstash_vector.bulk.sending.limits import DailyBudget, block_size
from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.bulk.tracking.writing import WriteFailed, writing
from airflow_provider_upstash_vector.cancellation import in_thread

log = logging.getLogger(__name__)

_MAX_FAILED_SAVES = 3
_RETRY_SECONDS = 1.0
_CLOSE_SECONDS = 0.5
_FIRST_DAY = date(1970, 1, 1)


@runtime_checkable
class BudgetStore(Protocol):
    """A store that keeps the rows of the day, a small JSON object, longer than a checkpoint."""

    def load_budget(self) -> Mapping[str, Any] | None:
        """Return what was saved last, or ``None``."""

    def save_budget(self, record: dict[str, Any]) -> None:
        """Replace it."""


def open_budget(store: BudgetStore | None, rows: int | None, rate: float | None) -> ReservedBudget:
    """Return the budget of a run. A run without one counts its rows only if ``store`` has a count already.

    Raises :class:`InvalidRows` for a count that cannot be read, and :class:`WriteFailed` for the store's errors.
    """
    record = None
    if store is not None:
        with writing("checkpoint", "the rows of the daily budget cannot be read"):
            record = store.load_budget()
    if store is None or (rows is None and record is None):
        return ReservedBudget(DailyBudget(rows), None)
    day, spent = _parsed(record) if record is not None else (0, 0)
    return ReservedBudget(DailyBudget(rows, day=day, spent=spent, block=block_size(rows, rate)), store)


def _parsed(record: Mapping[str, Any]) -> tuple[int, int]:
    try:
        day, rows = date.fromisoformat(record["day"]), record["rows"]
        if type(rows) is not int or rows < 0:
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise InvalidRows(f"{record!r} is not the count of a daily budget; delete it") from None
    return (day - _FIRST_DAY).days, rows


class ReservedBudget:
    """A daily budget whose rows are recorded in ``store``, if there is one, before they are sent."""

    def __init__(self, budget: DailyBudget, store: BudgetStore | None) -> None:
        self._budget = budget
        self._store = store
        self._recorded = budget.day, budget.spent
        self._saving: asyncio.Task[None] | None = None
        self._error: WriteFailed | None = None
        self.rows = budget.rows
        self.limited = budget.rows is not None or store is not None
        self.left = budget.left
        self.spend = budget.spend

    def reserved(self, rows: int, wake: Callable[[], object]) -> int:
        """Return how many of ``rows`` may be sent now; 0 if ``wake`` is called when more may.

        Raises :class:`WriteFailed` if they cannot be recorded.
        """
        if self._error is not None and self._saving is None and not self._budget.reserved:
            raise self._error
        if self._store is not None and self._saving is None and self._budget.to_reserve(rows) is not None:
            self._saving = asyncio.create_task(self._reserve(self._store, rows, wake))
        reserved = self._budget.reserved
        waits = self._saving is not None and self._error is None and reserved < rows
        return 0 if waits else min(rows, reserved)  # after an error, what is reserved is all there may be

    async def _reserve(self, store: BudgetStore, wanted: int, wake: Callable[[], object]) -> None:
        for failed_saves in range(1, _MAX_FAILED_SAVES + 1):
            day, rows = self._budget.day, self._budget.to_reserve(wanted)
            if rows is None:
                break
            try:
                with writing("checkpoint", "the rows of the daily budget cannot be recorded"):
                    others = await in_thread(self._save, store, day, rows)
            except WriteFailed as error:
                log.warning("%s", error)
                self._error = error
                if failed_saves < _MAX_FAILED_SAVES:
                    await asyncio.sleep(_RETRY_SECONDS)
            else:
                self._error = None
                self._budget.reserve(day, rows, others)
                break
        self._saving = None
        wake()

    def _save(self, store: BudgetStore, day: int, rows: int) -> int:
        """Record ``rows`` of ``day``, and those that others have recorded since; return how many these are.

        An older try of the task may still run, and must not record less than the newer one.
        """
        record = store.load_budget()
        recorded_day, recorded = _parsed(record) if record is not None else (day, 0)
        before = self._recorded[1] if self._recorded[0] == day else 0
        others = recorded - before if recorded_day == day else 0
        store.save_budget(_record(day, rows + others))
        self._recorded = day, rows + others
        return others

    async def close(self) -> None:
        """Give back what was reserved and not sent, within half a second; otherwise it counts as sent."""
        if self._store is None:
            return
        if self._saving is not None:
            await asyncio.wait([self._saving], timeout=_CLOSE_SECONDS)
        if self._saving is None and self._budget.reserved:
            giving_back = asyncio.create_task(self._give_back(self._store))
            await asyncio.wait([giving_back], timeout=_CLOSE_SECONDS)

    async def _give_back(self, store: BudgetStore) -> None:
        try:
            await in_thread(self._save, store, self._budget.day, self._budget.spent)
        except Exception as error:  # noqa: BLE001 - a file's, an object store's, Airflow's
            log.warning("The unused part of the daily budget could not be given back: %s", error)


def _record(day: int, rows: int) -> dict[str, Any]:
    return {"day": (_FIRST_DAY + timedelta(day)).isoformat(), "rows": rows}
