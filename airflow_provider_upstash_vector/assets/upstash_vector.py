"""Assets, and Airflow's handlers of the URI scheme ``upstash-vector``.

DAG files are parsed often, and must not need the network or the database. So :func:`upstash_vector_asset` takes
the host, or a connection in an environment variable; in tasks, :meth:`UpstashVectorHook.asset` takes any.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Asset

from airflow_provider_upstash_vector.assets.uris import asset_uri, openlineage_names, sanitize_uri
from airflow_provider_upstash_vector.client.redaction import hiding_frames
from airflow_provider_upstash_vector.hooks.connection_settings import (
    ConnectionSettings,
    naming_connection,
    read_connection,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

__all__ = ["convert_asset_to_openlineage", "create_asset", "sanitize_uri", "upstash_vector_asset"]


def upstash_vector_asset(
    host: str | None = None,
    namespace: str | None = None,
    *,
    conn_id: str | None = None,
    extra: dict[str, Any] | None = None,
) -> Asset:
    """Return the asset of a namespace, for ``outlets``, ``inlets`` and ``schedule``.

    Pass ``host`` or ``conn_id``. Raises ``ValueError`` for an invalid host, and for a connection that is not in an
    environment variable.

    :param host: the host of the index, or its REST URL.
    :param namespace: ``""`` is the index's default one, ``None`` the connection's or, with ``host``, the default.
    :param conn_id: a connection in ``AIRFLOW_CONN_<CONN_ID>``.
    :param extra: the asset's ``extra``, a JSON object.
    """
    if (host is None) == (conn_id is None):
        raise ValueError("pass either the host of the index or conn_id")
    if conn_id is None:
        if "_" in (host or ""):  # connection ids have underscores, host names do not
            raise ValueError(f"{host!r} is not a host; for a connection, write conn_id={host!r}")
        return create_asset(host=host or "", namespace="" if namespace is None else namespace, extra=extra)
    settings = _settings(conn_id)
    return create_asset(
        host=settings.endpoint.url,
        namespace=settings.namespace if namespace is None else namespace,
        extra=extra,
    )


def create_asset(*, host: str, namespace: str = "", extra: dict[str, Any] | None = None) -> Asset:
    """Return the asset of a namespace; Airflow's factory of the scheme."""
    return Asset(uri=asset_uri(host, namespace), extra=extra)


def convert_asset_to_openlineage(asset: Asset, lineage_context: object) -> OpenLineageDataset:  # noqa: ARG001 - Airflow passes it
    """Return the OpenLineage dataset of an asset."""
    from airflow.providers.common.compat.openlineage.facet import (  # noqa: PLC0415 - an optional dependency
        Dataset as OpenLineageDataset,
    )

    namespace, name = openlineage_names(asset.uri)
    return OpenLineageDataset(namespace=namespace, name=name)


@hiding_frames
def _settings(conn_id: str) -> ConnectionSettings:
    from airflow.models.connection import Connection  # noqa: PLC0415 - few DAGs need it

    name = f"AIRFLOW_CONN_{conn_id.upper()}"
    value = os.environ.get(name)
    if not value:
        raise ValueError(
            f"connection {conn_id!r} is not defined in {name}, and DAG parsing reads no other connections: "
            "pass the host of the index"
        )
    try:
        is_json = value.lstrip().startswith("{")
        connection = Connection.from_json(value, conn_id) if is_json else Connection(conn_id, uri=value)
    except Exception:  # noqa: BLE001 - its text may contain the token
        raise ValueError(f"the connection in {name} cannot be parsed; use Airflow's JSON or URI format") from None
    with naming_connection(conn_id):
        return read_connection(connection)
