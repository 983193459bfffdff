"""A warning before updates remove what another tool has stored in the metadata of vectors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import orjson

from airflow_provider_upstash_vector.bulk.operations.base import Encoded
from airflow_provider_upstash_vector.bulk.sending.request import PendingRow
from airflow_provider_upstash_vector.client import AsyncVectorClient, wire
from airflow_provider_upstash_vector.client.errors import UpstashVectorError

# LangChain for Python and by convention Mastra, LangChain for JavaScript, LlamaIndex
TEXT_FIELDS = ("text", "_pageContentLC", "_node_content")
_MAX_ROWS = 100
_MAX_READS = 5

log = logging.getLogger(__name__)


def replaced_metadata(body: bytes) -> dict[str, Any] | None:
    """Return the metadata with which an update replaces all there is, ``None`` if it does not."""
    update: dict[str, Any] = orjson.loads(body)
    return None if update.get("metadataUpdateMode") == "PATCH" else update.get("metadata")


def dropped_fields(stored: Mapping[str, Any], metadata: Mapping[str, Any]) -> list[str]:
    """Return the fields of other tools that are in ``stored`` and not in ``metadata``, which replaces it."""
    return [name for name in TEXT_FIELDS if name in stored and name not in metadata]


class OverwriteCheck:
    """Reads one stored vector of the first rows, and warns once if the update drops a field of another tool.

    The row is not sent meanwhile. ``done`` is set once nothing is left to check.
    """

    def __init__(self, client: AsyncVectorClient) -> None:
        self._client = client
        self._lock = asyncio.Lock()
        self._rows_left = _MAX_ROWS
        self._reads_left = _MAX_READS
        self.done = False

    async def before(self, row: Encoded | PendingRow) -> None:
        """Check a row that has not been sent."""
        self._rows_left -= 1
        metadata = replaced_metadata(row.fragment)
        if metadata is not None:
            async with self._lock:
                if not self.done:
                    await self._read(row, metadata)
        self.done = self.done or self._rows_left <= 0

    async def _read(self, row: Encoded | PendingRow, metadata: dict[str, Any]) -> None:
        namespace, id = row.key
        call = next(wire.fetch([id], namespace, include_metadata=True))
        timeout_seconds = self._client.policy.request_timeout_seconds
        try:
            # once: whether the service responds is not for a warning to find out
            response = await self._client.send(call.path, call.body, timeout_seconds)
            (vector,) = self._client.decode(call, response)
        except UpstashVectorError as error:
            log.warning("Whether the updates remove metadata of other tools could not be checked: %s", error)
            self.done = True
            return
        self._reads_left -= 1
        self.done = vector is not None or self._reads_left <= 0
        if vector is not None and (dropped := dropped_fields(vector.metadata or {}, metadata)):
            log.warning(
                "The updates replace all metadata, and remove %s, in which other tools keep the text of vectors, "
                'from %r in %s and maybe others. To keep it, set metadata_update_mode="PATCH".',
                " and ".join(map(repr, dropped)),
                id,
                f"namespace {namespace!r}" if namespace else "the default namespace",
            )
