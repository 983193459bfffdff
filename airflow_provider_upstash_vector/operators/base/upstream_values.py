"""Values that a mapped task gets from ``expand_kwargs(<result of a task>)``.

Airflow renders them as if they were written in the DAG. It marks those of ``expand(...)`` itself, as seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context


def values_of_expand_kwargs(operator: BaseOperator, context: Context) -> list[Any]:
    """Return the template fields and function arguments of an unmapped operator that are results of a task."""
    dag: Any = operator.get_dag()
    mapped = dag.task_dict.get(operator.task_id) if dag else None
    if not hasattr(mapped, "partial_kwargs") or not _is_from_task(mapped, context):
        return []
    in_dag = {id(value) for arguments in _arguments_in_dag(mapped) for value in arguments.values()}
    fields = [getattr(operator, name) for name in operator.template_fields if name != "op_kwargs"]
    values = [*fields, *getattr(operator, "op_kwargs", {}).values()]
    return [value for value in values if id(value) not in in_dag]


def _is_from_task(mapped: Any, context: Any) -> bool:
    kwargs = mapped._get_specified_expand_input().value  # noqa: SLF001 - there is no public way
    if isinstance(kwargs, Sequence):  # expand_kwargs([...]), with mappings and results of tasks
        kwargs = kwargs[context["ti"].map_index]
    return not isinstance(kwargs, Mapping)


def _arguments_in_dag(mapped: Any) -> Iterator[Mapping[str, Any]]:
    yield mapped.partial_kwargs
    yield mapped.partial_kwargs.get("op_kwargs", {})
    yield mapped.dag.default_args
    group = mapped.task_group
    while group is not None:
        yield group.default_args
        group = group.parent_group
