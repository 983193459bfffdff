"""A value in metadata is the same JSON whichever way it is written, by an operator, a client or a source."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pendulum
import polars as pl
import pyarrow as pa
import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException
from lazy_object_proxy import Proxy
from pyarrow import parquet

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.decorators.upstash_vector import (
    upstash_vector_bulk_update_task,
    upstash_vector_update_task,
)
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.polling.conditions import Stored
from tests.support.bulk_runs import PATIENT, fill, stored
from tests.support.harness import run as run_operator
from tests.support.harness import task_instance
from tests.support.metadata_values import ACCEPTED, MISSING

pytestmark = pytest.mark.usefixtures("connection")


def metadata() -> dict[str, Any]:
    return {f"k{n}": value for n, (value, _) in enumerate(ACCEPTED)}


EXPECTED = {f"k{n}": expected for n, (_, expected) in enumerate(ACCEPTED)}


def runner(server: DevServer) -> Any:
    return partial(bulk.update, endpoint=Endpoint.of(server.url, server.token), policy=PATIENT, progress="none")


def executed(decorated: Any, native: bool) -> None:
    with DAG("d", schedule=None, render_template_as_native_obj=native) as dag:
        decorated()
    operator: Any = dag.tasks[0]
    context: Any = {"params": {}, "ti": task_instance(), "ds": "2026-01-02"}
    operator.render_template_fields(context)
    operator.execute(context)


@pytest.mark.parametrize("native", [False, True])
def test_every_way_of_writing_sends_the_same_json(server: DevServer, native: bool) -> None:
    ids = [
        "operator",
        "decorator",
        "bulk decorator",
        "hook",
        "client",
        "list",
        "generator",
        "async",
        "frame",
        "upsert",
    ]
    fill(server, ids)
    run = runner(server)

    @upstash_vector_update_task
    def one() -> dict[str, Any]:
        return {"id": "decorator", "metadata": metadata()}

    @upstash_vector_bulk_update_task
    def many() -> Any:
        yield {"id": "bulk decorator", "metadata": metadata()}

    async def rows() -> AsyncIterator[dict[str, Any]]:
        yield {"id": "async", "metadata": metadata()}

    run_operator(native, vector_id="operator", metadata=metadata())
    executed(one, native)
    executed(many, native)
    with UpstashVectorHook() as hook:
        hook.update("hook", metadata=metadata())
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.update({"id": "client", "metadata": metadata()})
        client.upsert([{"id": "upsert", "vector": [1, 1], "metadata": metadata()}])
    run([{"id": "list", "metadata": metadata()}])
    run(row for row in [{"id": "generator", "metadata": metadata()}])
    run(rows())
    run(pd.DataFrame({"id": ["frame"], "metadata": [metadata()]}))
    found = stored(server)
    assert {id: json.dumps(found[id]) for id in ids} == dict.fromkeys(ids, json.dumps(EXPECTED))


ARROW: dict[str, tuple[Any, pa.DataType]] = {
    "date": (dt.date(9999, 12, 31), pa.date32()),
    "date64": (dt.date(1, 1, 1), pa.date64()),
    "seconds": (dt.datetime.fromisoformat("2026-01-02"), pa.timestamp("s")),
    "microseconds": (dt.datetime.fromisoformat("0001-01-01T00:00:00.000001"), pa.timestamp("us")),
    "nanoseconds": (np.datetime64("2026-01-02T03:04:05.000000006"), pa.timestamp("ns")),
    "zone": (pd.Timestamp("2026-01-02T03:04:05.000000006", tz="Asia/Tokyo"), pa.timestamp("ns", "Asia/Tokyo")),
    "zone us": (pd.Timestamp("2026-01-02T03:04:05.6", tz="Asia/Tokyo"), pa.timestamp("us", "Asia/Tokyo")),
    "time": (dt.time(3, 4, 5, 6), pa.time64("ns")),
    "time ms": (dt.time(3, 4, 5), pa.time32("ms")),
    "duration": (pd.Timedelta(days=-1, nanoseconds=1), pa.duration("ns")),
    "duration s": (dt.timedelta(days=1, seconds=5), pa.duration("s")),
    "decimal": (Decimal("1.50"), pa.decimal128(10, 2)),
    "float32": (np.float32(0.1), pa.float32()),
    "float16": (np.float16(0.1), pa.float16()),
    "float64": (0.1, pa.float64()),
    "uint64": (2**64 - 1, pa.uint64()),
    "text": ("é", pa.large_string()),
    "flag": (True, pa.bool_()),
    "list": ([np.float32(0.1)], pa.list_(pa.float32(), 1)),
    "dates": ([{"at": dt.date(2026, 1, 2)}], pa.list_(pa.struct([("at", pa.date32())]))),
    "map": ({1: dt.date(2026, 1, 2)}, pa.map_(pa.int64(), pa.date32())),
    "category": ("a", pa.dictionary(pa.int8(), pa.string())),
}


def test_arrow_parquet_and_frames_send_what_a_list_sends(server: DevServer, tmp_path: Path) -> None:
    ids = ["list", "table", "stream", "parquet", "pandas", "polars", "map"]
    fill(server, ids)
    run = runner(server)
    values = {name: value for name, (value, _) in ARROW.items()}
    columns = []
    for value, kind in ARROW.values():
        given = [*value.items()] if isinstance(value, dict) else value
        column = pa.array([given], kind.value_type) if pa.types.is_dictionary(kind) else pa.array([given], kind)
        columns.append(column.cast(kind))
    struct = pa.StructArray.from_arrays(columns, [*ARROW])

    def table(id: str) -> pa.Table:
        return pa.table({"id": [id], "metadata": struct})

    # polars has no maps, and aborts the process at a half float in a struct until 2.0
    in_polars = [name for name in ARROW if name not in {"map", "category", "float16"}]
    struct_of_polars = pa.StructArray.from_arrays([struct.field(name) for name in in_polars], in_polars)
    parquet.write_table(table("parquet"), tmp_path / "rows.parquet")
    run([{"id": "list", "metadata": values}])
    run(table("table"))
    run(table("stream").to_reader())
    run(tmp_path / "rows.parquet")
    run(pd.DataFrame({"id": ["pandas"], "metadata": pd.array([struct[0].as_py()], pd.ArrowDtype(struct.type))}))
    run(pl.from_arrow(pa.table({"id": ["polars"], "metadata": struct_of_polars})))
    found = stored(server)
    expected = json.dumps(found["list"])
    assert {id: json.dumps(found[id]) for id in ["table", "stream", "parquet"]} == dict.fromkeys(
        ["table", "stream", "parquet"], expected
    )
    as_datetime = {"date64": "0001-01-01T00:00:00"}  # it has no such dates
    assert found["polars"] == {name: (found["list"] or {})[name] for name in in_polars} | as_datetime


AT = pendulum.datetime(2026, 1, 2, 3, 4, 5, tz="UTC")


@pytest.mark.parametrize("at", [AT, Proxy(lambda: AT)], ids=["value", "lazy value"])
def test_a_date_of_the_context_is_metadata_with_native_rendering(server: DevServer, at: Any) -> None:
    fill(server, ["a"])
    arguments: dict[str, Any] = {"vector_id": "a", "metadata": {"at": "{{ params.at }}", "n": ["{{ params.at }}"]}}
    assert run_operator(True, {"at": at}, **arguments) == 1
    assert stored(server)["a"] == {"at": "2026-01-02T03:04:05+00:00", "n": ["2026-01-02T03:04:05+00:00"]}


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_a_missing_value_in_a_patch_fails_the_task_and_deletes_nothing(server: DevServer, value: Any) -> None:
    fill(server, ["a"])
    with pytest.raises(AirflowFailException, match=r"metadata\.n is .* null deletes a field"):
        run_operator(False, vector_id="a", metadata={"n": value}, metadata_update_mode="PATCH")
    assert stored(server) == {"a": {"n": -1}}
    assert run_operator(False, vector_id="a", metadata={"n": value}) == 1
    assert stored(server) == {"a": {"n": None}}


def test_a_sensor_waits_for_the_json_of_a_value(server: DevServer) -> None:
    fill(server, ["a"])
    assert run_operator(False, vector_id="a", metadata=metadata()) == 1
    condition = Stored(id="a", metadata=metadata())
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        assert condition.state(client.fetch(["a"], include_metadata=True)).met
