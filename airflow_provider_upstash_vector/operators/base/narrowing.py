"""Arguments that limit which vectors a task changes or checks: an empty value must not select others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.operators.base.arguments import rendered_value
from airflow_provider_upstash_vector.operators.base.display import unwrap


def set_arguments(**arguments: Any) -> dict[str, Any]:
    """Return the arguments that the DAG sets."""
    return {name: plain for name, value in arguments.items() if (plain := unwrap(value)) is not None}


def refuse_unset(operator: Any, arguments: Mapping[str, Any]) -> None:
    """Raise ``InvalidRequest`` if an argument that the DAG sets is ``None``, or an empty text, once rendered."""
    for name, in_dag in arguments.items():
        value = getattr(operator, name)
        if value is None or (isinstance(value, str) and not value and in_dag != ""):
            rendered = "None" if value is None else "an empty text"
            reason = f"its template rendered to {rendered}, which would select other vectors"
            raise InvalidRequest(name, f"{reason}: render a value, or leave the argument out")


def rendered_limit(value: Any, field: str) -> Any:
    """Return the rendered limit of an argument that the DAG does not set to ``None``."""
    limit = rendered_value(value, field, "a whole number")
    if limit is None:
        raise InvalidRequest(field, "must be a whole number: a template cannot lift the limit")
    return limit
