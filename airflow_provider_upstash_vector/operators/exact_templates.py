"""Templates that change nothing but what stands between their braces.

Airflow's native rendering evaluates every rendered text as a Python literal, also one without a template:
the id ``1e5`` becomes 100000.0 and the metadata text ``None`` a null, which deletes a field under PATCH. And
Jinja itself drops a trailing newline. Here a text without a template stays as it is, and native rendering
gives the value of a template that is one whole expression, without evaluating text again.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import BaseOperator, Context
from jinja2 import Undefined
from jinja2.nativetypes import NativeEnvironment

if TYPE_CHECKING:
    from jinja2 import Environment, Template


class ExactTemplatesMixin(BaseOperator):
    """Renders template fields so that texts arrive as they were written, on every Airflow version."""

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render ``content``; everything but texts is left to Airflow, which comes back here for nested ones."""
        if not isinstance(content, str):
            return super().render_template(content, context, jinja_env, seen_oids)
        environment = jinja_env or self.get_template_env()
        if not _has_template(content, environment):
            return content
        return _render(environment.overlay(keep_trailing_newline=True).from_string(content), context)


def _has_template(text: str, environment: Environment) -> bool:
    marks = (
        environment.block_start_string,
        environment.variable_start_string,
        environment.comment_start_string,
        environment.line_statement_prefix,
        environment.line_comment_prefix,
    )
    return any(mark and mark in text for mark in marks)


def _render(template: Template, context: Context) -> Any:
    # Not Template.render(): it would copy Airflow's context, and so evaluate all its lazy values.
    environment = template.environment
    variables = cast("dict[str, Any]", copy.copy(context))
    variables.update((name, value) for name, value in template.globals.items() if name not in variables)
    try:
        parts = list(
            template.root_render_func(
                environment.context_class(environment, variables, template.name, template.blocks)
            )
        )
    except Exception:  # noqa: BLE001 - raises it again, pointing to the template
        environment.handle_exception()
    if isinstance(environment, NativeEnvironment) and len(parts) == 1 and not _is_text(parts[0]):
        return parts[0]
    return "".join(str(part) for part in parts)


def _is_text(part: object) -> bool:
    return isinstance(part, str | Undefined)  # an undefined value says so when it becomes text
