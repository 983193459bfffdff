"""A warning before rows remove what is stored: the text of another tool, or all that an upsert does not have."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from airflow_provider_upstash_vector.bulk.operations.base import Encoded, Operation
from airflow_provider_upstash_vector.bulk.sending.request import PendingRow
from airflow_provider_upstash_vector.client import AsyncVectorClient, wire
from airflow_provider_upstash_vector.client.errors import UpstashVectorError

_MAX_ROWS = 100
_MAX_READS = 5

log = logging.getLogger(__name__)


class OverwriteCheck:
    """Reads stored vectors of the first rows, and warns once if the operation removes parts of one.

    The row is not sent meanwhile. ``done`` is set once nothing is left to check; ``reads`` counts the requests.
    """

    def __init__(self, client: AsyncVectorClient, operation: Operation) -> None:
        self._client = client
        self._operation = operation
        self._lock = asyncio.Lock()
        self._rows_left = _MAX_ROWS
        self._waiting = 0  # for what is read, which may be enough
        self.reads = 0
        self.done = False

    async def before(self, rows: Sequence[Encoded | PendingRow]) -> None:
        """Check rows of one namespace that have not been sent."""
        rows = rows[: self._rows_left]
        self._rows_left -= len(rows)
        replaced = [fields for row in rows if (fields := self._operation.replaced(row.fragment)) is not None]
        if replaced:
            self._waiting += 1
            try:
                async with self._lock:
                    if not self.done:
                        await self._read(rows[0].key[0], replaced)
            finally:
                self._waiting -= 1
        self.done = self.done or (self._rows_left <= 0 and not self._waiting)

    async def _read(self, namespace: str, replaced: list[dict[str, Any]]) -> None:
        ids = [fields["id"] for fields in replaced]
        call = next(wire.fetch(ids, namespace, include_metadata=True, include_data=True))
        timeout_seconds = self._client.policy.request_timeout_seconds
        try:
            # once: whether the service responds is not for a warning to find out
            response = await self._client.send(call.path, call.body, timeout_seconds)
            vectors = self._client.decode(call, response)
        except UpstashVectorError as error:
            log.warning("Whether the rows remove what is stored could not be checked: %s", error)
            self.done = True
            return
        self.reads += 1
        stored = [(fields, vector) for fields, vector in zip(replaced, vectors, strict=True) if vector is not None]
        self.done = bool(stored) or self.reads >= _MAX_READS
        for fields, vector in stored:
            if warning := self._operation.warning(fields, vector):
                place = f"namespace {namespace!r}" if namespace else "the default namespace"
                log.warning("%s This concerns %r in %s, and maybe others.", warning, vector.id, place)
                break
