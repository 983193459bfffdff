"""Copies and pickles of hooks and operators that have been used: they work, and hold no secret."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from airflow_provider_upstash_vector.bulk.checking import MetadataHas, NoZeroVectors
from airflow_provider_upstash_vector.client import Field
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    CheckVectorsOperator,
    DeleteVectorsOperator,
    QueryVectorsOperator,
    UpdateVectorOperator,
    UpdateVectorsWhereOperator,
    UpsertVectorOperator,
)
from airflow_provider_upstash_vector.sensors.upstash_vector import UpstashVectorIndexReadySensor
from tests.client.test_copies import COPIES, PICKLERS
from tests.support.bulk_runs import fill
from tests.support.waiting_tasks import context, create

OPERATORS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "update": (UpdateVectorOperator, {"vector_id": "a", "data": "x", "wait_until_indexed": True}),
    "bulk": (
        BulkUpdateVectorsOperator,
        {"rows": [{"id": "a", "data": "x"}], "checkpoint": None, "wait_until_indexed": True},
    ),
    "upsert": (UpsertVectorOperator, {"vector_id": "a", "vector": [1, 1], "wait_until_indexed": True}),
    "delete": (DeleteVectorsOperator, {"prefix": "a", "max_delete": None, "wait_until_indexed": True}),
    "query": (QueryVectorsOperator, {"vector": [1, 1], "filter": Field("a").missing()}),
    "update where": (
        UpdateVectorsWhereOperator,
        {"where": Field("n") == -1, "metadata": {"x": 1}, "wait_until_indexed": True},
    ),
    "check": (CheckVectorsOperator, {"checks": [NoZeroVectors(), MetadataHas("n")]}),
    "sensor": (UpstashVectorIndexReadySensor, {"vector_id": "a"}),
}


pytestmark = pytest.mark.usefixtures("quick_confirmation")


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_of_an_open_hook_reads_its_connection_again(
    server: DevServer, connection: str, copied: Callable[[Any], Any]
) -> None:
    with UpstashVectorHook() as hook:
        hook.info()
        assert hook.log
        twin = copied(hook)
        assert not {"settings", "credentials"} & vars(twin).keys()
        assert twin.get_conn() is not hook.get_conn()
        twin.info()
        twin.close()
        hook.info()


@pytest.mark.parametrize("pickler", PICKLERS)
def test_a_pickled_hook_holds_no_secret(server: DevServer, connection: str, pickler: str) -> None:
    with UpstashVectorHook() as hook:
        hook.info()
        pickled: bytes = import_module(pickler).dumps(hook)
    assert server.token.encode() not in pickled
    assert server.url.encode() not in pickled


@pytest.mark.parametrize("kind", OPERATORS)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda task: pickle.loads(pickle.dumps(task))])  # noqa: S301 - our own
def test_a_copy_of_a_used_operator_runs(
    server: DevServer, connection: str, kind: str, copied: Callable[[Any], Any]
) -> None:
    fill(server, ["a"])
    operator_class, arguments = OPERATORS[kind]
    operator = create(operator_class, **arguments)
    result = operator.execute(context())
    operator.hook.info()  # open again
    if kind == "sensor":
        assert operator.poke(context())
    twin = copied(operator)
    assert server.token.encode() not in pickle.dumps(operator)
    assert type(twin.execute(context())) is type(result)
    operator.hook.info()
    operator.hook.close()
