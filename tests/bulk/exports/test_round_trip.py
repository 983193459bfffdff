"""An export that is restored is what was exported, whatever the service stores."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.bulk_runs import PATIENT
from tests.support.stored_vectors import read, write

MODEL = "BGE_SMALL_EN_V1_5"
SPECS: dict[str, dict[str, Any]] = {
    "dense": {"dimension": 3},
    "sparse": {"index_type": "SPARSE"},
    "hybrid": {"index_type": "HYBRID", "dimension": 3},
    "embedding": {"dimension": 384, "embedding_model": MODEL},
}
FORMATS = [("jsonl", None), ("jsonl", "gz"), ("jsonl", "zst"), ("parquet", None)]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMESPACES = st.one_of(
    st.sampled_from(["", "*", "a/b", "../x", "s3://b/c", "%2F", "n" * 1_000, "films"]),
    TEXT.filter(lambda text: text not in {".", ".."}),
)
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
)
METADATA = st.dictionaries(
    TEXT, st.recursive(LEAF, lambda part: st.lists(part) | st.dictionaries(TEXT, part), max_leaves=8), max_size=4
)


@st.composite
def vectors(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    vector: dict[str, Any] = {"id": draw(TEXT.filter(bool))}
    if kind == "embedding":
        return {**vector, "data": draw(TEXT)} | ({"metadata": draw(METADATA)} if draw(st.booleans()) else {})
    if kind != "sparse":
        vector["vector"] = draw(st.lists(FLOAT32, min_size=3, max_size=3))
    if kind != "dense":
        indices = draw(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=4, unique=True))
        values = draw(st.lists(FLOAT32, min_size=len(indices), max_size=len(indices)))
        vector["sparseVector"] = {"indices": indices, "values": values}
    for name, values_of in (("metadata", METADATA), ("data", TEXT)):
        if draw(st.booleans()):
            vector[name] = draw(values_of)
    return vector


def contents(kind: str) -> st.SearchStrategy[dict[str, list[dict[str, Any]]]]:
    rows = st.lists(vectors(kind), max_size=8, unique_by=lambda vector: str(vector["id"]))
    return st.dictionaries(NAMESPACES, rows, min_size=1, max_size=4)


@pytest.fixture(scope="module", params=SPECS)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[str, DevServer, DevServer]]:
    """Two empty indexes of a kind."""
    spec = SPECS[request.param]
    with DevServer(**spec) as source, DevServer(**spec) as target:
        yield request.param, source, target


def endpoint_of(server: DevServer) -> Endpoint:
    return Endpoint.of(server.url, server.token)


NO_DEADLINE: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
@settings(max_examples=3, **NO_DEADLINE)
@given(data=st.data())
def test_an_export_that_is_restored_is_what_was_exported(
    pair: tuple[str, DevServer, DevServer], format: Any, data: st.DataObject
) -> None:
    check_round_trip(pair, format, None, data)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(("format", "compression"), FORMATS)
@settings(max_examples=60, **NO_DEADLINE)
@given(data=st.data())
def test_many_exports_that_are_restored(
    pair: tuple[str, DevServer, DevServer], format: Any, compression: Any, data: st.DataObject
) -> None:
    check_round_trip(pair, format, compression, data)


def check_round_trip(
    pair: tuple[str, DevServer, DevServer], format: Any, compression: Any, data: st.DataObject
) -> None:
    """Export what is drawn, restore it into another index, and compare what both store."""
    kind, source, target = pair
    source.clear()
    target.clear()
    content = data.draw(contents(kind))
    for namespace, rows in content.items():
        if rows:
            write(source, rows, namespace, "upsert-data" if kind == "embedding" else "upsert")
    with tempfile.TemporaryDirectory() as folder:
        report = bulk.export(
            folder,
            endpoint_of(source),
            format=format,
            compression=compression,
            max_part_bytes=data.draw(st.sampled_from([1, 500, 10**9])),
            page_size=data.draw(st.sampled_from([1, 3, 1_000])),
            policy=PATIENT,
            progress="none",
        )
        assert not report.changed_meanwhile
        assert report.rows == sum(map(len, content.values()))
        restored = bulk.upsert(f"{folder}/manifest.json", endpoint_of(target), policy=PATIENT, progress="none")
    assert (restored.done, restored.total) == (report.rows, report.rows)
    for namespace in content:
        assert repr(sorted(read(target, namespace).items())) == repr(sorted(read(source, namespace).items()))


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_every_float32_is_kept(server: DevServer, tmp_path: Path, format: Any) -> None:
    bits = np.random.default_rng().integers(0, 2**32, 4_000, dtype=np.uint32).view(np.float32)
    numbers = [float(number) for number in bits[np.isfinite(bits)]]
    write(server, [{"id": str(n), "vector": numbers[n : n + 2]} for n in range(len(numbers) - 1)][:1_000])
    before = read(server)
    bulk.export(tmp_path / "e", endpoint_of(server), format=format, progress="none")
    server.clear()
    with pytest.raises(bulk.InvalidRows, match="leave id_template out"):
        bulk.upsert(tmp_path / "e/manifest.json", endpoint_of(server), id_template="copy-{id}", progress="none")
    bulk.upsert(tmp_path / "e/manifest.json", endpoint_of(server), progress="none")
    assert repr(sorted(read(server).items())) == repr(sorted(before.items()))


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_what_cannot_be_written_again_is_reported(server: DevServer, tmp_path: Path, format: Any) -> None:
    nested: Any = 1
    for _ in range(400):
        nested = [nested]
    odd = [{"a": 2**80}, {"a": nested}]
    write(server, [{"id": f"v{n}", "vector": [n, 1], "metadata": part} for n, part in enumerate([*odd, {"a": 1}])])
    report = bulk.export(tmp_path / "e", endpoint_of(server), format=format, progress="none")
    assert report.rows == 3
    server.clear()
    failures = tmp_path / "failures.jsonl"
    restored = bulk.upsert(
        tmp_path / "e/manifest.json",
        endpoint_of(server),
        progress="none",
        max_failures=2,
        failures_path=failures,
    )
    assert (restored.done, restored.rejected) == (1, 2)
    assert [json.loads(line)["id"] for line in failures.read_text().splitlines()] == ["v0", "v1"]
    assert read(server).keys() == {"v2"}


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
@pytest.mark.parametrize("counted", [9, 11])
def test_a_part_with_other_rows_than_its_manifest_fails(
    server: DevServer, tmp_path: Path, format: Any, counted: int
) -> None:
    write(server, [{"id": f"v{n}", "vector": [n, 1]} for n in range(10)])
    bulk.export(tmp_path / "e", endpoint_of(server), format=format, progress="none")
    path = tmp_path / "e/manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["namespaces"][0]["parts"][0]["rows"] = counted
    path.write_bytes(json.dumps(manifest).encode())
    server.clear()
    message = f"have 10 rows, and the manifest says {counted}"
    with pytest.raises(bulk.InvalidRows, match=message):
        bulk.upsert(path, endpoint_of(server), progress="none", dry_run=True)
    with pytest.raises(bulk.BulkJobFailed, match=message) as caught:
        bulk.upsert(path, endpoint_of(server), progress="none")
    assert (caught.value.reason, caught.value.retryable) == ("source", False)
