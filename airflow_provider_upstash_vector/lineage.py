"""Lineage of what a task has written: hook lineage, asset events and OpenLineage.

It needs no request to the service and no database.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Asset, AssetAlias, Context

from airflow_provider_upstash_vector.assets.uris import SCHEME, asset_uri, authority, openlineage_names

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

_log = logging.getLogger(__name__)

_MAX_URI_CHARACTERS = 1_500  # Airflow's limit


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """The rows that a task has written to an index, by namespace; ``run`` are the counts of a bulk run.

    ``outcome`` is what was done to them, such as ``"updated"``. A namespace that was changed as a whole, e.g.
    deleted, has ``None`` rows.
    """

    host: str
    outcome: str
    rows: Mapping[str, int | None]
    run: Mapping[str, int] = field(default_factory=dict)

    def by_uri(self) -> dict[str, tuple[str, int | None]]:
        """Return namespace and written rows by asset URI, without URIs that are too long for an asset."""
        by_uri = {asset_uri(self.host, namespace): (namespace, rows) for namespace, rows in self.rows.items()}
        return {
            uri: written for uri, written in by_uri.items() if written[1] != 0 and len(uri) <= _MAX_URI_CHARACTERS
        }

    def extras(self) -> dict[str, dict[str, Any]]:
        """Return the ``extra`` of each namespace's event, by asset URI."""
        run = {"run": dict(self.run)} if self.run else {}
        return {uri: {self.outcome: rows, **run} for uri, (_, rows) in self.by_uri().items()}


def add_to_hook_lineage(hook: Any, result: WriteResult) -> None:
    """Report the assets that were written to the hook lineage collector."""
    try:
        from airflow.providers.common.compat.lineage.hook import (  # noqa: PLC0415 - imported when needed
            get_hook_lineage_collector,
        )

        collector = get_hook_lineage_collector()  # type: ignore[no-untyped-call]  # is Airflow's
        for namespace, _ in result.by_uri().values():
            arguments = {"host": result.host, "namespace": namespace}
            collector.add_output_asset(context=hook, scheme=SCHEME, asset_kwargs=arguments)
    except Exception as error:  # noqa: BLE001 - lineage must not fail a task
        _log.warning("Lineage could not be emitted: %s: %s", type(error).__name__, error)


def outlets_with_events(outlets: list[Any], context: Context, result: WriteResult) -> list[Any]:
    """Return the outlets for which Airflow is to emit an event, and add the counts to their events.

    Namespaces of this index to which nothing was written are left out. An alias gets each of the others.
    """
    extras = result.extras()
    index_uri = f"{SCHEME}://{authority(result.host)}/"
    events: Any = context.get("outlet_events")
    kept = []
    for outlet in outlets:
        uri = _uri(outlet)
        if not uri.startswith(index_uri) or uri in extras:
            kept.append(outlet)
        try:
            if events is not None and uri in extras:
                events[outlet].extra = extras[uri]
            elif events is not None and isinstance(outlet, AssetAlias):
                for written_uri, extra in extras.items():
                    events[outlet].add(Asset(uri=written_uri), extra=extra)
        except Exception as error:  # noqa: BLE001 - a reference to an asset needs a call of Airflow's API
            _log.warning("The asset event of %r has no counts: %s: %s", outlet, type(error).__name__, error)
    return kept


def _uri(outlet: Any) -> str:
    """Return the URI of an asset or of a reference to one; an asset's name is its URI by default."""
    if isinstance(outlet, AssetAlias):
        return ""
    return str(getattr(outlet, "uri", None) or getattr(outlet, "name", ""))


def openlineage(result: WriteResult) -> OperatorLineage[Any, Any] | None:
    """Return the datasets that were written, with their row counts; ``None`` if there are none."""
    written = result.by_uri()
    if not written:
        return None
    from airflow.providers.common.compat.openlineage.facet import (  # noqa: PLC0415 - only OpenLineage calls this
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
    )
    from airflow.providers.openlineage.extractors import OperatorLineage  # noqa: PLC0415 - as above

    outputs = []
    for uri, (_, rows) in written.items():
        namespace, name = openlineage_names(uri)
        statistics: Any = {}
        if rows is not None:
            statistics["outputStatistics"] = OutputStatisticsOutputDatasetFacet(rowCount=rows)
        outputs.append(OutputDataset(namespace=namespace, name=name, outputFacets=statistics))
    return OperatorLineage(outputs=outputs)
