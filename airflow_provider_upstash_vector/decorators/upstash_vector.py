"""``@task.upstash_vector_update`` and ``@task.upstash_vector_bulk_update``.

What the function returns is sent as it is: no template in it is rendered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import (
    Context,
    DecoratedOperator,
    TaskDecorator,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)

from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.client.errors import InvalidUpdate
from airflow_provider_upstash_vector.client.fields import shown
from airflow_provider_upstash_vector.decorators.signatures import BulkUpdateTask, UpdateTask
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    UpdateVectorOperator,
)

_CHANGES = ("vector", "sparse_vector", "data", "metadata", "metadata_update_mode", "namespace")


class _CallsFunction(DecoratedOperator):
    """Calls the decorated function with its arguments and what it asks for of the context."""

    def call_function(self, context: Context) -> Any:
        """Return what the function returns; a generator function's body has not begun then."""
        context_merge(context, self.op_kwargs)
        kwargs = determine_kwargs(self.python_callable, self.op_args, context)
        return self.python_callable(*self.op_args, **kwargs)


class UpdateVectorDecoratedOperator(_CallsFunction, UpdateVectorOperator):
    """Changes the vector that the function's result names."""

    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        "namespace",
        "metadata_update_mode",
        "upstash_vector_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {**DecoratedOperator.template_fields_renderers}
    custom_operator_name = "@task.upstash_vector_update"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, vector_id="", **kwargs
        )

    def execute(self, context: Context) -> int:
        """Call the function and send the change that it returns; return the updated count."""
        change = self.call_function(context)
        with airflow_errors("update", namespace=self.namespace):
            self._take(change)
        return UpdateVectorOperator.execute(self, context)

    def _take(self, change: object) -> None:
        if not isinstance(change, Mapping):
            raise InvalidUpdate("result", f"must be a mapping with id and what to change, got {shown(change)}")
        if "id" not in change:
            raise InvalidUpdate("id", "is required")
        for name, value in change.items():
            if name == "id":
                self.vector_id = value
            elif name not in _CHANGES:
                raise InvalidUpdate(str(name), "there is no such field")
            elif value is not None:
                setattr(self, name, value)


class BulkUpdateVectorsDecoratedOperator(_CallsFunction, BulkUpdateVectorsOperator):
    """Changes the vectors of the rows that the function returns or yields; a generator is read as they go."""

    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(name for name in BulkUpdateVectorsOperator.template_fields if name != "rows"),
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {**DecoratedOperator.template_fields_renderers}
    custom_operator_name = "@task.upstash_vector_bulk_update"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, rows=(), **kwargs)

    def execute(self, context: Context) -> dict[str, Any]:
        """Call the function and send what it returns; return the manifest."""
        self.rows = self.call_function(context)
        return BulkUpdateVectorsOperator.execute(self, context)


def _update_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Make a task of a function that returns ``{"id": …}`` and what to change of that vector."""
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=False,  # else a function that says it returns a dict would be taken at its word
        decorated_operator_class=UpdateVectorDecoratedOperator,
        **kwargs,
    )


def _bulk_update_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Make a task of a function that returns or yields rows, paths of files, or a table."""
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=False,
        decorated_operator_class=BulkUpdateVectorsDecoratedOperator,
        **kwargs,
    )


upstash_vector_update_task: UpdateTask = _update_task
upstash_vector_bulk_update_task: BulkUpdateTask = _bulk_update_task
