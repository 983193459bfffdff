"""Stops, and the time limit, while the index or the store of the checkpoint does not respond."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.bulk_runs import Run, failed, fill

ROWS = [{"id": f"v{number}", "data": "x"} for number in range(200)]


class HangingStore:
    """A checkpoint in memory, of which one operation hangs until ``released``, from its second call on."""

    def __init__(self, folder: Path, hangs: str) -> None:
        self.journal_path = folder / "journal"
        self.hanging, self.released = threading.Event(), threading.Event()
        self._hangs = hangs
        self._calls: dict[str, int] = {}
        self._state: Mapping[str, Any] | None = None

    def _call(self, name: str) -> None:
        self._calls[name] = self._calls.get(name, 0) + 1
        if name == self._hangs and (name == "clear" or self._calls[name] > 1):
            self.hanging.set()
            assert self.released.wait(120)

    def load(self) -> Mapping[str, Any] | None:
        return self._state

    def save(self, state: dict[str, Any]) -> None:
        self._call("save")
        self._state = state

    def clear(self) -> None:
        self._call("clear")
        self._state = None


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_run_is_cancelled_while_info_hangs(silent: str) -> None:
    token = bulk.CancelToken()
    threading.Timer(0.3, token.cancel).start()
    error = failed(lambda: bulk.update(ROWS, Endpoint.of(silent, "t"), cancel_token=token, progress="none"))
    assert (error.reason, error.report.not_attempted) == ("cancelled", 200)


def test_the_time_limit_holds_while_info_hangs(silent: str) -> None:
    endpoint = Endpoint.of(silent, "t")
    error = failed(lambda: bulk.update(ROWS, endpoint, time_limit_seconds=0.3, progress="none"))
    assert (error.reason, error.report.not_attempted) == ("time_limit", 200)


@pytest.mark.parametrize("hangs", ["save", "clear"])
def test_a_run_is_cancelled_while_its_store_hangs(server: DevServer, run: Run, tmp_path: Path, hangs: str) -> None:
    fill(server, [str(row["id"]) for row in ROWS])
    store, token = HangingStore(tmp_path, hangs), bulk.CancelToken()

    def cancel() -> None:
        assert store.hanging.wait(60)
        token.cancel()

    threading.Thread(target=cancel, daemon=True).start()
    rate = 50 if hangs == "save" else None
    error = failed(lambda: run(ROWS, checkpoint=store, cancel_token=token, max_rows_per_second=rate))
    assert error.reason == "cancelled"
    assert not store.released.is_set()  # the run did not wait for the store
    assert error.report.done == 200 or hangs == "save"
    store.released.set()


def test_the_time_limit_holds_while_a_save_hangs(server: DevServer, run: Run, tmp_path: Path) -> None:
    fill(server, [str(row["id"]) for row in ROWS])
    store = HangingStore(tmp_path, "save")
    options: dict[str, Any] = {"max_rows_per_second": 20, "time_limit_seconds": 2.0}
    error = failed(lambda: run(ROWS, checkpoint=store, **options))
    assert error.reason == "time_limit"
    assert store.hanging.is_set()
    assert not store.released.is_set()
    store.released.set()
