"""Libraries that are installed with an extra."""

from __future__ import annotations

from typing import Any

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows


def pyarrow() -> Any:
    """Return the pyarrow module; raises :class:`InvalidRows` that says how to install it."""
    try:
        import pyarrow  # noqa: ICN001, PLC0415 - an extra
        import pyarrow.compute  # noqa: PLC0415 - as above
    except ImportError:
        raise InvalidRows(
            "Parquet files and DataFrames need pyarrow: pip install 'airflow-provider-upstash-vector[parquet]'"
        ) from None
    return pyarrow
