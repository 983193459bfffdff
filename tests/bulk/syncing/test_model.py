"""Any source and any index, with other writers, short scans, lost responses and kills: what always holds."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint, FetchedVector, VectorClient
from airflow_provider_upstash_vector.client.errors import ApiError
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.dev_server.models import Record
from airflow_provider_upstash_vector.dev_server.vector_index import VectorIndex
from tests.support.bulk_runs import PATIENT
from tests.support.observed_server import observed, short_scans

IDS = ["a0", "a1", "a2", "a\xe9", "ae\u0301", "b0", "b1"]  # two are the same text, composed and not
KEPT = "reviewed"

metadata = st.dictionaries(
    st.sampled_from(["t", "u", KEPT]),
    st.sampled_from([None, 0, 1, 1.0, True, "x", {"y": 1}, {"y": 2, "z": 1}, [1, {"y": None}]]),
)
# the vector of a text is always the same one: only the text is compared
texts: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"vector": [1, 0.1]}, {"vector": [2, 1]}, *({"vector": [3, len(t)], "data": t} for t in ("", "x"))]
)
of_metadata: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.builds(dict, metadata=metadata)
contents = st.builds(lambda text, metadata: {**text, **metadata}, texts, of_metadata)
tables = st.dictionaries(st.sampled_from(IDS), contents, max_size=6)


@dataclass
class Interference:
    """What happens after a number of commands.

    The run is cancelled; no later command is run, as after a kill; another writer patches ``KEPT`` of an id.
    """

    server: DevServer
    protected: set[str]
    patched: str
    cancel_at: int | None = None
    kill_at: int | None = None
    patch_at: int | None = None
    commands: int = 0
    absent: bool = False
    did_patch: bool = False

    def __post_init__(self) -> None:
        self.cancel_token = bulk.CancelToken()

    def __call__(self, index: VectorIndex) -> None:
        self.commands += 1
        if self.patch_at == self.commands:
            change = Record(id=self.patched, metadata=json.dumps({KEPT: "foreign"}))
            self.did_patch = index.update("films", change, "PATCH") > 0
        if self.cancel_at == self.commands:
            self.cancel_token.cancel()
        if self.kill_at == self.commands:
            self.server.faults.clear()
            self.server.faults.add(Fault(kind="status", status=400, times=10_000))
        ids = [*self.protected]
        self.absent = self.absent or None in index.store.fetch("films", ids)


def everything(endpoint: Endpoint, namespace: str) -> dict[str, FetchedVector]:
    include: dict[str, Any] = {"include_vectors": True, "include_metadata": True, "include_data": True}
    with VectorClient(endpoint) as client:
        return {vector.id: vector for vector in client.range(namespace, **include)}


def of_rows(table: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": id, **content} for id, content in table.items()]


def compared(metadata: Any) -> str:
    rest = {name: value for name, value in (metadata or {}).items() if name not in {"_fp", KEPT}}
    return json.dumps(rest, sort_keys=True).replace("1.0", "1")


def draw_options(data: st.DataObject) -> dict[str, Any]:
    choices: dict[str, list[Any]] = {
        "delete_missing": [True, False],
        "max_delete": [0, 2, "50%", "100%"],
        "page_size": [1, 3, 1_000],
        "max_rows_per_request": [1, 2, 1_000],
        "verify": [None, "data"],
        "on_duplicate": ["fail", "last"],
    }
    drawn = {name: data.draw(st.sampled_from(values), name) for name, values in choices.items()}
    return {"namespace": "films", "keep_metadata": [KEPT], "policy": PATIENT, "progress": "none", **drawn}


def fill(endpoint: Endpoint, before: dict[str, Any], foreign: dict[str, Any]) -> None:
    """Sync ``before``, and write ``foreign`` vectors as others do, also in another namespace."""
    if before:
        bulk.sync(of_rows(before), endpoint, namespace="films", scope="all", policy=PATIENT, progress="none")
    with VectorClient(endpoint) as client:
        client.upsert([{"id": "other", "vector": [1, 1]}], "series")
        client.upsert(of_rows(foreign), "films")


def check(
    data: st.DataObject,
    server: DevServer,
    endpoint: Endpoint,
    before: dict[str, Any],
    foreign: dict[str, Any],
    folder: Path,
) -> None:
    """Sync once, let others write, then sync another source, which is interfered with, until it finishes."""
    server.clear()
    prefix = data.draw(st.sampled_from([None, "a"]), "prefix")
    inside = [id for id in IDS if id.startswith(prefix or "")]
    source = {id: content for id, content in data.draw(tables, "source").items() if id in inside}
    options = {"scope": "all" if prefix is None else None, "prefix": prefix, **draw_options(data)}
    read_once = data.draw(st.booleans(), "read_once")
    older = data.draw(tables, "older rows") if options["on_duplicate"] == "last" else {}

    left_out = data.draw(st.sets(st.sampled_from(IDS)), "left out of scans") & {*source}

    def sync(**more: Any) -> bulk.SyncReport:
        rows: Any = of_rows({id: content for id, content in older.items() if id in source}) + of_rows(source)
        with short_scans(left_out):
            return bulk.sync(iter(rows) if read_once else rows, endpoint, **{**options, **more})

    fill(endpoint, before, foreign)
    old = everything(endpoint, "films")
    extra = {id for id in inside if id in old and id not in source}
    in_scope = [id for id in old if id in inside]
    allowed = {0: 0, 2: 2, "50%": len(in_scope) // 2, "100%": len(in_scope)}[options["max_delete"]]
    refused = not source or (options["delete_missing"] and len(extra) > allowed)

    if data.draw(st.booleans(), "planned") and not refused:
        options["plan_path"] = folder / "plan.json"
        sync(mode="plan")
        assert everything(endpoint, "films") == old
    cuts = Fault(kind="cut", applied=True, times=data.draw(st.integers(1, 8), "cuts"), probability=0.5)
    server.faults.add(cuts)
    moments = {
        name: data.draw(st.sampled_from([None, *range(1, 10)]), name)
        for name in ("cancel_at", "kill_at", "patch_at")
    }
    interference = Interference(
        server, {*old} & {*source}, data.draw(st.sampled_from(inside), "patched"), **moments
    )
    with observed(server, interference):
        with suppress(bulk.SyncFailed, ApiError):
            sync(cancel_token=interference.cancel_token)
        interference.kill_at = None
        server.faults.clear()
        server.faults.add(cuts)
        if refused:
            with pytest.raises(bulk.SyncFailed) as raised:
                sync()
            assert raised.value.reason == ("max_delete" if source else "empty_source")
        else:
            sync()
    assert not interference.absent
    server.faults.clear()
    now = everything(endpoint, "films")
    touched = {interference.patched} if interference.did_patch else set()
    if refused:
        assert all(now.get(id) == old.get(id) for id in IDS if id not in touched)
        return
    assert now.keys() == ({*old} - (extra if options["delete_missing"] else set())) | source.keys()
    check_vectors(source, old, now, touched)
    assert "other" in everything(endpoint, "series")
    again = sync()
    assert (again.unchanged, again.operations["written"], again.deleted) == (len(source), 0, 0)
    assert again.duplicates == len(older.keys() & source.keys())


def check_vectors(
    source: dict[str, Any], old: dict[str, FetchedVector], now: dict[str, FetchedVector], patched: set[str]
) -> None:
    """The vectors of the source are as it has them, and the others as they were."""
    for id in now.keys() - source.keys() - patched:
        assert now[id] == old[id]
    for id, content in source.items():
        assert now[id].vector == pytest.approx(content["vector"])
        assert now[id].data == content.get("data")
        assert compared(now[id].metadata) == compared(content.get("metadata"))
        check_kept(content, old.get(id), now[id], patched=id in patched)


def check_kept(content: dict[str, Any], old: FetchedVector | None, now: FetchedVector, *, patched: bool) -> None:
    """What another writer patched meanwhile may only be lost if the whole vector or all metadata were written."""
    was = {} if old is None else (old.metadata or {})
    upserted = old is None or not same_content(old, content)
    # to set null takes an overwrite, unless it is in an array
    overwritten = upserted or has_null(content)
    before = (content.get("metadata") or {}).get(KEPT) if old is None else was.get(KEPT)
    expected = [] if patched and not overwritten else [before]
    if patched:
        expected.append("foreign")
    assert repr((now.metadata or {}).get(KEPT)) in set(map(repr, expected))


def same_content(old: FetchedVector, content: dict[str, Any]) -> bool:
    return old.data == content.get("data") and old.vector == pytest.approx(content["vector"])


def has_null(content: dict[str, Any]) -> bool:
    return "null" in json.dumps(content.get("metadata"))


# to shrink an example takes minutes
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
MODEL = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], phases=PHASES)


@given(data=st.data(), before=tables, foreign=tables)
@settings(MODEL, max_examples=5)
def test_any_sync(
    server: DevServer,
    endpoint: Endpoint,
    data: st.DataObject,
    before: dict[str, Any],
    foreign: dict[str, Any],
    tmp_path: Path,
) -> None:
    check(data, server, endpoint, before, foreign, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@given(data=st.data(), before=tables, foreign=tables)
@settings(MODEL, max_examples=1_000)
def test_many_syncs(
    server: DevServer,
    endpoint: Endpoint,
    data: st.DataObject,
    before: dict[str, Any],
    foreign: dict[str, Any],
    tmp_path: Path,
) -> None:
    check(data, server, endpoint, before, foreign, tmp_path)
