"""What one person may read: connections, and the tasks and XComs of DAGs. Asks Airflow's auth manager."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import (
    ConnectionDetails,
    DagAccessEntity,
    DagDetails,
)
from airflow.models.connection import Connection
from airflow.models.dag import DagModel
from airflow.providers.common.compat.sdk import AirflowNotFoundException, conf
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_provider_upstash_vector.client.errors import InvalidEndpoint
from airflow_provider_upstash_vector.hooks.connection_settings import (
    ConnectionSettings,
    naming_connection,
    read_connection,
)
from airflow_provider_upstash_vector.provider_info import CONN_TYPE

_TEAM_SEPARATOR = "___"


def connection_settings(conn_id: str) -> ConnectionSettings:
    """Return the settings of a connection. Raises :class:`InvalidEndpoint`, also for one without a type.

    Whoever asks for a page chooses the connection, which in a task the DAG's author does.
    """
    with naming_connection(conn_id):
        connection = _connection_of_its_team(conn_id)
        if not connection.conn_type:
            raise InvalidEndpoint(
                f"The connection {conn_id!r} has no type: set it to {CONN_TYPE} to open its index."
            )
        return read_connection(connection)


def _connection_of_its_team(conn_id: str) -> Connection:
    if not conf.getboolean("core", "multi_team", fallback=False):
        return Connection.get_connection_from_secrets(conn_id)
    if (
        _TEAM_SEPARATOR in conn_id
    ):  # AIRFLOW_CONN__TEAM___ID: the right to read "_team___id" is not that of the team
        raise AirflowNotFoundException
    return Connection.get_connection_from_secrets(conn_id, team_name=Connection.get_team_name(conn_id))


@dataclass(frozen=True, slots=True)
class Access:
    """The rights of a person. Methods ask the database, so call them in a thread."""

    user: Any

    def connection_ids(self) -> list[str] | None:
        """Return the ids of the listed connections that the person may read, ``None`` if no connection at all."""
        with create_session() as session:
            ids = session.scalars(select(Connection.conn_id).where(Connection.conn_type == CONN_TYPE)).all()
        readable = [id for id in sorted(ids) if self._may_read(id)]
        return readable if readable or self._may_read(None) else None

    def _may_read(self, conn_id: str | None) -> bool:
        details = None
        if conn_id is not None:
            details = ConnectionDetails(conn_id=conn_id, team_name=Connection.get_team_name(conn_id))
        allowed: bool = get_auth_manager().is_authorized_connection(method="GET", details=details, user=self.user)
        return allowed

    def dag_ids(self) -> set[str]:
        """Return the ids of the DAGs that the person may read."""
        ids: set[str] = get_auth_manager().get_authorized_dag_ids(user=self.user, method="GET")
        return ids

    def may_read_tasks(self, dag_id: str) -> bool:
        """Return whether the person may read the task instances of a DAG."""
        return self._may_read_of_dag(dag_id, DagAccessEntity.TASK_INSTANCE)

    def may_read_xcoms(self, dag_id: str) -> bool:
        """Return whether the person may read the XComs of a DAG."""
        return self._may_read_of_dag(dag_id, DagAccessEntity.XCOM)

    def _may_read_of_dag(self, dag_id: str, entity: DagAccessEntity) -> bool:
        details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
        allowed: bool = get_auth_manager().is_authorized_dag(
            method="GET", access_entity=entity, details=details, user=self.user
        )
        return allowed
