"""The operators that swap, roll back and expire namespaces: results, retries, what they refuse, lineage."""

from __future__ import annotations

import re
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, XComArg

from airflow_provider_upstash_vector.assets.upstash_vector import upstash_vector_asset
from airflow_provider_upstash_vector.client import errors
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.operators.upstash_vector import (
    ExpireNamespacesOperator,
    RollbackNamespaceOperator,
    SwapNamespaceOperator,
)
from tests.operators.test_namespaces import executed, names
from tests.support.bulk_runs import fill, stored
from tests.support.index_fixtures import connection_json

DAYS = [f"m__2026112{day}T0300" for day in range(1, 6)]
NEW = DAYS[-1]
OLD = f"{NEW}__previous"
NAMES = {"namespace": "m", "replacement": NEW, "previous": OLD}
SWAP: dict[str, Any] = {"namespace": "m", "replacement": NEW}
ROLLBACK: dict[str, Any] = {"namespace": "m", "previous": OLD}
EXPIRE: dict[str, Any] = {"pattern": "m__*", "keep": 2}


@pytest.fixture(autouse=True)
def index(server: DevServer, monkeypatch: pytest.MonkeyPatch) -> DevServer:
    """An index with a namespace in use and its replacement; each request is sent once."""
    connection = connection_json(server, namespace="other", max_attempts=1)
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection)
    fill(server, ["old"], "m")
    fill(server, ["new"], NEW)
    return server


def test_a_swap_and_its_way_back(index: DevServer) -> None:
    for _ in range(2):
        assert executed(SwapNamespaceOperator, namespace="m", replacement=f"{{{{ '{NEW}' }}}}")[0] == NAMES
        assert (names(index), [*stored(index, "m"), *stored(index, OLD)]) == (["", "m", OLD], ["new", "old"])
    for _ in range(2):
        assert executed(RollbackNamespaceOperator, **ROLLBACK)[0] == NAMES
        assert (names(index), [*stored(index, "m"), *stored(index, NEW)]) == (["", "m", NEW], ["old", "new"])
    assert index.requests["rename-namespace"] == 4


def test_a_first_swap_has_no_previous_namespace(index: DevServer) -> None:
    result = executed(SwapNamespaceOperator, namespace="films", replacement=NEW)[0]
    assert result == {"namespace": "films", "replacement": NEW, "previous": None}
    assert names(index) == ["", "films", "m"]
    with pytest.raises(AirflowFailException, match="previous: must be set"):
        executed(RollbackNamespaceOperator, namespace="films", previous="{{ params.none }}")


@pytest.mark.parametrize("operator", [SwapNamespaceOperator, RollbackNamespaceOperator])
@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("command", ["list-namespaces", "rename-namespace"])
@pytest.mark.parametrize("kind", ["cut", "status", "garbage"])
def test_retries_complete_what_lost_responses_interrupt(
    index: DevServer, operator: Any, kind: Any, command: str, *, applied: bool
) -> None:
    arguments = SWAP if operator is SwapNamespaceOperator else ROLLBACK
    if operator is RollbackNamespaceOperator:
        executed(SwapNamespaceOperator, **SWAP)
    index.faults.add(Fault(kind=kind, applied=applied, command=command))
    for try_number in (1, 2):
        try:
            result = executed(operator, **arguments, try_number=try_number)[0]
            break
        except (errors.ResponseLost, errors.ServerError, errors.InvalidResponse):
            vectors = [id for name in names(index) for id in stored(index, name)]
            assert sorted(vectors) == ["new", "old"]
    assert result == NAMES
    in_use, other = ("new", OLD) if operator is SwapNamespaceOperator else ("old", NEW)
    assert ([*stored(index, "m")], names(index)) == ([in_use], ["", "m", other])


def test_old_namespaces_expire(index: DevServer) -> None:
    days = [f"{day}__previous" for day in DAYS]
    for name in (*days[:4], "m__latest"):
        fill(index, ["v"], name)
    executed(SwapNamespaceOperator, **SWAP)
    expected = {"deleted": days[:3], "kept": days[3:]}
    assert executed(ExpireNamespacesOperator, **EXPIRE, dry_run=True)[0] == {**expected, "dry_run": True}
    assert not index.requests["delete-namespace"]
    index.faults.add(Fault(kind="status", command="delete-namespace", times=1))
    templates: dict[str, Any] = {"pattern": "{{ 'm__' }}*", "keep": "{{ 1 + 1 }}"}
    with pytest.raises(errors.ServerError):
        executed(ExpireNamespacesOperator, **templates)
    assert executed(ExpireNamespacesOperator, **templates)[0] == {**expected, "dry_run": False}
    assert names(index) == ["", "m", *days[3:], "m__latest"]
    assert executed(ExpireNamespacesOperator, **EXPIRE)[0]["deleted"] == []


