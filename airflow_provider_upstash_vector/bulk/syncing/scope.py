"""The scan of a sync's scope: each page is joined with the rows, and the actions are recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from airflow_provider_upstash_vector.bulk.reading.paced import PacedClient
from airflow_provider_upstash_vector.bulk.reading.scan import Scan
from airflow_provider_upstash_vector.bulk.syncing.decision import Stored, Wanted, decide
from airflow_provider_upstash_vector.bulk.syncing.fingerprint import Fingerprints
from airflow_provider_upstash_vector.bulk.syncing.join import Join
from airflow_provider_upstash_vector.bulk.syncing.metadata import TOO_DEEP
from airflow_provider_upstash_vector.bulk.syncing.options import SyncOptions
from airflow_provider_upstash_vector.client import FetchedVector, wire

# of content that no row can have
_NO_CONTENT = ""
_MAX_FETCHED_DATA = 1_000
_MAX_FETCHED_VECTORS = 100  # of 5,000 dimensions these are 10 MB


class ScopeScan:
    """Reads the scope without vectors; ``reads`` counts the requests."""

    def __init__(self, client: PacedClient, options: SyncOptions, join: Join) -> None:
        self._client = client
        self._join = join
        self._rules = options.metadata_rules
        self._fingerprints = Fingerprints(options.config_version)
        self._namespace = options.namespace
        self._with_data = options.verify == "data"
        self._scan = Scan(
            namespace=options.namespace,
            prefix=options.prefix,
            page_size=options.page_size,
            include_vectors=False,
            include_data=self._with_data,
        )
        self.reads = 0

    async def run(self) -> None:
        """Record the actions of all vectors in the scope. Raises the errors of the client."""
        async with aclosing(self._scan.pages(self._client)) as pages:
            async for _, page in pages:
                self.reads += 1
                await self._join_page(page.vectors)
        if self._rules.kept:
            await self._join_unscanned()
        self._join.finish_scope()

    async def _join_unscanned(self) -> None:
        """Read the vectors of added rows by id: of one that the scan left out, kept keys would be lost."""
        last = -1
        while added := self._join.added(last, self._scan.page_size):
            last = added[-1][0]
            found = await self._fetch([id for _, id in added], metadata=True, data=self._with_data)
            await self._join_page([vars(vector) for vector in found])

    async def _join_page(self, vectors: Sequence[dict[str, Any]]) -> None:
        wanted = self._join.wanted([vector["id"] for vector in vectors])
        found = {vector["id"]: vector for vector in vectors if vector["id"] in wanted}
        contents = await self._contents(found, wanted)
        actions = []
        for id, vector in found.items():
            metadata = _metadata(vector)
            digest = self._rules.compared(metadata)
            stored = Stored(self._rules.fingerprint(metadata), digest, contents.get(id))
            replaced = {} if digest == TOO_DEEP else metadata
            actions.append((wanted[id].number, decide(wanted[id], stored), replaced))
        self._join.record(actions, (vector["id"] for vector in vectors if vector["id"] not in wanted))

    async def _contents(self, found: Mapping[str, dict[str, Any]], wanted: Mapping[str, Wanted]) -> dict[str, str]:
        """Return the fingerprints of contents that are read: all with ``verify``, and those that have none."""
        contents, unread = {}, {False: [], True: []}  # type: dict[str, str], dict[bool, list[str]]
        for id, vector in found.items():
            unmarked = self._rules.fingerprint(_metadata(vector)) is None
            if self._with_data and (wanted[id].has_data or vector.get("data") is not None):
                contents[id] = self._content(wanted[id], vector)
            elif unmarked:
                unread[wanted[id].has_data].append(id)
        for has_data, ids in unread.items():
            size = _MAX_FETCHED_DATA if has_data else _MAX_FETCHED_VECTORS
            for first in range(0, len(ids), size):
                fetched = await self._fetch(ids[first : first + size], vectors=not has_data, data=True)
                contents.update((vector.id, self._content(wanted[vector.id], vars(vector))) for vector in fetched)
        return contents

    async def _fetch(
        self, ids: Sequence[str], *, vectors: bool = False, metadata: bool = False, data: bool = False
    ) -> list[FetchedVector]:
        self.reads += 1
        call = wire.fetch(
            ids, self._namespace, include_vectors=vectors, include_metadata=metadata, include_data=data
        )
        fetched = await self._client.run(call)
        asked = {*ids}  # any other would be deleted as one that is in no row
        return [vector for vector in fetched if vector is not None and vector.id in asked]

    def _content(self, wanted: Wanted, vector: Mapping[str, Any]) -> str:
        """Return the fingerprint of what is stored, as if the row had it."""
        data = vector.get("data")
        if (data is not None) != wanted.has_data:
            return _NO_CONTENT
        return self._fingerprints.of({"data": data} if wanted.has_data else vector)


def _metadata(vector: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored metadata; a value that is not an object has no keys, and a patch replaces it."""
    metadata = vector.get("metadata")
    return metadata if isinstance(metadata, dict) else {}
