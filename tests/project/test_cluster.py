"""The rows of ``make cluster``: the same three runs without a cluster, and the comparison of index and source."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from scripts.cluster import rows

SIZE = 20


def test_each_run_ends_with_the_rows_that_are_compared(server: DevServer, tmp_path: Path) -> None:
    rows.write_sources(tmp_path, SIZE)
    endpoint = Endpoint.of(server.url, server.token)
    with VectorClient(endpoint) as client:
        bulk.upsert(tmp_path / "load.jsonl", endpoint, progress="none")
        assert rows.find_difference(client, lambda: rows.loaded(SIZE)) is None
        assert "expected" in str(rows.find_difference(client, lambda: rows.updated(SIZE)))
        bulk.update(tmp_path / "update.jsonl", endpoint, progress="none")
        assert rows.find_difference(client, lambda: rows.updated(SIZE)) is None
        assert "expected" in str(rows.find_difference(client, lambda: rows.synced(SIZE)))
        report = bulk.sync(
            [*tmp_path.glob("sync-*.jsonl")], endpoint, scope="all", delete_missing=True, max_delete="20%"
        )
        counts = (report.added, report.changed, report.metadata_only, report.adopted, report.deleted)
        assert counts == tuple(rows.SHARDS * count for count in (1, 2, 2, 14, 2))
        assert rows.find_difference(client, lambda: rows.synced(SIZE)) is None
        client.delete(["s0/new-0"])
        assert rows.find_difference(client, lambda: rows.synced(SIZE)) == "1 vectors are missing, such as s0/new-0"
