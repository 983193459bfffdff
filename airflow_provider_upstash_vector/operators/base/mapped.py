"""Arguments of mapped tasks, which Airflow stores in the serialized DAG as they are.

The worker parses the DAG file again, and so has their values.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from airflow.providers.common.compat.sdk import XComArg

from airflow_provider_upstash_vector.operators.base.arguments import literal_mode, refuse_template
from airflow_provider_upstash_vector.operators.base.display import shown, shown_vector

T = TypeVar("T")


def with_shown_arguments(mappable: T) -> T:
    """Return Airflow's partial operator or task decorator, changed so that mapped tasks show their arguments."""
    kind: Any = type(mappable)

    def expand(self: Any, expand_input: Any, **options: Any) -> Any:
        literal_mode(self.kwargs.get("metadata_update_mode"))
        refuse_template(self.kwargs.get("filter"))
        # of a function Airflow would store the source, which not every one has
        fields = {*(name.removeprefix("_") for name in self.operator_class.template_fields), "embed"}
        self.kwargs.update(shown_arguments(self.kwargs, fields))
        names = None if "op_kwargs" in fields else fields
        mapped = kind._expand(self, _shown_input(expand_input, names), **options)  # noqa: SLF001 - no public hook
        # Airflow finds the tasks that arguments depend on if these are named after their template field.
        XComArg.apply_upstream_relationship(getattr(mapped, "operator", mapped), self.kwargs.get("dry_run"))
        return mapped

    mappable.__class__ = type(kind.__name__, (kind,), {"__slots__": (), "_expand": expand})
    return mappable


def shown_field(name: str, value: Any) -> Any:
    """Return the form of a template field; Airflow needs a function's arguments in a list and a dict."""
    if name == "op_args":
        return [*map(shown, value)]
    if name == "vector":
        return shown_vector(value)
    return shown_arguments(value) if name == "op_kwargs" else shown(value)


def shown_arguments(arguments: Mapping[str, Any], names: Collection[str] | None = None) -> dict[str, Any]:
    """Return arguments with those of ``names``, by default all of them, as they are shown."""
    return {
        name: shown_field(name, value) if names is None or name in names else value
        for name, value in arguments.items()
    }


def _shown_input(expand_input: Any, names: Collection[str] | None) -> Any:
    """Return the input of a mapped task with its literal values as they are shown."""
    value = expand_input.value
    if isinstance(value, Mapping):  # expand(): several values of each argument
        value = {
            name: _shown_values(values) if names is None or name in names else values
            for name, values in value.items()
        }
    elif isinstance(value, list | tuple):  # expand_kwargs(): the arguments of each task
        value = [shown_arguments(item, names) if isinstance(item, Mapping) else item for item in value]
    return type(expand_input)(value)


def _shown_values(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {key: shown(value) for key, value in values.items()}
    return [*map(shown, values)] if isinstance(values, list | tuple) else values