INVALID: list[tuple[Any, dict[str, Any], str]] = [
    (SwapNamespaceOperator, {**SWAP, "namespace": ""}, "namespace: must not be empty: the default namespace"),
    (SwapNamespaceOperator, {"namespace": "{{ x }}", "replacement": ""}, "replacement: must not be empty"),
    (SwapNamespaceOperator, {"namespace": None, "replacement": "{{ x }}"}, "namespace: must be set"),
    (SwapNamespaceOperator, {"namespace": "a", "replacement": "a"}, "replacement: must be of another namespace"),
    (SwapNamespaceOperator, {"namespace": "a", "replacement": OLD}, "replacement: must not end with __previous"),
    (SwapNamespaceOperator, {"namespace": 1.5, "replacement": "a"}, "namespace: must be text"),
    (RollbackNamespaceOperator, {**ROLLBACK, "namespace": ""}, "namespace: must not be empty"),
    (RollbackNamespaceOperator, {"namespace": "a", "previous": None}, "previous: must be set"),
    (RollbackNamespaceOperator, {"namespace": "a", "previous": "b"}, "previous: must be a name that a swap"),
    (ExpireNamespacesOperator, {"pattern": "*", "keep": 2}, "pattern: must be what the names begin with"),
    (ExpireNamespacesOperator, {"pattern": "", "keep": "{{ x }}"}, "pattern: must be what the names begin with"),
    (ExpireNamespacesOperator, {"pattern": None, "keep": 1}, "pattern: must be text"),
    (ExpireNamespacesOperator, {"pattern": "{{ x }}", "keep": 0}, "keep: must be a whole number from 1"),
    (ExpireNamespacesOperator, {"pattern": "m__*", "keep": "0"}, "keep: must be a whole number from 1"),
    (ExpireNamespacesOperator, {**EXPIRE, "dry_run": "yes"}, "dry_run: must be true or false"),
]


@pytest.mark.parametrize(("operator", "arguments", "message"), INVALID)
def test_invalid_arguments_break_the_dag(operator: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        operator(task_id="t", **arguments)


@pytest.mark.parametrize(
    ("operator", "arguments", "message"),
    [
        (SwapNamespaceOperator, {**SWAP, "namespace": "{{ params.empty }}"}, "default namespace"),
        (SwapNamespaceOperator, {**SWAP, "replacement": "{{ params.none }}"}, "replacement: must be set"),
        (
            SwapNamespaceOperator,
            {**SWAP, "namespace": "{{ params.name }}", "replacement": "a"},
            "another namespace",
        ),
        (RollbackNamespaceOperator, {**ROLLBACK, "previous": "{{ params.empty }}"}, "previous: must not be empty"),
        (RollbackNamespaceOperator, {**ROLLBACK, "previous": "{{ params.name }}"}, "name that a swap has given"),
        (
            ExpireNamespacesOperator,
            {**EXPIRE, "pattern": "{{ params.empty }}*"},
            "pattern: must be what the names",
        ),
        (ExpireNamespacesOperator, {**EXPIRE, "pattern": "{{ params.none }}"}, "pattern: must be text"),
        (ExpireNamespacesOperator, {**EXPIRE, "keep": "{{ params.none }}"}, "keep: must be a whole number"),
        (ExpireNamespacesOperator, {**EXPIRE, "keep": "{{ params.empty }}"}, "keep: must be a whole number"),
    ],
)
def test_invalid_templates_fail_before_anything_is_sent(
    index: DevServer, operator: Any, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(AirflowFailException, match=message):
        executed(operator, **arguments)
    assert not index.requests["list-namespaces"]


def test_the_changed_namespaces_have_events(index: DevServer) -> None:
    assets = {name: upstash_vector_asset(index.url, name) for name in ("", "m", NEW, OLD)}
    changed = [assets["m"].uri, assets[NEW].uri, assets[OLD].uri]
    _, events = executed(SwapNamespaceOperator, outlets=assets.values(), **SWAP)
    assert events.extras() == {uri: {"swapped": None} for uri in changed}
    _, events = executed(RollbackNamespaceOperator, outlets=assets.values(), **ROLLBACK)
    assert events.extras() == {uri: {"rolled_back": None} for uri in changed}
    fill(index, ["v"], DAYS[0])
    _, events = executed(ExpireNamespacesOperator, outlets=[upstash_vector_asset(index.url, DAYS[0])], **EXPIRE)
    assert events.extras() == {}
    arguments = {**EXPIRE, "keep": 1}
    outlets = [*assets.values(), upstash_vector_asset(index.url, DAYS[0])]
    _, events = executed(ExpireNamespacesOperator, outlets=outlets, dry_run=True, **arguments)
    assert events.extras() == {}
    _, events = executed(ExpireNamespacesOperator, outlets=outlets, **arguments)
    assert events.extras() == {outlets[-1].uri: {"deleted": None}}


def test_each_name_of_a_swap_is_an_xcom() -> None:
    with DAG("d", schedule=None):
        swap: Any = SwapNamespaceOperator(task_id="swap", **SWAP)
        rollback: Any = RollbackNamespaceOperator(task_id="back", namespace="m", previous=swap.output["previous"])
        assert (swap.multiple_outputs, rollback.multiple_outputs) == (True, True)
        assert isinstance(rollback.previous, XComArg)
        assert rollback.upstream_task_ids == {"swap"}
        kept: Any = SwapNamespaceOperator(task_id="other", multiple_outputs=False, **SWAP)
        assert not kept.multiple_outputs
