"""The deadline of the httpx transport, at moments that a real connection reaches only by chance."""

from __future__ import annotations

import httpcore
import pytest

from airflow_provider_upstash_vector.client.transports.httpx import _Deadline


def test_no_wait_starts_after_the_deadline() -> None:
    deadline = _Deadline()
    deadline.set(-1.0)
    with pytest.raises(httpcore.ReadTimeout):
        deadline.limit(None, httpcore.ReadTimeout)


def test_a_wait_ends_at_the_deadline_or_before() -> None:
    deadline = _Deadline()
    deadline.set(60.0)
    assert deadline.limit(5.0, httpcore.ReadTimeout) == 5.0
    assert 50 < deadline.limit(None, httpcore.ReadTimeout) <= 60
