"""Stores template fields as Airflow does: in the serialized DAG, and among the rendered fields."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from airflow.models.renderedtifields import RenderedTaskInstanceFields, get_serialized_template_fields
from airflow.serialization import serialized_objects

from tests.support.airflow_features import AIRFLOW

_TABLE: Any = RenderedTaskInstanceFields.__table__
_ENGINE = sa.create_engine("sqlite://")
_TABLE.create(_ENGINE)


def serialized(dag: Any) -> str:
    """Return the JSON of the serialized DAG, which the DAG processor of Airflow 3 can send to its manager."""
    names: dict[str, Any] = vars(serialized_objects)
    kind = names.get("DagSerialization") or names["SerializedDAG"]  # before Airflow 3.2
    stored: dict[str, Any] = kind.to_dict(dag)
    if AIRFLOW >= (3, 0):
        from airflow.sdk.execution_time import comms  # noqa: PLC0415 - Airflow 2 has none

        comms._RequestFrame(id=1, body=stored).as_bytes()
    return json.dumps(stored, sort_keys=True, allow_nan=False)


def stored_fields(operator: Any) -> dict[str, Any]:
    """Return the fields of a rendered operator, as they are read from the database.

    In Airflow 3 the task runner sends them to its supervisor, and that as strict JSON to the API server.
    PostgreSQL takes strict JSON only, and no NUL character in it.
    """
    fields = _through_the_supervisor(operator) if AIRFLOW >= (3, 0) else get_serialized_template_fields(operator)
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False)
    assert "\\u0000" not in text
    text.encode()
    key = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1}
    with _ENGINE.connect() as connection, connection.begin() as transaction:
        connection.execute(_TABLE.insert().values(**key, rendered_fields=fields))
        found: dict[str, Any] = connection.execute(sa.select(_TABLE.c.rendered_fields)).scalar_one()
        transaction.rollback()
    return found


def _through_the_supervisor(operator: Any) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415 - as above
    from airflow.sdk.execution_time import comms, task_runner  # noqa: PLC0415 - as above

    message = comms.SetRenderedFields(rendered_fields=task_runner._serialize_rendered_fields(operator))
    frame = comms._RequestFrame(id=1, body=message.model_dump()).as_bytes()
    _, body, *_ = msgspec.msgpack.decode(frame[4:])  # after its length
    return dict(body["rendered_fields"])
