from __future__ import annotations

import json
import logging
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from airflow_provider_upstash_vector.bulk import CheckpointStore, FileCheckpoint
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import load_checkpoint
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome

STATE = Checkpoint(
    fingerprint="x",
    watermark=10,
    counts_below_watermark=(7, 1, 1, 1),
    outcomes_above_watermark={12: Outcome.FAILED, 10**6: Outcome.DONE},
    read=14,
    digest="ab" * 16,
    journal="0123456789abcdef",
    retries=3,
    bytes_sent=5_000,
    seconds=1.5,
    throttled_seconds=0.25,
    namespaces={"": 5, "archive": 3},
)


@given(
    watermark=st.integers(0, 10**13),
    above=st.dictionaries(st.integers(1, 40_000), st.sampled_from(Outcome), max_size=30),
    fingerprint=st.text(st.characters(codec="utf-8")),
    numbers=st.tuples(st.integers(0, 10**15), st.floats(0, 1e9), st.floats(0, 1e9)),
)
def test_a_state_survives_json(
    watermark: int, above: dict[int, Outcome], fingerprint: str, numbers: tuple[int, float, float]
) -> None:
    state = Checkpoint(
        fingerprint=fingerprint,
        watermark=watermark,
        counts_below_watermark=(watermark, 0, 0, 0),
        outcomes_above_watermark={watermark + place: outcome for place, outcome in above.items()},
        retries=numbers[0],
        seconds=numbers[1],
        throttled_seconds=numbers[2],
    )
    assert Checkpoint.from_json(json.loads(json.dumps(state.to_json(), allow_nan=False))) == state


def test_the_namespaces_survive_json() -> None:
    assert Checkpoint.from_json(json.loads(json.dumps(STATE.to_json()))) == STATE


def test_seconds_may_be_loaded_as_integers() -> None:
    state = {**STATE.to_json(), "seconds": 2}
    loaded = Checkpoint.from_json(state)
    assert loaded is not None
    assert loaded.seconds == 2


@pytest.mark.parametrize("share", [1.0, 0.9, 0.5])
def test_thirty_thousand_rows_above_the_watermark_stay_small(share: float) -> None:
    random_value = random.Random(1)
    rows = range(1, 32_768) if share == 1.0 else random_value.sample(range(1, 32_768), int(32_768 * share))
    above = {5 + place: random_value.choice([*Outcome]) for place in rows}
    state = Checkpoint(
        fingerprint="f" * 200, watermark=5, counts_below_watermark=(5, 0, 0, 0), outcomes_above_watermark=above
    ).to_json()
    assert len(json.dumps(state)) < 16_000


def damaged(**changes: Any) -> dict[str, Any]:
    return {**STATE.to_json(), **changes}


@pytest.mark.parametrize(
    "state",
    [
        {},
        damaged(version=1),
        damaged(version=None),
        damaged(watermark="10"),
        damaged(watermark=11),
        damaged(watermark=-1),
        damaged(counts_below_watermark=[7, 1, 2]),
        damaged(counts_below_watermark=[7, 1, 1, "1"]),
        damaged(counts_below_watermark=[7.0, 1, 1, 1]),
        damaged(counts_below_watermark=[12, -1, -1, 0]),
        damaged(counts_below_watermark=None),
        damaged(outcomes_above_watermark="not base64 at all"),
        damaged(outcomes_above_watermark="AAAA"),
        damaged(outcomes_above_watermark=5),
        damaged(retries="3"),
        damaged(retries=1.5),
        damaged(seconds=None),
        damaged(journal=None),
        damaged(fingerprint=None),
        damaged(namespaces=None),
        damaged(namespaces=[1]),
        damaged(namespaces={"archive": "3"}),
        {name: value for name, value in STATE.to_json().items() if name != "bytes_sent"},
    ],
)
def test_a_damaged_state_is_none(state: dict[str, Any]) -> None:
    assert Checkpoint.from_json(state) is None


def test_an_unknown_outcome_is_none() -> None:
    worse = Checkpoint(fingerprint="x", outcomes_above_watermark={3: 9})  # type: ignore[dict-item]  # the damage
    assert Checkpoint.from_json(worse.to_json()) is None


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    store = FileCheckpoint(tmp_path / "new" / "state.json")
    assert isinstance(store, CheckpointStore)
    assert store.load() is None
    store.save({"a": 1})
    store.save({"a": 2})
    assert store.load() == {"a": 2}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["state.json"]
    store.clear()
    store.clear()
    assert store.load() is None
    assert store.journal_path == tmp_path / "new" / "state.json.journal"


def test_a_checkpoint_in_an_object_store_has_its_journal_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = FileCheckpoint(UPath("memory://checkpoints/one.json"))
    assert store.load() is None
    store.save({"a": 1})
    assert store.load() == {"a": 1}
    assert store.journal_path.is_relative_to(tmp_path)
    assert store.journal_path == FileCheckpoint(UPath("memory://checkpoints/one.json")).journal_path
    assert store.journal_path != FileCheckpoint(UPath("memory://checkpoints/two.json")).journal_path
    store.clear()
    store.clear()
    assert store.load() is None


WHOLE = json.dumps(STATE.to_json()).encode()


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"7", b"\xff\xfe", b"{", WHOLE[:-1], WHOLE[:100], b"id,vector\n1,2\n", b"{}"]
)
def test_a_run_starts_over_with_a_warning_if_the_file_is_not_a_checkpoint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    (tmp_path / "state.json").write_bytes(content)
    with caplog.at_level(logging.INFO):
        assert load_checkpoint(FileCheckpoint(tmp_path / "state.json"), "x") is None
    assert caplog.messages == ["The checkpoint cannot be read; starting over."]
    assert caplog.records[0].levelname == "WARNING"


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_a_changed_byte_raises_nothing(place: int, byte: int) -> None:
    content = bytearray(WHOLE)
    content[place] = byte
    try:
        state = json.loads(content)
    except ValueError:
        return
    loaded = Checkpoint.from_json(state)
    assert loaded is None or sum(loaded.counts_below_watermark) == loaded.watermark
