"""Parts: files of rows, written page by page; what a row holds is as a bulk upsert reads it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, BinaryIO, Protocol

import orjson

from airflow_provider_upstash_vector.bulk.exports import arrow_columns
from airflow_provider_upstash_vector.bulk.exports.options import ExportOptions
from airflow_provider_upstash_vector.bulk.sources.extras import pyarrow
from airflow_provider_upstash_vector.bulk.sources.formats import zstd
from airflow_provider_upstash_vector.client import IndexInfo
from airflow_provider_upstash_vector.client.errors import InvalidResponse
from airflow_provider_upstash_vector.plurals import plural

_ROW_GROUP_BYTES = 16 * 1024 * 1024
_FAST_GZIP = 1

# the service's names of what is stored, by the names in rows
_FIELDS = {"vector": "vector", "sparse_vector": "sparseVector", "metadata": "metadata", "data": "data"}

Vectors = Sequence[dict[str, Any]]  # as the service returns them


class PartWriter(Protocol):
    """Writes the rows of a namespace to a file; ``size`` is about the bytes so far."""

    size: int

    def add(self, vectors: Vectors) -> None:
        """Write a page."""

    def close(self) -> None:
        """Write what is left. The file stays open."""

    def discard(self) -> None:
        """Write nothing more, also not when it is freed: Python would print that it failed."""


def open_part(file: BinaryIO, namespace: str, options: ExportOptions, index: IndexInfo) -> PartWriter:
    """Return the writer of a part of a namespace."""
    if options.format == "parquet":
        return _ParquetPart(file, namespace, options, index)
    return _JsonLinesPart(file, namespace, options)


def json_of(value: object) -> bytes:
    """Return the JSON of what the service returned, also of integers beyond 64 bits and of any depth."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class _JsonLinesPart:
    def __init__(self, file: BinaryIO, namespace: str, options: ExportOptions) -> None:
        self.size = 0
        self._namespace = namespace
        self._own: Any = None
        if options.compression == "gz":
            self._own = gzip.GzipFile(filename="", mode="wb", compresslevel=_FAST_GZIP, fileobj=file, mtime=0)
        elif options.compression == "zst":
            self._own = zstd().ZstdFile(file, mode="wb")
        self._raw, self._file = file, self._own or file

    def add(self, vectors: Vectors) -> None:
        self._file.write(b"".join(map(self._line, vectors)))
        self.size = self._raw.tell()

    def _line(self, vector: dict[str, Any]) -> bytes:
        row = {"id": vector["id"], "namespace": self._namespace}
        for name, field in _FIELDS.items():
            if (value := vector.get(field)) is not None:
                row[name] = value
        return json_of(row) + b"\n"

    def close(self) -> None:
        if self._own:
            self._own.close()

    def discard(self) -> None:
        with suppress(Exception):  # a disk is full, or a thread still writes
            self.close()


class _ParquetPart:
    """Rows in groups of 16 MB; a dense vector is a list of float32 of fixed size, metadata are JSON text."""

    def __init__(self, file: BinaryIO, namespace: str, options: ExportOptions, index: IndexInfo) -> None:
        from pyarrow import parquet  # noqa: PLC0415 - an extra

        arrow = pyarrow()
        self.size = 0
        self._arrow, self._namespace, self._dimension = arrow, namespace, index.dimension
        self._batches: list[Any] = []
        fields = [("id", arrow.string()), ("namespace", arrow.string())]
        if "vectors" in options.include and index.index_type != "SPARSE":
            fields.append(("vector", arrow.list_(arrow.float32(), index.dimension)))
        if "vectors" in options.include and index.index_type != "DENSE":
            fields.append(("sparse_vector", arrow_columns.sparse_type()))
        fields += [(name, arrow.string()) for name in ("metadata", "data") if name in options.include]
        self._schema = arrow.schema(fields)
        texts = [name for name, kind in fields if kind == arrow.string()]
        self._writer = parquet.ParquetWriter(
            file, self._schema, use_dictionary=["namespace"], compression=dict.fromkeys(texts, "zstd")
        )

    def add(self, vectors: Vectors) -> None:
        columns = [self._column(name, vectors) for name in self._schema.names]
        batch = self._arrow.RecordBatch.from_arrays(columns, schema=self._schema)
        self._batches.append(batch)
        self.size += batch.nbytes
        if sum(batch.nbytes for batch in self._batches) >= _ROW_GROUP_BYTES:
            self._write_group()

    def _write_group(self) -> None:
        table = self._arrow.Table.from_batches(self._batches, schema=self._schema)
        self._batches.clear()
        self._writer.write_table(table, row_group_size=table.num_rows)

    def _column(self, name: str, vectors: Vectors) -> Any:
        values = [vector.get(_FIELDS.get(name, name)) for vector in vectors]
        if name == "vector":
            self._check_dimensions(vectors, values)
            return arrow_columns.dense_vectors(values, self._dimension)
        if name == "sparse_vector":
            return arrow_columns.sparse_vectors(values)
        if name == "namespace":
            values = [self._namespace] * len(vectors)
        encode = json_of if name == "metadata" else str.encode
        return arrow_columns.texts([None if value is None else encode(value) for value in values])

    def _check_dimensions(self, vectors: Vectors, values: Sequence[Any]) -> None:
        for vector, numbers in zip(vectors, values, strict=True):
            if numbers is not None and len(numbers) != self._dimension:
                sizes = f"{plural(len(numbers), 'dimension')}, but the index has {self._dimension:,}"
                raise InvalidResponse(f"the vector {vector['id'][:100]!r} has {sizes}")

    def close(self) -> None:
        if self._batches:
            self._write_group()
        self._writer.close()

    def discard(self) -> None:
        self._writer.is_open = False
