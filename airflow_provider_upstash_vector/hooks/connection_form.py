"""The connection form of Airflow 2.11 to 3.1, with the texts that ``provider_info`` holds for later ones."""

from __future__ import annotations

from typing import Any

from airflow_provider_upstash_vector.provider_info import CONNECTION_FIELDS, UI_FIELD_BEHAVIOUR


def widgets() -> dict[str, Any]:
    """Return the form's own fields; none where wtforms is missing, as in an Airflow without a form."""
    try:
        # Only wtforms: Airflow 3.0 without FAB drops the form at any other import.
        from wtforms import BooleanField, IntegerField, StringField  # type: ignore[import-untyped]  # noqa: PLC0415 - see above
    except ImportError:
        return {}
    kinds = {"string": StringField, "number": IntegerField, "integer": IntegerField, "boolean": BooleanField}
    return {
        name: kinds[field["schema"]["type"][0]](
            field["label"], description=field["description"], default=field["schema"].get("default")
        )
        for name, field in CONNECTION_FIELDS.items()
    }


def field_behaviour() -> dict[str, Any]:
    """Return which standard fields are hidden, and how the others are called."""
    return {name.replace("-", "_"): value for name, value in UI_FIELD_BEHAVIOUR.items()}
