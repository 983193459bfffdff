"""Tasks whose token is rotated while they run: those that wait, and those that write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, redact

from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed
from airflow_provider_upstash_vector.client.errors import TokenRejected
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.base.waiting import WaitFailed
from airflow_provider_upstash_vector.operators.upstash_vector import BulkUpdateVectorsOperator
from airflow_provider_upstash_vector.triggers.upstash_vector import UpstashVectorTrigger
from tests.support.bulk_runs import fill
from tests.support.index_fixtures import connection_json
from tests.support.waiting_tasks import context, create, sensor

ROWS = 600


class RotatingIndex(DevServer):
    """An index to which the default connection is."""

    def connect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.enter_token()

    def enter_token(self) -> None:
        self._monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(self))

    def rotate(self) -> None:
        """Rotate the token, and enter the new one into the connection."""
        self.rotate_token()
        self.enter_token()

    def rows(self, rotate: Any) -> Iterator[dict[str, Any]]:
        for number in range(ROWS):
            if number == ROWS // 2:
                rotate()
            yield {"id": str(number), "metadata": {"n": number}}


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[RotatingIndex]:
    with RotatingIndex() as index:
        index.connect(monkeypatch)
        fill(index, map(str, range(ROWS)))
        yield index


def test_a_hook_continues_with_the_new_token_which_is_masked(index: RotatingIndex) -> None:
    with UpstashVectorHook() as hook:
        hook.info()
        index.rotate()
        assert redact(f"is {index.token}") == f"is {index.token}"
        assert hook.update("1", data="x") == 1
        assert redact(f"is {index.token}") == "is ***"
        index.rotate()
    assert hook.update("1", data="x") == 1  # after the connection was closed
    hook.close()


def test_a_sensor_in_a_worker_waits_for_the_new_token(index: RotatingIndex) -> None:
    waiting = sensor(vector_id="later")
    assert waiting.poke(context()) is False
    index.rotate_token()
    for _ in range(3):
        assert waiting.poke(context()) is False
    index.enter_token()
    assert waiting.poke(context()) is False
    waiting.hook.upsert([{"id": "later", "vector": [1, 2]}])
    assert waiting.poke(context()) is True


def test_a_sensor_without_a_new_token_ends_retryable(index: RotatingIndex) -> None:
    waiting = sensor(vector_id="later", poke_interval=0.01)
    assert waiting.poke(context()) is False
    index.rotate_token()
    with pytest.raises(WaitFailed, match="enter the new token"):
        waiting.execute(context())


def test_a_sensor_whose_first_check_is_unauthorized_fails_permanently(index: RotatingIndex) -> None:
    index.rotate_token()
    with pytest.raises(AirflowFailException):
        sensor(vector_id="later").execute(context())


@pytest.mark.parametrize("entered", [True, False])
def test_a_trigger_reads_the_connection_again(index: RotatingIndex, *, entered: bool) -> None:
    arguments: dict[str, Any] = {"upstash_vector_conn_id": "upstash_vector_default", "poke_interval": 0.02}

    async def rotate_while_waiting() -> dict[str, Any]:
        trigger = UpstashVectorTrigger(**arguments, vector_id="later")
        event = asyncio.ensure_future(anext(trigger.run()))
        ends = time.monotonic() + 60
        while index.requests["fetch"] < 2 and time.monotonic() < ends:  # noqa: ASYNC110 - counted by a server
            await asyncio.sleep(0.01)
        index.rotate() if entered else index.rotate_token()
        if entered:
            await asyncio.to_thread(UpstashVectorHook().upsert, [{"id": "later", "vector": [1, 2]}])
        payload: dict[str, Any] = (await asyncio.wait_for(event, 60)).payload
        return payload

    event = asyncio.run(rotate_while_waiting())
    assert (event["status"], event["permanent"]) == ("met" if entered else "failed", False)
    if not entered:
        assert "6 consecutive checks failed" in event["message"]


@pytest.mark.usefixtures("quick_confirmation")
def test_a_bulk_task_and_its_wait_continue_with_the_new_token(index: RotatingIndex) -> None:
    operator = create(
        BulkUpdateVectorsOperator, rows=index.rows(index.rotate), checkpoint=None, wait_until_indexed=True
    )
    rotated_again = False

    def when_indexed(*args: Any, **kwargs: Any) -> Any:
        nonlocal rotated_again
        rotated_again = True
        index.rotate()
        return type(operator).when_indexed(operator, *args, **kwargs)

    operator.when_indexed = when_indexed
    manifest = operator.execute(context())
    assert (manifest["updated"], manifest["failed"], rotated_again) == (ROWS, 0, True)


def test_a_bulk_task_without_a_new_token_ends_retryable(index: RotatingIndex) -> None:
    operator = create(BulkUpdateVectorsOperator, rows=index.rows(index.rotate_token), checkpoint=None)
    with pytest.raises(BulkJobFailed) as caught:
        operator.execute(context())
    assert (caught.value.reason, caught.value.report.failed) == ("token_rejected", 0)
    assert isinstance(caught.value.__cause__, TokenRejected)
