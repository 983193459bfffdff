"""Template fields that Airflow can store, whatever their values are.

In the serialized DAG, of mapped tasks too, and among the rendered fields of a task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, Context

from airflow_provider_upstash_vector.operators.base.display import unwrap
from airflow_provider_upstash_vector.operators.base.mapped import shown_field, with_shown_arguments

if TYPE_CHECKING:
    from jinja2 import Environment


class StorableFieldsMixin(BaseOperator):
    """Shows values of template fields that Airflow could not store; ``execute`` calls :meth:`unwrap_fields`."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute: Airflow and the operators set a template field before and after rendering."""
        super().__setattr__(name, shown_field(name, value) if name in self.template_fields else value)

    @classmethod
    def partial(cls, **kwargs: Any) -> Any:
        """Return Airflow's partial operator, which shows its arguments in the serialized DAG."""
        return with_shown_arguments(super().partial(**kwargs))

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render the value of a field, not what is shown of it."""
        return super().render_template(unwrap(content), context, jinja_env, seen_oids)

    def unwrap_fields(self) -> None:
        """Set the template fields to their values; Airflow has stored the rendered fields when it executes."""
        for name in self.template_fields:
            self.__dict__[name] = unwrap(getattr(self, name))
