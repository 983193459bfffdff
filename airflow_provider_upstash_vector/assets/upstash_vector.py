"""Assets of Upstash Vector, and what Airflow asks of the URI scheme ``upstash-vector``.

Assets are made while a DAG's file is parsed, often, in a process that has no business with networks and
databases. So :func:`upstash_vector_asset` takes the host, or a connection that is in an environment variable;
others are left to :meth:`UpstashVectorHook.asset`, which is for tasks.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import Asset

from airflow_provider_upstash_vector.assets.uris import SCHEME, asset_uri, sanitize_uri
from airflow_provider_upstash_vector.client.tracebacks import hiding_frames
from airflow_provider_upstash_vector.hooks.connection_settings import ConnectionSettings, read_connection

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

    Give ``host`` or ``conn_id``. Raises ``ValueError`` for a connection that is not in an environment variable:
    nothing is asked of a database or a network here.

    :param host: the host of the index, or its REST URL.
    :param namespace: ``""`` for the index's default one, ``None`` for the connection's, which without a connection
        is the default one too.
    :param conn_id: in place of ``host``, a connection that stands in ``AIRFLOW_CONN_<CONN_ID>``.
    :param extra: the asset's ``extra``, a JSON object.
    """
    if (host is None) == (conn_id is None):
        raise ValueError("give either the host of the index or conn_id")
    if conn_id is None:
        if "_" in (host or ""):  # no host has one, and the commonest id of a connection has two
            raise ValueError(f"{host!r} is no host; for the id of a connection write conn_id={host!r}")
        return create_asset(host=host or "", namespace=namespace or "", extra=extra)
    settings = _settings(conn_id)
    chosen = settings.namespace if namespace is None else namespace
    return create_asset(host=settings.endpoint.url, namespace=chosen, extra=extra)


def create_asset(*, host: str, namespace: str = "", extra: dict[str, Any] | None = None) -> Asset:
    """Return the asset of a namespace; the factory of the scheme."""
    return Asset(uri=asset_uri(host, namespace), extra=extra)


def convert_asset_to_openlineage(asset: Asset, lineage_context: object) -> OpenLineageDataset:  # noqa: ARG001 - Airflow passes it
    """Return the OpenLineage dataset of an asset."""
    from airflow.providers.common.compat.openlineage.facet import (  # noqa: PLC0415 - only where it is installed
        Dataset as OpenLineageDataset,
    )

    namespace, name = openlineage_names(asset.uri)
    return OpenLineageDataset(namespace=namespace, name=name)


def openlineage_names(uri: str) -> tuple[str, str]:
    """Return the namespace and the name that OpenLineage knows an asset by; the default namespace is ``/``."""
    parts = urlsplit(uri)
    return f"{SCHEME}://{parts.netloc}", parts.path[1:] or "/"


@hiding_frames
def _settings(conn_id: str) -> ConnectionSettings:
    from airflow.models.connection import Connection  # noqa: PLC0415 - few DAGs need it

    name = f"AIRFLOW_CONN_{conn_id.upper()}"
    value = os.environ.get(name)
    if not value:
        raise ValueError(
            f"the connection {conn_id!r} is in no environment variable {name}, and others are not read while a "
            "DAG is parsed: give the host of the index"
        )
    try:
        is_json = value.lstrip().startswith("{")
        connection = Connection.from_json(value, conn_id) if is_json else Connection(conn_id, uri=value)
    except Exception:  # noqa: BLE001 - whatever it is, it may show the token
        raise ValueError(f"the connection in {name} cannot be read") from None
    return read_connection(connection)
