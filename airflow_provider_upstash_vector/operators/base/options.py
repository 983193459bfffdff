"""The options of a bulk run as arguments of an operator: checked when the DAG is parsed, and once rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from airflow_provider_upstash_vector.bulk.options import option_types
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.operators.base.arguments import is_literal, rendered_value
from airflow_provider_upstash_vector.operators.base.display import unwrap

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.operators.base.bulk import BulkOperator

# what the text of a rendered option must be, by its type
_EXPECTED: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Sequence[int]: "two whole numbers (i, n)",
}


def check_literal_options(operator: BulkOperator, instead: Mapping[str, Any] | None = None) -> None:
    """Raise ``ValueError`` for an invalid option, so that the DAG is not parsed; templates are not checked.

    ``instead`` has values for templates that the check of other options depends on.
    """
    options = {name: unwrap(value) for name, value in _options(operator).items()}
    templates = {name for name in options if _attribute(name) in operator.template_fields}
    literal = {name: value for name, value in options.items() if name not in templates or is_literal(value)}
    rest = {name: value for name, value in (instead or {}).items() if name in options.keys() - literal.keys()}
    operator.options_type(**literal, **rest)


def rendered_options(operator: BulkOperator) -> dict[str, Any]:
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


def _options(operator: BulkOperator) -> dict[str, Any]:
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
