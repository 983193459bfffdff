"""The one place where the client's errors become Airflow's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed
from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    InvalidEndpoint,
    InvalidRequest,
    QuotaExceeded,
    UpstashVectorError,
)

_log = logging.getLogger(__name__)


def is_permanent(error: UpstashVectorError) -> bool:
    """Tell whether running the task again can never help.

    The daily quota is not permanent, nor is a malformed answer: a proxy may have been in the way.
    """
    if isinstance(error, QuotaExceeded):
        return False
    permanent = InvalidEndpoint | InvalidRequest | InvalidRows | BulkJobFailed | ApiError
    return isinstance(error, permanent) and not error.retryable


@contextmanager
def airflow_errors(call: str, *, namespace: object = None, id: object = None) -> Iterator[None]:
    """Fail the task at once on permanent errors; let the rest through to the task's retries and policies.

    ``call``, ``namespace`` and ``id`` are told with errors that came before the client knew them.
    """
    try:
        yield
    except UpstashVectorError as error:
        if error.call is None:
            place = namespace if isinstance(namespace, str) else None
            error.add_context(call=call, namespace=place, id=None if id is None else str(id), attempts=0)
        log_error(error)
        if is_permanent(error):
            # the calls within the client say nothing more, and would push the message out of sight
            raise AirflowFailException(str(error)) from error.with_traceback(None)
        raise


def log_error(message: object) -> None:
    """Log why a task fails, in a line of its own: the UI of Airflow 3 cuts off what is in a traceback."""
    _log.error("%s", message)
