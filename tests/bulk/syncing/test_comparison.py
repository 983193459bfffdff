"""Fingerprints, metadata and decisions, which are pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.bulk.syncing.decision import (
    Action,
    MetadataRules,
    Stored,
    Wanted,
    decide,
)
from airflow_provider_upstash_vector.bulk.syncing.fingerprint import Fingerprints
from airflow_provider_upstash_vector.bulk.syncing.metadata import digest_of, merge_patch

names = st.sampled_from(["a", "b", "kept", "_fp", "é"])
leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, 2.0**70, -0.0, "x"])
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)
metadata = st.dictionaries(names, values, max_size=4)


def patched(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = patched(result.get(name), value)
    return result


def strict(value: Any) -> Any:
    """Return a value that equals another if they are the same JSON value, numbers by value."""
    if isinstance(value, dict):
        return {name: strict(item) for name, item in value.items()}
    if isinstance(value, list):
        return [*map(strict, value)]
    return (value, type(value) is bool)


@given(metadata, metadata)
@example({"a": {"b": 1}}, {"a": {"b": 1.0, "kept": None}})
@example({}, {"a": {}})
def test_a_patch_makes_stored_metadata_those_of_the_row(stored: dict[str, Any], wanted: dict[str, Any]) -> None:
    patch = merge_patch(stored, wanted)
    if patch is None:
        assert "None" in repr(wanted)
    else:
        assert strict(patched(stored, patch)) == strict(wanted)
    assert (digest_of(stored) == digest_of(wanted)) == (strict(stored) == strict(wanted))


@given(metadata, metadata, metadata)
def test_an_update_leaves_kept_keys_alone(
    stored: dict[str, Any], others: dict[str, Any], wanted: dict[str, Any]
) -> None:
    rules = MetadataRules("_fp", ["kept"])
    wanted.pop("_fp", None)
    mode, change = rules.updated(wanted, stored, "hash")
    if mode == "PATCH":
        now = {**stored, **{name: value for name, value in others.items() if name == "kept"}}
        after = patched(now, change)
        assert strict(after.get("kept", "none")) == strict(now.get("kept", "none"))
    else:
        after = change
        assert "kept" not in stored or strict(after["kept"]) == strict(stored["kept"])
    assert after["_fp"] == "hash"
    assert rules.compared(after) == rules.compared(wanted)


def test_metadata_too_deep_to_compare_are_replaced() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"a": deep}
    wanted = Wanted(0, "f", digest_of({}), has_data=False)
    assert decide(wanted, Stored("f", digest_of(deep), None)) is Action.CHANGED


def test_a_patch_that_would_be_too_large_is_an_overwrite() -> None:
    stored = {"x" * 40_000: 1}
    assert MetadataRules("_fp", []).updated({"y": "y" * 40_000}, stored, "f")[0] == "OVERWRITE"


def test_the_fingerprint_is_of_the_content_in_float32_and_of_the_version() -> None:
    of = Fingerprints("v1").of
    vector = [0.1, 2.0]
    assert of({"vector": vector}) == of({"vector": np.array(vector, dtype=">f4")})
    assert of({"vector": vector}) == of({"vector": [float(np.float32(0.1)), 2]})
    different = [
        of({"vector": vector}),
        of({"vector": [0.1, 2.001]}),
        of({"data": "text"}),
        of({"data": ""}),
        of({"sparse_vector": ([1], [0.1])}),
        of({"vector": vector, "sparse_vector": ([1], [0.1])}),
        Fingerprints("v2").of({"data": "text"}),
        Fingerprints("").of({"data": "text"}),
    ]
    assert len({*different}) == len(different)
    assert of({"data": "text", "vector": [1]}) == of({"data": "text", "vector": [2]})
    sparse = {"sparse_vector": ([3, 1], [0.5, 2])}
    assert of(sparse) == of({"sparse_vector": {"indices": np.array([1, 3]), "values": [2.0, 0.5]}})


@pytest.mark.parametrize(
    ("fingerprint", "metadata_equal", "content", "action"),
    [
        ("f", True, None, Action.UNCHANGED),
        ("f", True, "f", Action.UNCHANGED),
        ("f", False, None, Action.METADATA_ONLY),
        ("other", True, None, Action.CHANGED),
        ("other", True, "f", Action.CHANGED),
        ("f", True, "other", Action.CHANGED),
        (None, True, "f", Action.ADOPTED),
        (None, False, "f", Action.METADATA_ONLY),
        (None, True, "other", Action.CHANGED),
        (None, True, None, Action.CHANGED),
    ],
)
def test_decisions(fingerprint: str | None, metadata_equal: bool, content: str | None, action: Action) -> None:
    wanted = Wanted(0, "f", b"m", has_data=True)
    assert decide(wanted, Stored(fingerprint, b"m" if metadata_equal else b"n", content)) is action
