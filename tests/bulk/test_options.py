from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import fields
from enum import Enum
from functools import partial
from typing import Any, get_type_hints

import pytest

from airflow_provider_upstash_vector.bulk.api import (
    RunArguments,
    SharedRunArguments,
    delete,
    update,
    upsert,
)
from airflow_provider_upstash_vector.bulk.operations.delete import DeleteArguments, DeleteOptions
from airflow_provider_upstash_vector.bulk.operations.update import UpdateArguments, UpdateOptions
from airflow_provider_upstash_vector.bulk.operations.upsert import UpsertArguments, UpsertOptions
from airflow_provider_upstash_vector.bulk.options import MAX_CONCURRENCY, BulkOptions, option_help, option_types
from airflow_provider_upstash_vector.bulk.sources import FieldNames, Shard
from airflow_provider_upstash_vector.bulk.syncing.api import sync
from airflow_provider_upstash_vector.bulk.syncing.options import SyncArguments, SyncOptions
from tests.support.embeddings import CountedEmbedding, vector_of, vectors_of

MODULE = "tests.support.embeddings"
OPERATIONS: dict[type[BulkOptions], tuple[Any, Callable[..., Any]]] = {
    UpdateOptions: (UpdateArguments, update),
    UpsertOptions: (UpsertArguments, upsert),
    DeleteOptions: (DeleteArguments, delete),
    SyncOptions: (SyncArguments, sync),
}
REQUIRED: dict[type[BulkOptions], dict[str, Any]] = {SyncOptions: {"scope": "all"}}


@pytest.mark.parametrize("options", OPERATIONS, ids=lambda options: options.__name__)
def test_the_keyword_arguments_have_the_types_of_the_options(options: type[BulkOptions]) -> None:
    arguments, start = OPERATIONS[options]
    assert {"namespace": str, **get_type_hints(arguments)} == option_types(options)
    parameters = inspect.signature(start).parameters
    defaults = vars(options(**REQUIRED.get(options, {}))) | dict.fromkeys(REQUIRED.get(options, {}))
    assert {name: parameters[name].default for name in option_types(options)} == {
        name: value for name, value in defaults.items() if name not in options.left_out
    }
    of_run = SharedRunArguments if options is SyncOptions else RunArguments
    assert RunArguments.__annotations__.keys() & parameters.keys() == of_run.__annotations__.keys()


@pytest.mark.parametrize("options", OPERATIONS, ids=lambda options: options.__name__)
def test_every_option_has_help_and_a_default(options: type[BulkOptions]) -> None:
    texts = option_help(options)
    names = [option.name for option in fields(options) if hasattr(options, option.name)]
    assert [*texts] == [name for name in names if name not in options.left_out]
    assert all(texts.values())
    assert f"1 to {MAX_CONCURRENCY:,}" in texts["max_concurrency"]
    assert options(**REQUIRED.get(options, {})).names == FieldNames()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("max_concurrency", [0, 4_097, -1, 1.5, True, "64", None, math.nan]),
        ("max_rows_per_second", [0, -1, math.nan, math.inf, True, "5", [1]]),
        ("time_limit_seconds", [0, -1.5, math.nan, math.inf, False, "5"]),
        ("max_failures", [-1, 1.5, math.nan, True, "-1", "101%", "1 row", None]),
        ("daily_budget", [0, True, 1.5, "5"]),
        ("on_missing", ["count", None, True, ["ignore"]]),
        ("on_budget", ["stop", None, 1]),
        ("format", ["xml", "", 1]),
        ("metadata_fields", ["genre", [], 5]),
        ("rows_field", ["", "a..b", "a[x]", 5, ["a"]]),
        ("id_template", ["", "id", "{", "{a..b}", "{index:03}", 5, ["{a}"]]),
        ("check_index", ["false", None, 1]),
        ("dry_run", ["no", None, 0]),
        ("namespace", [None, 5.0, "\ud800", "n" * 8_000]),
        ("metadata_update_mode", ["MERGE", "", 1]),
        ("shard", [(0, 0), (1, 1), (-1, 2), (0, 1, 2), (0.0, 2), (True, 2), "01", b"\0\1", 3, {0, 1}]),
    ],
)
def test_an_invalid_value_is_rejected_with_the_name_of_the_option(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ValueError, match=name):
            UpdateOptions(**{name: value})


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"max_concurrency": 1},
        {"max_concurrency": 4_096},
        {"max_rows_per_second": 0.5, "time_limit_seconds": 10},
        {"max_failures": "100%"},
        {"max_failures": 10**9},
        {"daily_budget": 10_000, "on_budget": "return"},
        {"on_missing": "fail", "format": "csv", "check_index": False, "dry_run": True},
        {"namespace": "", "metadata_update_mode": "patch"},
        {"shard": [1, 2], "rows_field": "a.b[0]", "id_template": "{a.b[0]}"},
        {"id_template": "{a}#{index}"},
        {"metadata_fields": "*", "format": "json", "delimiter": "|"},
    ],
)
def test_a_valid_value_is_accepted(arguments: dict[str, Any]) -> None:
    UpdateOptions(**arguments)


