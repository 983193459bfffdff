"""A run's own files in an object store, as Airflow opens it."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.client import Endpoint

NOWHERE = Endpoint.of("http://127.0.0.1:1", "x")


@pytest.mark.parametrize(
    ("uri", "other"),
    [
        ("s3://bucket/a/b.jsonl", "s3://conn@bucket/a/b.jsonl"),
        ("s3://bucket/a/b.jsonl", "s3a://other@bucket/a/b.jsonl"),
        ("gs://bucket/b.jsonl", "gcs://bucket/b.jsonl"),
        ("file:///a/b.jsonl", "file://conn@/a/b.jsonl"),
    ],
)
def test_an_object_is_the_same_through_another_connection(uri: str, other: str) -> None:
    with pytest.raises(InvalidRows, match=r"rows \(.*\) and failures_path \(.*\) are the same file"):
        bulk.run([ObjectStoragePath(uri)], NOWHERE, failures_path=ObjectStoragePath(other))
    with pytest.raises(InvalidRows, match=r"failures_path \(.*\) and checkpoint \(.*\) are the same file"):
        bulk.run([], NOWHERE, checkpoint=ObjectStoragePath(uri), failures_path=ObjectStoragePath(other))
