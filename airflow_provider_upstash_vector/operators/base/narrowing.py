"""Arguments that limit which vectors a task changes or checks: an empty value must not select others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.operators.base.arguments import rendered_value
from airflow_provider_upstash_vector.operators.base.display import unwrap


def set_arguments(**arguments: Any) -> list[str]:
    """Return the names of the arguments that the DAG sets."""
    return [name for name, value in arguments.items() if unwrap(value) is not None]


def refuse_unset(operator: Any, names: Iterable[str]) -> None:
    """Raise ``InvalidRequest`` if an argument that the DAG sets is ``None`` once rendered."""
    for name in names:
        if getattr(operator, name) is None:
            reason = "its template rendered to None, which would select other vectors"
            raise InvalidRequest(name, f"{reason}: render a value, or leave the argument out")


def rendered_limit(value: Any, field: str) -> Any:
    """Return the rendered limit of an argument that the DAG does not set to ``None``."""
    limit = rendered_value(value, field, "a whole number")
    if limit is None:
        raise InvalidRequest(field, "must be a whole number: a template cannot lift the limit")
    return limit
