"""Scans: the pages of a namespace in the order of the service, from a cursor on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from airflow_provider_upstash_vector.bulk.reading.paced import PacedClient
from airflow_provider_upstash_vector.client import wire
from airflow_provider_upstash_vector.client.wire.writes import MAX_ITEMS

FIRST_CURSOR: Final = "0"
_MAX_NUMBERS_OF_PAGE = 1_000_000  # each takes 32 bytes while a page is read


class ScannedPage(NamedTuple):
    """The page that was read at ``cursor``."""

    cursor: str
    page: wire.PlainPage


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Which vectors of a namespace are read, and which of their parts.

    A scan is not a snapshot: what is written meanwhile may or may not be in it.
    """

    namespace: str = ""
    prefix: str | None = None
    page_size: int = MAX_ITEMS
    include_vectors: bool = True
    include_metadata: bool = True
    include_data: bool = True

    def of_dimension(self, dimension: int) -> Scan:
        """Return the scan of an index with this dimension, whose pages have fewer vectors if that is large."""
        fits = _MAX_NUMBERS_OF_PAGE // max(1, dimension) if self.include_vectors else self.page_size
        return replace(self, page_size=max(1, min(self.page_size, fits)))

    async def pages(self, client: PacedClient, cursor: str = FIRST_CURSOR) -> AsyncGenerator[ScannedPage, None]:
        """Yield the pages from ``cursor`` on; the next one is requested while one is used.

        Close the iterator (``contextlib.aclosing``) if it is left early. Raises the errors of the client.
        """
        ahead = self._request(client, cursor)
        try:
            while cursor:
                page = await ahead
                if page.next_cursor:
                    ahead = self._request(client, page.next_cursor)
                yield ScannedPage(cursor, page)
                cursor = page.next_cursor
        finally:
            ahead.cancel()
            await asyncio.wait([ahead])
            if not ahead.cancelled():
                ahead.exception()  # it was raised above, or nobody waits for it

    def _request(self, client: PacedClient, cursor: str) -> asyncio.Task[wire.PlainPage]:
        call = wire.range_page(
            self.namespace,
            cursor=cursor,
            prefix=self.prefix,
            page_size=self.page_size,
            include_vectors=self.include_vectors,
            include_metadata=self.include_metadata,
            include_data=self.include_data,
        )
        return asyncio.ensure_future(client.run(call))
