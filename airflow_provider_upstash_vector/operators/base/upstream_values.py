"""What ``expand_kwargs(<result of a task>)`` gives to a mapped task.

Airflow renders these values as if the DAG contained them; those of ``expand(...)`` it marks as seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context


def values_of_expand_kwargs(operator: BaseOperator, context: Context) -> list[Any]:
    """Return the template fields, and arguments of a function, that an unmapped operator has from a task."""
    dag: Any = operator.get_dag()
    mapped = dag.task_dict.get(operator.task_id) if dag else None
    if not hasattr(mapped, "partial_kwargs") or not _is_from_task(mapped, context):
        return []
    in_dag = {id(value) for arguments in _arguments_in_dag(mapped) for value in arguments.values()}
    fields = [getattr(operator, name) for name in operator.template_fields if name != "op_kwargs"]
    values = [*fields, *getattr(operator, "op_kwargs", {}).values()]
    return [value for value in values if id(value) not in in_dag]


def _is_from_task(mapped: Any, context: Any) -> bool:
    given = mapped._get_specified_expand_input().value  # noqa: SLF001 - nothing public tells
    if isinstance(given, Sequence):  # of expand_kwargs([...]): mappings and results of tasks
        given = given[context["ti"].map_index]
    return not isinstance(given, Mapping)


def _arguments_in_dag(mapped: Any) -> Iterator[Mapping[str, Any]]:
    yield mapped.partial_kwargs
    yield mapped.partial_kwargs.get("op_kwargs", {})
    yield mapped.dag.default_args
    group = mapped.task_group
    while group is not None:
        yield group.default_args
        group = group.parent_group
