"""The one place where the client's errors become Airflow's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    InvalidEndpoint,
    InvalidUpdate,
    QuotaExceeded,
    UpstashVectorError,
)


def is_permanent(error: UpstashVectorError) -> bool:
    """Tell whether running the task again can never help.

    The daily quota is not permanent, nor is a malformed answer: a proxy may have been in the way.
    """
    if isinstance(error, QuotaExceeded):
        return False
    return isinstance(error, InvalidEndpoint | InvalidUpdate | ApiError) and not error.retryable


@contextmanager
def airflow_errors() -> Iterator[None]:
    """Fail the task at once on permanent errors; let the rest through to the task's retries and policies."""
    try:
        yield
    except UpstashVectorError as error:
        if is_permanent(error):
            raise AirflowFailException(str(error)) from error
        raise
