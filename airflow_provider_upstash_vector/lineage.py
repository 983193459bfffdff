"""What a task has written, told to Airflow: hook lineage, asset events and OpenLineage.

All of it comes from what the task knows; nothing is asked of the service or of a database.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Asset, AssetAlias, Context

from airflow_provider_upstash_vector.assets.upstash_vector import openlineage_names
from airflow_provider_upstash_vector.assets.uris import SCHEME, asset_uri, authority

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

log = logging.getLogger(__name__)

_MAX_URI_CHARACTERS = 1_500  # of an asset in Airflow's database


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """How many rows of which namespaces of an index a task has updated; ``run`` are counts of all its rows."""

    host: str
    updated: Mapping[str, int]
    run: Mapping[str, int] = field(default_factory=dict)

    def by_uri(self) -> dict[str, tuple[str, int]]:
        """Return namespace and updated rows by asset URI; without those that are too long for an asset."""
        found = {asset_uri(self.host, namespace): (namespace, rows) for namespace, rows in self.updated.items()}
        return {uri: what for uri, what in found.items() if what[1] and len(uri) <= _MAX_URI_CHARACTERS}

    def extras(self) -> dict[str, dict[str, Any]]:
        """Return what an event tells of each namespace, by asset URI."""
        run = {"run": dict(self.run)} if self.run else {}
        return {uri: {"updated": rows, **run} for uri, (_, rows) in self.by_uri().items()}


def add_to_hook_lineage(hook: Any, written: WriteResult) -> None:
    """Name the assets that were written to whoever reads hook lineage, if anyone does."""
    try:
        from airflow.providers.common.compat.lineage.hook import (  # noqa: PLC0415 - has a layer for each version
            get_hook_lineage_collector,
        )

        collector = get_hook_lineage_collector()  # type: ignore[no-untyped-call]  # is Airflow's
        for namespace, _ in written.by_uri().values():
            place = {"host": written.host, "namespace": namespace}
            collector.add_output_asset(context=hook, scheme=SCHEME, asset_kwargs=place)
    except Exception as error:  # noqa: BLE001 - no task fails for its lineage
        log.warning("Lineage could not be told: %s: %s", type(error).__name__, error)


def outlets_with_events(outlets: list[Any], context: Context, written: WriteResult) -> list[Any]:
    """Return the outlets that get an event when the task succeeds, and give theirs the counts.

    Left out are namespaces of this index in which nothing was updated: Airflow would emit an event for them too.
    An alias gets each namespace that was updated.
    """
    extras = written.extras()
    ours = f"{SCHEME}://{authority(written.host)}/"
    events: Any = context.get("outlet_events")
    kept = []
    for outlet in outlets:
        uri = _uri(outlet)
        if not uri.startswith(ours) or uri in extras:
            kept.append(outlet)
        try:
            if events is not None and uri in extras:
                events[outlet].extra = extras[uri]
            elif events is not None and isinstance(outlet, AssetAlias):
                for found, extra in extras.items():
                    events[outlet].add(Asset(uri=found), extra=extra)
        except Exception as error:  # noqa: BLE001 - Airflow asks its API for the asset of a reference
            log.warning("The event of %r has no counts: %s: %s", outlet, type(error).__name__, error)
    return kept


def _uri(outlet: Any) -> str:
    """Return the URI of an asset or of a reference to one; an asset's name is its URI by default."""
    if isinstance(outlet, AssetAlias):
        return ""
    return str(getattr(outlet, "uri", None) or getattr(outlet, "name", ""))


def openlineage(written: WriteResult) -> OperatorLineage[Any, Any] | None:
    """Return the datasets that were written, with their row counts; ``None`` where there are none."""
    updated = written.by_uri()
    if not updated:
        return None
    from airflow.providers.common.compat.openlineage.facet import (  # noqa: PLC0415 - only OpenLineage calls this
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
    )
    from airflow.providers.openlineage.extractors import OperatorLineage  # noqa: PLC0415 - as above

    outputs = []
    for uri, (_, rows) in updated.items():
        namespace, name = openlineage_names(uri)
        statistics: Any = {"outputStatistics": OutputStatisticsOutputDatasetFacet(rowCount=rows)}
        outputs.append(OutputDataset(namespace=namespace, name=name, outputFacets=statistics))
    return OperatorLineage(outputs=outputs)
