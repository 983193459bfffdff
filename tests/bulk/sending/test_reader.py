"""What a reader records before a row can be sent."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow_provider_upstash_vector.bulk.operations.update import Update
from airflow_provider_upstash_vector.bulk.sending.prefetch import open_prefetcher
from airflow_provider_upstash_vector.bulk.sending.reader import RowReader
from airflow_provider_upstash_vector.bulk.sending.request import BatchRequest, RequestWindow
from airflow_provider_upstash_vector.bulk.sending.window import Window
from airflow_provider_upstash_vector.bulk.sources import FieldNames, open_source
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import RowsDigest
from airflow_provider_upstash_vector.bulk.tracking.journal import Journal, read_journal
from airflow_provider_upstash_vector.bulk.tracking.outcomes import OutcomeTracker


def test_the_journal_has_the_digest_of_every_row_that_can_be_sent(tmp_path: Path) -> None:
    """Otherwise a run that is killed would not notice that rows it has completed have changed."""
    path = tmp_path / "x.journal"
    journal = Journal(path, 0)
    journal.publish()
    source: Any = open_source([{"id": str(n), "data": "x"} for n in range(20)], FieldNames())
    reader = RowReader(
        open_prefetcher(source, 0, lambda: None),
        Update(FieldNames()),
        first_number=0,
        journal=journal,
        digest=RowsDigest(),
    )
    recorder: Any = SimpleNamespace(tracker=OutcomeTracker())
    window: RequestWindow = Window(BatchRequest, 1_000)
    rows_of_the_digest = []
    for _ in range(20):
        reader.fill(window, recorder)
        request = window.take()
        assert request is not None
        rows_of_the_digest.append(read_journal(path, journal.token, 0).read)
    journal.close()
    assert rows_of_the_digest == [*range(1, 21)]