def test_an_unknown_option_is_rejected_by_name() -> None:
    for name in ("concurency", "speed_field"):
        with pytest.raises(TypeError, match=name):
            UpdateOptions(**{name: "x"})  # type: ignore[arg-type]  # the mistake in question


def test_names_of_the_rows_fields() -> None:
    options = UpdateOptions(id_field="pk", metadata_update_mode_field="how")
    assert options.names == FieldNames(id="pk", metadata_update_mode="how")


def test_the_part_of_a_shard() -> None:
    assert UpdateOptions(shard=[1, 2]).part() == Shard(1, 2)
    assert UpdateOptions().part() is None


def test_the_fingerprint_changes_with_options_that_select_rows_or_change_requests() -> None:
    different: list[dict[str, Any]] = [
        {},
        {"namespace": "a"},
        {"namespace": "None"},
        {"metadata_update_mode": "PATCH"},
        {"shard": (0, 2)},
        {"shard": (1, 2)},
        {"id_field": "a b", "vector_field": "c"},
        {"id_field": "a", "vector_field": "b c"},
        {"rows_field": "a"},
        {"rows_field": "b"},
        {"id_template": "{a}"},
        {"id_template": "{a}#{index}"},
    ]
    fingerprints = {UpdateOptions(**arguments).fingerprint() for arguments in different}
    assert len({*fingerprints, UpsertOptions().fingerprint(), DeleteOptions().fingerprint()}) == len(different) + 2


def test_the_fingerprint_names_the_function_that_embeds() -> None:
    def fingerprint(embed: Any) -> str:
        return UpsertOptions(embed=embed, embed_batch_size=len(str(embed))).fingerprint()

    model = CountedEmbedding()
    assert fingerprint(vectors_of) == fingerprint(partial(vectors_of)) == fingerprint(f"{MODULE}:vectors_of")
    assert fingerprint(f"{MODULE}.vectors_of") == fingerprint(vectors_of)
    assert fingerprint(model) == fingerprint(CountedEmbedding())
    assert len({fingerprint(embed) for embed in (None, vectors_of, vector_of, model, "json:dumps")}) == 5

    def of_a_dag(_: list[str]) -> None: ...

    names = []
    for path in ("1", "2"):  # of two versions of its bundle
        of_a_dag.__module__ = f"unusual_prefix_{path * 40}_my_dag"
        names.append(fingerprint(of_a_dag))
    assert names[0] == names[1]
    assert "my_dag:" in names[0]


class Name(str, Enum):
    A = "a"


def test_the_fingerprint_is_the_same_for_equivalent_options() -> None:
    def fingerprint(**arguments: Any) -> str:
        return UpdateOptions(**arguments).fingerprint()

    assert fingerprint(metadata_update_mode="patch") == fingerprint(metadata_update_mode="PATCH")
    assert fingerprint(shard=[0, 2]) == fingerprint(shard=(0, 2)) == fingerprint(shard=Shard(0, 2))
    assert fingerprint(namespace=Name.A) == fingerprint(namespace="a")
    assert fingerprint(max_concurrency=1, max_failures=5, time_limit_seconds=3) == fingerprint()
