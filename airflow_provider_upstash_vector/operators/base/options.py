"""The options of a bulk run as arguments of an operator: checked when the DAG is parsed, and once rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from airflow.providers.common.compat.version_compat import get_base_airflow_version_tuple

from airflow_provider_upstash_vector.bulk.options import option_types
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.operators.base.arguments import is_literal, rendered_value
from airflow_provider_upstash_vector.operators.base.display import unwrap

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.operators.base.bulk import BulkRunOperator

_TASK_STATE_SINCE = (3, 3, 0)
# what the text of a rendered option must be, by its type
_EXPECTED: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Sequence[int]: "two whole numbers (i, n)",
}


def check_literal_options(operator: BulkRunOperator, instead: Mapping[str, Any] | None = None) -> None:
    """Raise ``ValueError`` for an invalid option, so that the DAG is not parsed; templates are not checked.

    ``instead`` has values for templates that the check of other options depends on.
    """
    options = {name: unwrap(value) for name, value in _options(operator).items()}
    templates = {name for name in options if _attribute(name) in operator.template_fields}
    literal = {name: value for name, value in options.items() if name not in templates or is_literal(value)}
    rest = {name: value for name, value in (instead or {}).items() if name in options.keys() - literal.keys()}
    operator.options_type(**literal, **rest)


def check_retries_resume(checkpoint: object) -> None:
    """Raise ``ValueError`` if a retry would find the rows of the try before in namespaces that must be empty."""
    value = unwrap(checkpoint)
    if not value or (value == "auto" and get_base_airflow_version_tuple() < _TASK_STATE_SINCE):
        reason = "is not kept between tries" if value else "is not set"
        raise ValueError(
            'if_not_empty="fail", the default for an export, needs a checkpoint that a retry resumes from, or it '
            f"would find its own rows, but checkpoint={value!r} {reason}: set checkpoint to a path, or "
            'if_not_empty="merge"'
        )


def rendered_options(operator: BulkRunOperator) -> dict[str, Any]:
    """Return the options but the namespace, rendered. Raises ``InvalidRequest`` for an invalid one."""
    kinds = option_types(operator.options_type)
    options = {name: _parsed(value, name, kinds[name]) for name, value in _options(operator).items()}
    try:
        operator.options_type(**options)
    except InvalidRequest:
        raise
    except ValueError as error:
        raise InvalidRequest("options", str(error)) from None
    return options


def _options(operator: BulkRunOperator) -> dict[str, Any]:
    """Return the options but the namespace, which is by default that of the connection."""
    names = option_types(operator.options_type).keys() - {"namespace"}
    return {name: getattr(operator, _attribute(name)) for name in names}


def _attribute(option: str) -> str:
    return "_dry_run" if option == "dry_run" else option


def _parsed(value: Any, name: str, kind: Any) -> Any:
    """Return an option whose rendered text stands for a value of another type."""
    expected = _EXPECTED.get(kind) or next((_EXPECTED[part] for part in get_args(kind) if part in _EXPECTED), None)
    if expected is None or str in get_args(kind):
        return value
    return rendered_value(value, name, expected)
