"""The vectors that match a filter and that a change of metadata would change, found by a scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import IO, Any

import orjson

from airflow_provider_upstash_vector.bulk.metadata_changes import changes_metadata
from airflow_provider_upstash_vector.bulk.operations.update import UpdateOptions
from airflow_provider_upstash_vector.bulk.reading.paced import PacedClient
from airflow_provider_upstash_vector.bulk.reading.scan import Scan
from airflow_provider_upstash_vector.client import FetchedVector, VectorUpdate, validation
from airflow_provider_upstash_vector.client.base import RequestStats
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.filters import Filter


def checked_where(where: object) -> Filter:
    """Return the filter. Raises ``InvalidRequest`` for text."""
    if not isinstance(where, Filter):
        reason = 'must be built with Field, since matches are found in the task, e.g. Field("year") < 1990'
        raise InvalidRequest("where", f"{reason}; got {validation.shown(where)}")
    return where


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataChange:
    """The metadata that each match gets, as plain JSON values."""

    where: Filter
    metadata: dict[str, Any]
    mode: str

    @classmethod
    def checked(cls, where: object, metadata: object, mode: object) -> MetadataChange:
        """Return a change. Raises ``InvalidRequest`` for an invalid argument, and for one that changes nothing."""
        valid_where = checked_where(where)
        valid_where.check_values()
        valid_mode = validation.choice(mode, "metadata_update_mode", "OVERWRITE", "PATCH") or "PATCH"
        if metadata is None:
            raise InvalidRequest("metadata", "must be a JSON object, got None")
        update = VectorUpdate(id="any", metadata=metadata, metadata_update_mode=valid_mode)
        values = dict(update.metadata or {})
        if not values and valid_mode == "PATCH":
            raise InvalidRequest("metadata", "must not be empty: a PATCH with it changes nothing")
        return cls(where=valid_where, metadata=values, mode=valid_mode)

    def applies_to(self, stored: Mapping[str, Any] | None) -> bool:
        """Return whether it would change what is stored."""
        return changes_metadata(stored, self.metadata, patch=self.mode == "PATCH")

    def warning(self, stored: dict[str, Any] | None) -> str | None:
        """Return which fields with the text of another tool it would remove."""
        if self.mode == "PATCH":
            return None
        operation = UpdateOptions().operation(None)
        return operation.warning({"metadata": self.metadata}, FetchedVector(id="any", metadata=stored))


class Matches:
    """The counts of a scan, and the ids that a change applies to, in a file: memory does not grow with them.

    ``reads`` are its pages. ``complete`` is false for a scan that was stopped.
    """

    def __init__(self, change: MetadataChange, file: IO[bytes]) -> None:
        self.scanned = self.matched = self.unchanged = self.reads = 0
        self.complete = False
        self.warning: str | None = None
        self.request_stats = RequestStats()
        self._change = change
        self._file = file

    @property
    def changed(self) -> int:
        """The number of vectors that are to be updated."""
        return self.matched - self.unchanged

    async def find(self, client: PacedClient, scan: Scan) -> None:
        """Scan a namespace. Raises the errors of the client."""
        self.request_stats = client.request_stats
        async with aclosing(scan.pages(client)) as pages:
            async for _, page in pages:
                self.reads += 1
                for vector in page.vectors:
                    self._add(vector["id"], vector.get("metadata"))
        self.complete = True

    def _add(self, id: str, stored: dict[str, Any] | None) -> None:
        self.scanned += 1
        if not self._change.where.matches(stored):
            return
        self.matched += 1
        if self._change.applies_to(stored):
            self._file.write(orjson.dumps(id) + b"\n")
            self.warning = self.warning or self._change.warning(stored)
        else:
            self.unchanged += 1

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of the updates."""
        self._file.seek(0)
        for line in self._file:
            yield {"id": orjson.loads(line), "metadata": self._change.metadata}

    def __str__(self) -> str:
        return f"{self.matched:,} of {self.scanned:,} vectors match; {self.changed:,} of them are to be updated."
