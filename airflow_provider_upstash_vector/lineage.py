"""Lineage of what a task has read and written: hook lineage, asset events and OpenLineage.

It needs no request to the service and no database.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
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

    def by_uri(self) -> dict[str, str]:
        """Return the written namespaces by asset URI, without URIs that are too long for an asset."""
        return _by_uri(self.host, [namespace for namespace, rows in self.rows.items() if rows != 0])

    def extras(self) -> dict[str, dict[str, Any]]:
        """Return the ``extra`` of each namespace's event, by asset URI."""
        run = {"run": dict(self.run)} if self.run else {}
        return {uri: {self.outcome: self.rows[name], **run} for uri, name in self.by_uri().items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """The namespaces of an index that a task has read."""

    host: str
    namespaces: Sequence[str]

    def by_uri(self) -> dict[str, str]:
        """Return the namespaces by asset URI, without URIs that are too long for an asset."""
        return _by_uri(self.host, self.namespaces)


def _by_uri(host: str, namespaces: Sequence[str]) -> dict[str, str]:
    by_uri = {asset_uri(host, namespace): namespace for namespace in namespaces}
    return {uri: namespace for uri, namespace in by_uri.items() if len(uri) <= _MAX_URI_CHARACTERS}


def add_to_hook_lineage(hook: Any, result: WriteResult | ReadResult) -> None:
    """Report the assets that were written, or read, to the hook lineage collector."""
    try:
        from airflow.providers.common.compat.lineage.hook import (  # noqa: PLC0415 - imported when needed
            get_hook_lineage_collector,
        )

        collector = get_hook_lineage_collector()  # type: ignore[no-untyped-call]  # is Airflow's
        is_input = isinstance(result, ReadResult)
        add = collector.add_input_asset if is_input else collector.add_output_asset
        for namespace in result.by_uri().values():
            add(context=hook, scheme=SCHEME, asset_kwargs={"host": result.host, "namespace": namespace})
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


def openlineage(written: WriteResult | None, read: ReadResult | None = None) -> OperatorLineage[Any, Any] | None:
    """Return the datasets that were written, with their row counts, or read; ``None`` if there are none."""
    counts = {uri: written.rows[namespace] for uri, namespace in written.by_uri().items()} if written else {}
    read_uris = read.by_uri() if read else {}
    if not counts and not read_uris:
        return None
    from airflow.providers.common.compat.openlineage.facet import (  # noqa: PLC0415 - only OpenLineage calls this
        InputDataset,
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
    )
    from airflow.providers.openlineage.extractors import OperatorLineage  # noqa: PLC0415 - as above

    inputs = [InputDataset(*openlineage_names(uri)) for uri in read_uris]
    outputs = []
    for uri, rows in counts.items():
        statistics: Any = {}
        if rows is not None:
            statistics["outputStatistics"] = OutputStatisticsOutputDatasetFacet(rowCount=rows)
        namespace, name = openlineage_names(uri)
        outputs.append(OutputDataset(namespace=namespace, name=name, outputFacets=statistics))
    return OperatorLineage(inputs=inputs, outputs=outputs)
