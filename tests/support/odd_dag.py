"""A DAG with every operator, mapped and not, and an odd value in every template field; prints its JSON."""

from __future__ import annotations

import random
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_upstash_vector.bulk.checking import NoZeroVectors
from airflow_provider_upstash_vector.bulk.options import option_types
from airflow_provider_upstash_vector.client import Field
from airflow_provider_upstash_vector.decorators.upstash_vector import (
    upstash_vector_bulk_delete_task,
    upstash_vector_bulk_update_task,
    upstash_vector_bulk_upsert_task,
    upstash_vector_update_task,
)
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkDeleteVectorsOperator,
    BulkUpdateVectorsOperator,
    BulkUpsertVectorsOperator,
    CheckVectorsOperator,
    ExportVectorsOperator,
    FetchVectorsOperator,
    QueryVectorsOperator,
    UpdateVectorOperator,
    UpdateVectorsWhereOperator,
    UpsertVectorOperator,
)
from airflow_provider_upstash_vector.sensors.upstash_vector import UpstashVectorIndexReadySensor
from tests.support.odd_values import odd_values
from tests.support.stored_fields import serialized

BULK_OPERATORS: tuple[Any, ...] = (
    BulkUpdateVectorsOperator,
    BulkUpsertVectorsOperator,
    BulkDeleteVectorsOperator,
)
READERS: tuple[Any, ...] = (QueryVectorsOperator, FetchVectorsOperator)
OPERATORS: tuple[Any, ...] = (
    UpdateVectorOperator,
    UpsertVectorOperator,
    *BULK_OPERATORS,
    *READERS,
    ExportVectorsOperator,
    UpdateVectorsWhereOperator,
    CheckVectorsOperator,
    UpstashVectorIndexReadySensor,
)
REQUIRED: dict[Any, str] = {
    **dict.fromkeys(BULK_OPERATORS, "rows"),
    QueryVectorsOperator: "data",
    FetchVectorsOperator: "ids",
    ExportVectorsOperator: "path",
    UpdateVectorsWhereOperator: "metadata",
    CheckVectorsOperator: "namespace",
}
OTHERS: dict[Any, dict[str, Any]] = {  # required arguments that must have a value when the DAG is parsed
    UpdateVectorsWhereOperator: {"where": Field("a") == 1},
    CheckVectorsOperator: {"checks": [NoZeroVectors()]},
}
# when the DAG is parsed; prefix with ids, baseline with namespace
CHECKED = {"top_k", "filter", "where", "prefix", "baseline", "time_limit_seconds"}
DECORATORS: tuple[Any, ...] = (
    upstash_vector_update_task,
    upstash_vector_bulk_update_task,
    upstash_vector_bulk_upsert_task,
    upstash_vector_bulk_delete_task,
)


def templated_arguments(operator: Any) -> dict[str, bool]:
    """Return the arguments that are templates, and whether the DAG is parsed with any value of them."""
    options = option_types(operator.options_type) if hasattr(operator, "options_type") else {}
    names = [field.removeprefix("_") for field in operator.template_fields]
    return {name: name == "namespace" or name not in {*options, *CHECKED} for name in names}


def add_tasks(operator: Any, number: int, value: Any) -> None:
    """Add tasks with ``value`` in a field, written in the DAG in every way."""
    required = REQUIRED.get(operator, "vector_id")
    field, accepts_any = [*templated_arguments(operator).items()][number % len(operator.template_fields)]
    others = {name: value for name, value in {required: "a", **OTHERS.get(operator, {})}.items() if name != field}
    if accepts_any:
        operator(task_id=f"{operator.__name__}_{number}", **others, **{field: value})
    name = f"{operator.__name__}_{number}_mapped"
    expanded: dict[str, list[Any]] = (
        {"include_data": [True, False]} if operator in READERS else {"poke_interval": [1, 2]}
    )
    expanded = {"page_size": [1, 2]} if operator is ExportVectorsOperator else expanded
    expanded = {"on_failure": ["fail", "warn"]} if operator is CheckVectorsOperator else expanded
    operator.partial(task_id=f"{name}_0", **others, **{field: value}).expand(**expanded)
    operator.partial(task_id=f"{name}_1", **others).expand(**{field: [value, value]})
    operator.partial(task_id=f"{name}_2", **others).expand_kwargs([{field: value}, {field: "a"}])


def add_functions(decorator: Any, number: int, value: Any) -> None:
    """Add decorated functions with ``value`` as an argument in every way."""

    @decorator(namespace=value)  # type: ignore[untyped-decorator]
    def function(items: Any, n: int = 0) -> Any: ...

    function.override(task_id=f"f{number}_0")(value)
    function.override(task_id=f"f{number}_1")(items=value)
    function.override(task_id=f"f{number}_2").partial(items=value).expand(n=[1, 2])
    function.override(task_id=f"f{number}_3").expand(items=[value, value])
    function.override(task_id=f"f{number}_4").expand_kwargs([{"items": value}])


def odd_dag() -> DAG:
    """Return the DAG."""
    with DAG("odd", schedule=None) as dag:
        for number, value in enumerate(odd_values()):
            for operator in OPERATORS:
                add_tasks(operator, number, value)
        for number, value in enumerate(odd_values()):
            add_functions(DECORATORS[number % len(DECORATORS)], number, value)
    return dag


if __name__ == "__main__":
    padding = [object() for _ in range(random.randrange(10_000))]
    print(serialized(odd_dag()))  # noqa: T201 - the test reads it
