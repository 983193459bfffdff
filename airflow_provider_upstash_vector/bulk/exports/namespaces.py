"""Reads a namespace page by page, and writes its parts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import dataclass, replace

from airflow_provider_upstash_vector.bulk.exports.options import ExportOptions
from airflow_provider_upstash_vector.bulk.exports.parts import PartWriter, Vectors, open_part
from airflow_provider_upstash_vector.bulk.exports.state import ExportState, NamespaceState
from airflow_provider_upstash_vector.bulk.exports.target import PartFile, Target
from airflow_provider_upstash_vector.bulk.reading.paced import PacedClient
from airflow_provider_upstash_vector.bulk.reading.scan import Scan, ScannedPage
from airflow_provider_upstash_vector.bulk.sources.manifest import Part
from airflow_provider_upstash_vector.bulk.tracking.writing import writing
from airflow_provider_upstash_vector.cancellation import in_thread
from airflow_provider_upstash_vector.client import IndexInfo, wire
from airflow_provider_upstash_vector.client.errors import NotFound

_FULL_PAGES = 4  # and as many are read ahead


@dataclass(slots=True)
class _OpenPart:
    file: PartFile
    writer: PartWriter
    rows: int = 0

    def add(self, vectors: Vectors) -> None:
        with writing("export_file", f"the part {self.file.name} cannot be written"):
            self.rows += len(vectors)
            self.writer.add(vectors)

    def store(self) -> Part:
        with writing("export_file", f"the part {self.file.name} cannot be stored"):
            self.writer.close()
            return Part(self.file.name, self.rows, self.file.store())

    def discard(self) -> None:
        self.writer.discard()
        self.file.discard()


class NamespaceExporter:
    """Exports what is left of ``state``; ``rows_open`` are the rows of parts that are not complete."""

    def __init__(
        self, client: PacedClient, index: IndexInfo, options: ExportOptions, target: Target, state: ExportState
    ) -> None:
        self._client = client
        self._index = index
        self._options = options
        self._scan = Scan(
            prefix=options.prefix,
            page_size=options.page_size,
            include_vectors="vectors" in options.include,
            include_metadata="metadata" in options.include,
            include_data="data" in options.include,
        ).of_dimension(index.dimension)
        self._target = target
        self._runs_name = state.runs_name
        left = sum(bool(namespace.cursor) for namespace in state.namespaces)
        self._share = _FULL_PAGES * self._scan.page_size // max(1, min(options.max_concurrency, left))
        self.rows_open = 0

    def fits(self, namespace: NamespaceState, others: Collection[NamespaceState]) -> bool:
        """Return whether memory allows a namespace beside others: they have at most four full pages."""
        rows = sum(map(self._page_rows, [namespace, *others]))
        return len(others) < self._options.max_concurrency and rows <= _FULL_PAGES * self._scan.page_size

    def _page_rows(self, namespace: NamespaceState) -> int:
        """Return the rows of a page: all that the index counts, or an even share, since counts may be stale."""
        counts = self._index.namespaces.get(namespace.namespace)
        full = self._scan.page_size
        if counts is None:
            return full
        return min(full, max(self._share, counts.vector_count + counts.pending_vector_count))

    async def parts(self, namespace: NamespaceState) -> AsyncGenerator[None, None]:
        """Write the parts from the cursor of ``namespace`` on; yield after each, when it has both."""
        part: _OpenPart | None = None
        try:
            async with aclosing(self._pages(namespace)) as pages:
                async for _, (cursor, vectors) in pages:
                    if vectors:
                        if part is None:
                            part = await in_thread(self._open, namespace)
                        await in_thread(part.add, vectors)
                        self.rows_open += len(vectors)
                    if part is not None and (not cursor or part.writer.size >= self._options.max_part_bytes):
                        stored = await in_thread(part.store)
                        self.rows_open -= stored.rows
                        part = None
                        namespace.parts.append(stored)
                        namespace.cursor = cursor
                        yield
            namespace.cursor = ""
            yield
        finally:
            if part is not None:
                self.rows_open -= part.rows
                part.discard()

    async def _pages(self, namespace: NamespaceState) -> AsyncGenerator[ScannedPage, None]:
        """Yield the pages; a namespace that was deleted meanwhile has ended."""
        # with one more, a page of all that is counted is seen to be the last one
        rows = min(self._scan.page_size, self._page_rows(namespace) + 1)
        scan = replace(self._scan, namespace=namespace.namespace, page_size=rows)
        last = namespace.cursor
        try:
            async with aclosing(scan.pages(self._client, namespace.cursor)) as pages:
                async for page in pages:
                    yield page
                    last = page.page.next_cursor
        except NotFound:
            yield ScannedPage(last, wire.PlainPage("", []))

    def _open(self, namespace: NamespaceState) -> _OpenPart:
        options = self._options
        name = f"vectors-{namespace.number:05}-{len(namespace.parts):05}-{self._runs_name}{options.suffix}"
        with writing("export_file", f"the part {name} cannot be created"):
            file = self._target.create(name)
            return _OpenPart(file, open_part(file.file, namespace.namespace, options, self._index))
