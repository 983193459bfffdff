"""``@task.upstash_vector_update`` and, for many rows, ``@task.upstash_vector_bulk_…``.

Their arguments are templates, as those of the operators. The function's result is never rendered.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, cast

from airflow.providers.common.compat.sdk import (
    Context,
    DecoratedOperator,
    TaskDecorator,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)

from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.validation import shown
from airflow_provider_upstash_vector.decorators.signatures import (
    BulkDeleteTask,
    BulkUpdateTask,
    BulkUpsertTask,
    UpdateTask,
)
from airflow_provider_upstash_vector.operators.base.bulk import BulkOperator
from airflow_provider_upstash_vector.operators.base.mapped import with_shown_arguments
from airflow_provider_upstash_vector.operators.base.templates import name_mapped_task
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkDeleteVectorsOperator,
    BulkUpdateVectorsOperator,
    BulkUpsertVectorsOperator,
    UpdateVectorOperator,
)

_CHANGES = ("vector", "sparse_vector", "data", "metadata", "metadata_update_mode", "namespace")


class _FunctionMixin(DecoratedOperator):
    """Calls the decorated function with its arguments and the context variables that it takes."""

    def call_function(self, context: Context) -> Any:
        """Return the function's result, awaited if it is async; a generator is returned unstarted."""
        context_merge(context, self.op_kwargs)
        kwargs = determine_kwargs(self.python_callable, self.op_args, context)
        result = self.python_callable(*self.op_args, **kwargs)
        return asyncio.run(result) if inspect.iscoroutine(result) else result


class UpdateVectorDecoratedOperator(_FunctionMixin, UpdateVectorOperator):
    """Updates one vector with the function's result."""

    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(name for name in UpdateVectorOperator.template_fields if name != "vector_id"),
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **UpdateVectorOperator.template_fields_renderers,
    }
    custom_operator_name = "@task.upstash_vector_update"

    def execute(self, context: Context) -> int:
        """Call the function and send the update that it returns; return the updated count."""
        self.unwrap_fields()
        change = self.call_function(context)
        with airflow_errors("update", namespace=self.namespace):
            self._take(change)
        name_mapped_task(self, cast("dict[str, Any]", context), self.get_template_env())
        return UpdateVectorOperator.execute(self, context)

    def _take(self, change: object) -> None:
        if not isinstance(change, Mapping):
            raise InvalidRequest("result", f"must be a mapping with id and fields to change, got {shown(change)}")
        if "id" not in change:
            raise InvalidRequest("id", "is required")
        for name, value in change.items():
            if name == "id":
                self.vector_id = value
            elif name not in _CHANGES:
                raise InvalidRequest(str(name), "there is no such field")
            elif value is not None:
                setattr(self, name, value)


class _RowsOfFunctionMixin(_FunctionMixin, BulkOperator):
    """Sends the rows that the function returns or yields; a generator is consumed as they are sent."""

    template_fields_renderers: ClassVar[dict[str, str]] = {**DecoratedOperator.template_fields_renderers}

    def execute(self, context: Context) -> dict[str, Any]:
        """Call the function and send what it returns; return the manifest."""
        self.unwrap_fields()
        self.rows = self.call_function(context)
        return BulkOperator.execute(self, context)


def _template_fields(operator: type[BulkOperator]) -> Sequence[str]:
    return (*DecoratedOperator.template_fields, *(name for name in operator.template_fields if name != "rows"))


class BulkUpdateVectorsDecoratedOperator(_RowsOfFunctionMixin, BulkUpdateVectorsOperator):
    """Updates vectors with the rows of the function."""

    template_fields: Sequence[str] = _template_fields(BulkUpdateVectorsOperator)
    custom_operator_name = "@task.upstash_vector_bulk_update"


class BulkUpsertVectorsDecoratedOperator(_RowsOfFunctionMixin, BulkUpsertVectorsOperator):
    """Upserts the rows of the function."""

    template_fields: Sequence[str] = _template_fields(BulkUpsertVectorsOperator)
    custom_operator_name = "@task.upstash_vector_bulk_upsert"


class BulkDeleteVectorsDecoratedOperator(_RowsOfFunctionMixin, BulkDeleteVectorsOperator):
    """Deletes the vectors of the function's rows."""

    template_fields: Sequence[str] = _template_fields(BulkDeleteVectorsOperator)
    custom_operator_name = "@task.upstash_vector_bulk_delete"


def _decorator(python_callable: Any, operator: type[DecoratedOperator], **kwargs: Any) -> TaskDecorator:
    if python_callable is None:  # @decorator(...)
        return cast("TaskDecorator", partial(_decorator, operator=operator, **kwargs))
    return with_shown_arguments(
        task_decorator_factory(python_callable, decorated_operator_class=operator, **kwargs)
    )


def _update_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Make a task as :class:`UpdateTask` documents."""
    if kwargs.setdefault("multiple_outputs", False):  # Airflow infers True from the annotation ``-> dict``
        raise ValueError("multiple_outputs is not supported: the task's result is the updated count")
    return _decorator(python_callable, UpdateVectorDecoratedOperator, vector_id="", **kwargs)


def _bulk_task(
    python_callable: Callable[..., Any] | None = None, *, operator: type[DecoratedOperator], **kwargs: Any
) -> TaskDecorator:
    """Make a task as :class:`BulkUpdateTask`, :class:`BulkUpsertTask` and :class:`BulkDeleteTask` document."""
    kwargs.setdefault("multiple_outputs", False)  # as above
    return _decorator(python_callable, operator, rows=(), **kwargs)


upstash_vector_update_task: UpdateTask = _update_task
upstash_vector_bulk_update_task: BulkUpdateTask = partial(_bulk_task, operator=BulkUpdateVectorsDecoratedOperator)
upstash_vector_bulk_upsert_task: BulkUpsertTask = partial(_bulk_task, operator=BulkUpsertVectorsDecoratedOperator)
upstash_vector_bulk_delete_task: BulkDeleteTask = partial(_bulk_task, operator=BulkDeleteVectorsDecoratedOperator)
