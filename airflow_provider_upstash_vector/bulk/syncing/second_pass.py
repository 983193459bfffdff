"""The second pass over the rows of a sync: those that differ, as rows for upserts and for updates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector.bulk.sources import (
    PENDING,
    AsyncSource,
    Pending,
    Source,
    SourceBroken,
    SourceRow,
)
from airflow_provider_upstash_vector.bulk.sources.base import UnsizedSource
from airflow_provider_upstash_vector.bulk.sources.cursor import Pace
from airflow_provider_upstash_vector.bulk.syncing.content import SourceRows, row_of
from airflow_provider_upstash_vector.bulk.syncing.decision import Action, MetadataRules
from airflow_provider_upstash_vector.bulk.syncing.join import Difference, Join
from airflow_provider_upstash_vector.client import exact_json
from airflow_provider_upstash_vector.client.errors import InvalidRequest

_UPSERTED = {Action.ADDED, Action.CHANGED}


class DifferentRows(UnsizedSource):
    """The rows to upsert; those of vectors that only get other metadata are written to ``updates_path``.

    They are read again from ``source``, or are those that were spooled if it can be read only once.
    """

    blocking = True
    fingerprint: str | None = None

    def __init__(
        self,
        source: Source | AsyncSource,
        reader: SourceRows,
        join: Join,
        rules: MetadataRules,
        updates_path: Path,
    ) -> None:
        self._source = source
        self._reader = reader
        self._join = join
        self._rules = rules
        self._updates_path = updates_path

    def rows(self, skip: int) -> Iterator[SourceRow | Pending]:  # noqa: ARG002 - without a checkpoint it is 0
        """Yield the rows to upsert. Raises :class:`SourceBroken` for one that has changed since the first pass."""
        contents = self._again(self._source) if self._source.rereadable else self._spooled()
        with self._updates_path.open("wb") as updates:
            for content in contents:
                if content is PENDING:
                    yield PENDING
                    continue
                difference, fragment, file, place = content
                row = row_of(fragment)
                metadata, stored = row.get("metadata", {}), difference.stored
                if difference.action in _UPSERTED:
                    row["metadata"] = self._rules.upserted(metadata, stored, difference.fingerprint)
                    yield row, file, place
                else:
                    mode, changed = self._rules.updated(metadata, stored or {}, difference.fingerprint)
                    update = {"id": difference.id, "metadata": changed, "metadata_update_mode": mode}
                    updates.write(exact_json.dumps(update) + b"\n")

    def _spooled(self) -> Iterator[tuple[Difference, bytes, None, None]]:
        for difference in self._join.differences():
            yield difference, difference.fragment or b"", None, None

    def _again(self, source: Any) -> Iterator[tuple[Difference, bytes, Any, Any] | Pending]:
        differences, pace = self._join.differences(), Pace()
        number, next_one = 0, next(differences, None)
        for read in source.rows(0):
            if next_one is None:
                return
            if read is PENDING:
                yield PENDING
                continue
            value, file, place = read
            if number == next_one.number:
                yield next_one, self._unchanged(next_one, value), file, place
                next_one = next(differences, None)
            elif pace.is_due():
                yield PENDING
            number += 1
        if next_one is not None:
            raise SourceBroken(f"there are only {number:,} rows now: the rows changed while the sync ran", number)

    def _unchanged(self, difference: Difference, value: object) -> bytes:
        """Return a row as JSON if it is what it was in the first pass."""
        try:
            row = self._reader.read(difference.number, value)
        except InvalidRequest as error:
            changed: str | None = str(error)
        else:
            same = (row.id, row.wanted.fingerprint, row.wanted.metadata_digest) == difference[1:4]
            changed = None if same else "it has other values"
        if changed is None:
            return row.fragment
        number = difference.number
        raise SourceBroken(f"row {number:,} changed while the sync ran: {changed}; run the sync again", number)


def updates_in(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows for updates."""
    with path.open("rb") as lines:
        for line in lines:
            yield exact_json.loads(line)
