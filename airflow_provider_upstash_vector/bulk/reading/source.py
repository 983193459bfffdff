"""The vectors of a namespace as rows, filtered and transformed, page by page."""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Any, TypeAlias

from airflow_provider_upstash_vector.bulk.operations.base import WrongIndex
from airflow_provider_upstash_vector.bulk.reading.emptiness import check_known
from airflow_provider_upstash_vector.bulk.reading.paced import PacedClient
from airflow_provider_upstash_vector.bulk.reading.scan import FIRST_CURSOR, Scan, ScannedPage
from airflow_provider_upstash_vector.bulk.sources.base import (
    BeginPage,
    RejectedRow,
    SourceRow,
    UnsizedSource,
)
from airflow_provider_upstash_vector.cancellation import in_thread
from airflow_provider_upstash_vector.client import IndexInfo, wire
from airflow_provider_upstash_vector.client.errors import InvalidRequest, UpstashVectorError
from airflow_provider_upstash_vector.client.filters import Filter

log = logging.getLogger(__name__)

Row: TypeAlias = dict[str, Any]
Transform: TypeAlias = Callable[[Row], Mapping[str, Any] | Awaitable[Mapping[str, Any] | None] | None]

_MAX_RAISED_CHARS = 500
_MAX_AWAITED = 32


class ScannedRows(UnsizedSource):
    """The vectors that ``client`` reads at ``url``, each a dict with id, vector, sparse_vector, data and metadata.

    Those whose metadata do not match ``filter`` are left out, and those for which ``transform`` returns ``None``.
    A function is called for a whole page in a thread, so that it may block; an async one for up to 32 rows at a
    time. A row for which it raises an exception is rejected.
    """

    first_position = f"0 {FIRST_CURSOR}"

    def __init__(
        self,
        client: PacedClient,
        url: str,
        scan: Scan,
        *,
        filter: Filter | None = None,
        transform: Transform | None = None,
    ) -> None:
        self._client = client
        self._scan = scan
        self._filter = filter
        self._transform = transform
        self._cursor = FIRST_CURSOR
        self._begin_page: BeginPage = lambda *_: None
        self.read = 0
        self.fingerprint: str | None = f"{url} {scan.namespace!r}"

    def resume_at(self, position: str, begin_page: BeginPage) -> None:
        """Begin at the page at a position: the vectors read before it, and its cursor, empty at the end."""
        read, _, self._cursor = position.partition(" ")
        self.read = int(read)
        self._begin_page = begin_page

    async def rows(self, skip: int) -> AsyncIterator[SourceRow]:
        """Yield the rows of the first page and all later ones; ``skip`` is the number of the first row."""
        number = skip
        async with aclosing(self._scan.pages(self._client, self._cursor)) as pages:
            while (page := await self._next_page(pages)) is not None:
                self.read += len(page.vectors)
                rows = await self._kept(page.vectors)
                for row in rows:
                    yield row, None, None
                number += len(rows)
                self._begin_page(number, f"{self.read} {page.next_cursor}")

    @staticmethod
    async def _next_page(pages: AsyncIterator[ScannedPage]) -> wire.PlainPage | None:
        with _naming_source():
            scanned = await anext(pages, None)
        return None if scanned is None else scanned.page

    @property
    def requests(self) -> int:
        """The requests to the source, those sent again included."""
        return self._client.request_stats.requests

    async def check(self, index: IndexInfo) -> None:
        """Raise ``InvalidRequest`` for an unknown namespace; warn if similarities differ.

        Raises :class:`WrongIndex`, its subclass, if vectors as they are do not fit ``index``.
        """
        if not self._cursor:  # all is read
            return
        with _naming_source():
            source = await self._client.info()
            await check_known(self._client, source, [self._scan.namespace], "namespace")
        self._scan = self._scan.of_dimension(source.dimension)
        if self._transform is not None:
            return
        if source.index_type != index.index_type or source.dimension != index.dimension:
            reason = (
                f"is {index.index_type} with dimension {index.dimension:,}, but the source is {source.index_type} "
                f"with dimension {source.dimension:,}: set transform to a function that changes the vectors"
            )
            raise WrongIndex("target", reason)
        if source.similarity_function != index.similarity_function:
            log.warning(
                "The source compares vectors by %s, the target by %s: queries may return them in another order.",
                source.similarity_function,
                index.similarity_function,
            )

    async def _kept(self, vectors: list[Row]) -> list[Any]:
        """Return the rows of a page."""
        matches = self._filter.matches if self._filter is not None else lambda _: True
        rows = [_row(vector) for vector in vectors if matches(vector.get("metadata"))]
        transform = self._transform
        if transform is None:
            return rows
        if _is_async(transform):
            free = asyncio.Semaphore(_MAX_AWAITED)
            rows = await asyncio.gather(*(_awaited(transform, row, free) for row in rows))
        else:
            rows = await in_thread(lambda: [_transformed(transform, row) for row in rows])
        return [_own_place(row) for row in rows if row is not None]


@contextmanager
def _naming_source() -> Iterator[None]:
    """Add to errors that they are of the source: a run names the connection of the target."""
    try:
        yield
    except UpstashVectorError as error:
        error.hint = "of the source" if error.hint is None else f"of the source: {error.hint}"
        raise


def _own_place(row: Any) -> Any:
    """Return a row that was transformed, rejected if it names a namespace: counts are those of one."""
    if isinstance(row, Mapping) and row.get("namespace") is not None:
        return RejectedRow(
            row, InvalidRequest("namespace", "is set by transform, but all vectors are copied to target_namespace")
        )
    return row


def _row(vector: Row) -> Row:
    return {
        "id": vector["id"],
        "vector": vector.get("vector"),
        "sparse_vector": vector.get("sparseVector"),
        "data": vector.get("data"),
        "metadata": vector.get("metadata"),
    }


def _is_async(function: Callable[..., Any]) -> bool:
    """Return whether a function, or an object that is called as one, is async."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _transformed(transform: Callable[[Row], Any], row: Row) -> Any:
    try:
        return transform(dict(row))
    except Exception as error:  # noqa: BLE001 - the caller's code
        return _rejected(row, error)


async def _awaited(transform: Callable[[Row], Any], row: Row, free: asyncio.Semaphore) -> Any:
    async with free:
        try:
            return await transform(dict(row))
        except Exception as error:  # noqa: BLE001 - as above
            return _rejected(row, error)


def _rejected(row: Row, error: Exception) -> RejectedRow:
    raised = "".join(traceback.format_exception_only(error)).strip()[:_MAX_RAISED_CHARS]
    return RejectedRow(row, InvalidRequest("transform", f"raised {raised}"))
