"""Compares the rows of an export with the counts of its index, for the manifest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from airflow_provider_upstash_vector import __version__
from airflow_provider_upstash_vector.bulk.exports.options import ExportOptions
from airflow_provider_upstash_vector.bulk.exports.state import ExportState, NamespaceState
from airflow_provider_upstash_vector.bulk.sources.manifest import ExportedNamespace, Manifest
from airflow_provider_upstash_vector.client import IndexInfo


def utc_now() -> str:
    """Return the time, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def namespace_states(names: Sequence[str], index: IndexInfo) -> list[NamespaceState]:
    """Return the state of each namespace before the export."""
    states = []
    for number, name in enumerate(names):
        counted, settled = _counts(name, index)
        states.append(NamespaceState(namespace=name, number=number, counted=counted, settled=settled))
    return states


def _counts(namespace: str, index: IndexInfo) -> tuple[int, bool]:
    """Return the vectors of a namespace, and whether none is pending."""
    counts = index.namespaces.get(namespace)
    return (counts.vector_count, not counts.pending_vector_count) if counts else (0, True)


def manifest_of(state: ExportState, index: IndexInfo, options: ExportOptions) -> Manifest:
    """Return the manifest of an export whose rows are all read; ``index`` is as it is then.

    A range is no snapshot: rows may be missing, or be there twice, if the index was written to meanwhile.
    """
    namespaces = tuple(
        ExportedNamespace(
            namespace=item.namespace,
            rows=item.rows,
            changed_meanwhile=_changed(item, index, whole=options.prefix is None),
            parts=(*item.parts,),
        )
        for item in state.namespaces
    )
    dense, sparse = index.dense_index, index.sparse_index
    return Manifest(
        id=state.id,
        index=state.index_url,
        index_type=index.index_type,
        dimension=index.dimension,
        similarity_function=index.similarity_function,
        dense_model=dense.embedding_model if dense else "",
        sparse_model=sparse.embedding_model if sparse else "",
        provider_version=__version__,
        format=options.format,
        include=(*options.include,),
        prefix=options.prefix,
        started_at=state.started_at,
        finished_at=utc_now(),
        rows=state.rows,
        size=sum(part.size for item in state.namespaces for part in item.parts),
        changed_meanwhile=any(item.changed_meanwhile for item in namespaces),
        operations={"written": 0, "read": state.reads},
        owner=state.owner,
        fingerprint=state.fingerprint,
        namespaces=namespaces,
    )


def _changed(item: NamespaceState, index: IndexInfo, *, whole: bool) -> bool:
    """Return whether the counts before and after, and the number of rows, are not the same, or unsettled."""
    counted, settled = _counts(item.namespace, index)
    same = item.counted == counted and (not whole or counted == item.rows)
    return not (same and settled and item.settled)
