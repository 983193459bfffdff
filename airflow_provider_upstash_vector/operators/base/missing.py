"""What a task does if what it should change is not there: ``ignore``, ``fail`` or ``skip``."""

from __future__ import annotations

from typing import Any, get_args

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_upstash_vector.airflow_errors import log_error
from airflow_provider_upstash_vector.bulk.operations.update import OnMissing


def check_on_missing(value: object, name: str) -> None:
    """Raise ``ValueError`` for any other value."""
    if value not in get_args(OnMissing):
        raise ValueError(f"{name} must be ignore, fail or skip, got {value!r}")


def act_on_missing(how: OnMissing, message: str, log: Any) -> None:
    """Log ``message`` as a warning, or fail the task at once, or skip it."""
    if how == "fail":
        log_error(message)
        raise AirflowFailException(message)
    if how == "skip":
        raise AirflowSkipException(message)
    log.warning(message)
