"""Literal-safe templates: rendering changes nothing outside the braces.

Airflow's native rendering evaluates every rendered text as a Python literal, even one without a template:
the id ``1e5`` becomes 100000.0 and the metadata text ``None`` a null, which deletes a field under PATCH. And
Jinja drops a trailing newline. Here

- a text without a template stays as it is, and text is never evaluated;
- the result of another task stays as it is, also in a mapped task;
- a field that is a single expression with the value ``None`` is ``None``, the same as not set;
- with native rendering, a single expression renders to its value, in a field or nested in one;
- in a filter, templates stand for values, not for syntax: those of an expression are quoted after rendering, and
  a text with a template is refused;
- in ``narrowing_fields``, which limit what a task changes, no template may render to an empty value.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.providers.common.compat.sdk import BaseOperator, Context
from jinja2 import Undefined
from jinja2.nativetypes import NativeCodeGenerator, NativeEnvironment

from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.filters import Filter
from airflow_provider_upstash_vector.operators.base.arguments import refuse_template
from airflow_provider_upstash_vector.operators.base.display import unwrap
from airflow_provider_upstash_vector.operators.base.upstream_values import values_of_expand_kwargs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Environment, Template


_MAP_INDEX_WORDS = {"vector_id": "id", "shard": "shard"}
_MAX_NAME_CHARS = 200  # Airflow's column has 250


class LiteralSafeTemplateMixin(BaseOperator):
    """Renders template fields without changing literal text, on every Airflow version."""

    narrowing_fields: ClassVar[Collection[str]] = ()
    _containers_around = 0
    _refuses_empty = False
    _is_rendered = False

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: Environment,
        seen_oids: set[int],
    ) -> None:
        # not render_template_fields(), which is not called for mapped tasks
        if parent is self:
            if self._is_rendered:  # Airflow 2 renders again when dag.test() resumes a deferred task
                return
            seen_oids.update(map(id, values_of_expand_kwargs(self, context)))
        for field in template_fields:
            with _reported(field):
                if field == "filter" and id(filter := unwrap(getattr(parent, field))) not in seen_oids:
                    refuse_template(filter, partial(_has_template, environment=jinja_env))
                self._refuses_empty = field in self.narrowing_fields
                super()._do_render_template_fields(parent, (field,), context, jinja_env, seen_oids)
        if parent is self:
            self._is_rendered = True
            name_mapped_task(self, cast("dict[str, Any]", context), jinja_env)

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render ``content``; Airflow renders containers, and calls this method again for the texts in them.

        ``seen_oids`` has the ids of values that are not templates: the results of other tasks.
        """
        if isinstance(content, str):
            if seen_oids and id(content) in seen_oids:
                return content
            environment = jinja_env or self.get_template_env()
            return self._render_text(content, context, environment, whole_field=not self._containers_around)
        if isinstance(content, Filter):
            environment = jinja_env or self.get_template_env()
            render = partial(self._render_text, context=context, environment=environment, whole_field=True)
            return content.replace_texts(render)
        self._containers_around += 1
        try:
            return super().render_template(content, context, jinja_env, seen_oids)
        finally:
            self._containers_around -= 1

    def _render_text(self, text: str, context: Context, environment: Environment, *, whole_field: bool) -> Any:
        if not _has_template(text, environment):
            return text
        # Native code generation, also for the plain environment, yields the values before they become text.
        exact = environment.overlay(keep_trailing_newline=True)
        exact.code_generator_class = NativeCodeGenerator
        parts = _parts(exact.from_string(text), context)
        if self._refuses_empty and not (parts and all(part is not None and str(part) for part in parts)):
            raise InvalidRequest(
                "filter",
                f"the template {text[:60]!r} rendered to an empty value, with which other vectors would match: "
                "render a value, or leave it out",
            )
        if len(parts) == 1:
            (value,) = parts
            is_value = not isinstance(value, str | Undefined)  # an undefined value raises when it becomes text
            if (value is None and whole_field) or (is_value and isinstance(environment, NativeEnvironment)):
                return value
        return "".join(str(part) for part in parts)


def name_mapped_task(task: Any, context: dict[str, Any], environment: Environment) -> None:
    """Show the id or shard of a mapped task in place of its index, unless the DAG sets another template.

    Airflow renders the template when the task starts and again when it ends, and fails the task if the result is
    not text: with native rendering, an expression alone would be a number.
    """
    named = next((name for name in _MAP_INDEX_WORDS if getattr(task, name, None) not in (None, "")), None)
    is_mapped = getattr(context.get("ti"), "map_index", -1) >= 0
    if named and is_mapped and context.get("map_index_template") is None:
        start, end = environment.variable_start_string, environment.variable_end_string
        value = f"{start} (task.{named} | string)[:{_MAX_NAME_CHARS}] {end}"
        context["map_index_template"] = f"{_MAP_INDEX_WORDS[named]} {value}"


@contextmanager
def _reported(field: str) -> Iterator[None]:
    """Fail the task with a sentence if a field is nested too deeply, or has an invalid value in a filter."""
    with airflow_errors("render"):
        try:
            yield
        except InvalidRequest as error:
            if error.field != "filter":
                raise
            raise InvalidRequest(field, error.reason) from None
        except RecursionError:
            raise InvalidRequest(field, "is nested too deeply") from None


def _has_template(text: str, environment: Environment) -> bool:
    marks = (
        environment.block_start_string,
        environment.variable_start_string,
        environment.comment_start_string,
        environment.line_statement_prefix,
        environment.line_comment_prefix,
    )
    return any(mark and mark in text for mark in marks)


def _parts(template: Template, context: Context) -> list[Any]:
    # Not Template.render(): it would copy Airflow's context and so evaluate all its lazy values.
    environment = template.environment
    variables = cast("dict[str, Any]", copy.copy(context))
    variables.update((name, value) for name, value in template.globals.items() if name not in variables)
    try:
        return list(
            template.root_render_func(
                environment.context_class(environment, variables, template.name, template.blocks)
            )
        )
    except Exception:  # noqa: BLE001 - raises it again, pointing to the template
        environment.handle_exception()
