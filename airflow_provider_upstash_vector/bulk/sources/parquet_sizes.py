"""How many rows of a Parquet row group fit in memory, from its metadata and its dictionaries.

A value in a dictionary is stored once and may be repeated by every row, so that a file of kilobytes can unfold to
gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from airflow_provider_upstash_vector.bulk.sources.arrow_rows import BATCH_ROWS
from airflow_provider_upstash_vector.bulk.sources.arrow_sizes import largest_dictionary_value
from airflow_provider_upstash_vector.bulk.sources.base import MAX_ROW_BYTES, InvalidRows

_MAX_BATCH_BYTES: Final = 64 * 1024 * 1024
# A column's size does not show where its large values are; there may be as many in sequence.
_ROWS_OF_LARGE_COLUMNS: Final = 64
_MAX_UNFOLDED_BYTES: Final = 256 * 1024 * 1024
_MAX_UNFOLDED_TIMES: Final = 200  # the size in the file; numbers and text rarely exceed 20
_SMALL_COLUMN_BYTES: Final = 1024 * 1024  # at most, of which the largest value may be all
_PROBE_BUFFER_BYTES: Final = 64 * 1024
_WIDTHS: Final = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}


def leaves(file: Any) -> Iterator[tuple[int, Any, list[str]]]:
    """Yield the position of each leaf of an open ``parquet.ParquetFile``, the leaf, and what may be its column."""
    for position in range(len(file.schema)):
        leaf = file.schema.column(position)
        ends = [end for end, character in enumerate(leaf.path) if character == "."]
        yield position, leaf, [leaf.path, *(leaf.path[:end] for end in ends)]  # a column's name may have dots


class RowGroupSizes:
    """Reads metadata of an open ``parquet.ParquetFile``, and the dictionaries of ``raw``, the same file."""

    def __init__(self, file: Any, raw: Any, columns: Sequence[str]) -> None:
        self._metadata = file.metadata
        self._raw = raw
        used = {*columns}
        self._leaves = [(position, leaf) for position, leaf, within in leaves(file) if not used.isdisjoint(within)]

    def batch_rows(self, group: int) -> int:
        """Return how many rows to read at a time; raises :class:`InvalidRows` if the group unfolds to too much."""
        metadata = self._metadata.row_group(group)
        chunks = [(leaf, metadata.column(position)) for position, leaf in self._leaves]
        widths = {leaf.path: _WIDTHS.get(leaf.physical_type, leaf.length or 4) for leaf, _ in chunks}
        for leaf, chunk in chunks:
            _check_unfolded(group, leaf, chunk, widths[leaf.path])
        row_bytes, rows = 1, BATCH_ROWS
        for leaf, chunk in chunks:
            width = widths[leaf.path]
            if leaf.physical_type == "BYTE_ARRAY":
                width = self._largest_text(group, leaf, chunk)
                _check_unfolded(group, leaf, chunk, width)
                if chunk.total_uncompressed_size > _MAX_BATCH_BYTES:
                    rows = _ROWS_OF_LARGE_COLUMNS
            mean = _unfolded_bytes(leaf, chunk, width) // max(1, metadata.num_rows)
            row_bytes += max(mean, width)
        return max(1, min(rows, _MAX_BATCH_BYTES // row_bytes))

    def _largest_text(self, group: int, leaf: Any, chunk: Any) -> int:
        """Return the bytes of the largest text that more than one row may have."""
        size: int = chunk.total_uncompressed_size
        if size <= _SMALL_COLUMN_BYTES and not leaf.max_repetition_level:
            return size
        if "DELTA_BYTE_ARRAY" in chunk.encodings:  # each value may begin as the one before
            return min(size, MAX_ROW_BYTES)
        if not chunk.has_dictionary_page:
            return 0
        from pyarrow import parquet  # noqa: PLC0415 - an extra

        probe = parquet.ParquetFile(self._raw, read_dictionary=[leaf.path], buffer_size=_PROBE_BUFFER_BYTES)
        batch = next(probe.iter_batches(1, row_groups=[group], columns=[leaf.path]), None)
        return 0 if batch is None else max(map(largest_dictionary_value, batch.columns))


def _unfolded_bytes(leaf: Any, chunk: Any, width: int) -> int:
    """Return the bytes of a column of a row group, if each of its values takes ``width``.

    Without lists, rows are read a few at a time, so that repeated values do not add up.
    """
    pages: int = chunk.total_uncompressed_size
    return max(pages, chunk.num_values * width) if leaf.max_repetition_level else pages


def _check_unfolded(group: int, leaf: Any, chunk: Any, width: int) -> None:
    size = _unfolded_bytes(leaf, chunk, width)
    if size > _MAX_UNFOLDED_BYTES and size > _MAX_UNFOLDED_TIMES * chunk.total_compressed_size:
        raise InvalidRows(
            f"row group {group} has {chunk.total_compressed_size:,} bytes in column {leaf.path} that may unfold "
            f"to {size:,}; write it with smaller row groups"
        )
