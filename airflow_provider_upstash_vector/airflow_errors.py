"""Conversion of the client's errors to Airflow exceptions."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_upstash_vector.bulk.errors import RunFailed, Superseded, TooManyMatches
from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    InvalidEndpoint,
    InvalidRequest,
    QuotaExceeded,
    TokenRejected,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.validation import shown

_log = logging.getLogger(__name__)


def is_permanent(error: UpstashVectorError) -> bool:
    """Return whether a retry of the task cannot help.

    The daily quota is not permanent, nor is a rotated token, nor an invalid response, which may come from a proxy.
    """
    if isinstance(error, QuotaExceeded | TokenRejected):
        return False
    of_a_run = (InvalidRows, RunFailed, Superseded, TooManyMatches)
    permanent = (InvalidEndpoint, InvalidRequest, ApiError, *of_a_run)
    return isinstance(error, permanent) and not error.retryable


@contextmanager
def airflow_errors(call: str, *, namespace: object = None, id: object = None) -> Iterator[None]:
    """Fail the task at once on permanent errors; leave others to the task's retries and retry policy.

    ``call``, ``namespace`` and ``id`` are added to errors that were raised before a request.
    """
    try:
        yield
    except UpstashVectorError as error:
        if error.call is None:
            single = namespace if isinstance(namespace, str) else None
            error.add_context(call=call, namespace=single, id=None if id is None else _text(id), attempts=0)
        log_error(error)
        if is_permanent(error):
            # the client's frames explain nothing, and would push the message out of sight
            raise AirflowFailException(str(error)) from error.with_traceback(None)
        raise


def _text(id: object) -> str:
    try:
        return str(id)
    except Exception:  # noqa: BLE001 - an integer of too many digits, or any __str__
        return shown(id)


def log_error(message: object) -> None:
    """Log why a task fails in a line of its own: the UI of Airflow 3 truncates tracebacks."""
    _log.error("%s", message)


def fail_or_skip(mode: Literal["ignore", "fail", "skip"], message: str) -> None:
    """Fail or skip the task; with ``"ignore"``, log the message."""
    if mode == "fail":
        log_error(message)
        raise AirflowFailException(message)
    if mode == "skip":
        raise AirflowSkipException(message)
    _log.warning("%s", message)
