"""Bulk runs on the index of a test."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint
from tests.support.bulk_runs import PATIENT, Run


@pytest.fixture
def run(endpoint: Endpoint) -> Run:
    """``bulk.update`` on the index, with quick retries and no progress."""

    def run_bulk(rows: object, **arguments: Any) -> bulk.BulkReport:
        return bulk.update(rows, endpoint, **{"policy": PATIENT, "progress": "none", **arguments})

    return run_bulk


@pytest.fixture
def upsert(endpoint: Endpoint) -> Run:
    """``bulk.upsert`` on the index, with quick retries and no progress."""

    def run_bulk(rows: object, **arguments: Any) -> bulk.BulkReport:
        return bulk.upsert(rows, endpoint, **{"policy": PATIENT, "progress": "none", **arguments})

    return run_bulk


@pytest.fixture
def delete(endpoint: Endpoint) -> Run:
    """``bulk.delete`` on the index, with quick retries and no progress."""

    def run_bulk(rows: object, **arguments: Any) -> bulk.BulkReport:
        return bulk.delete(rows, endpoint, **{"policy": PATIENT, "progress": "none", **arguments})

    return run_bulk
