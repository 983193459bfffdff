"""The operators of namespaces: results, what they refuse, lost responses, retries, lineage."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException, XComArg

from airflow_provider_upstash_vector.assets.upstash_vector import upstash_vector_asset
from airflow_provider_upstash_vector.client import Endpoint, VectorClient, errors
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.upstash_vector import (
    DeleteNamespaceOperator,
    ListNamespacesOperator,
    RenameNamespaceOperator,
    ResetNamespaceOperator,
)
from tests.support.bulk_runs import fill, stored
from tests.support.harness import OutletEvents, task_instance
from tests.support.index_fixtures import connection_json

OLD_NEW: dict[str, Any] = {"namespace": "a", "new_namespace": "n"}
LOST = [
    Fault(kind="cut", applied=True),
    Fault(kind="garbage", applied=True),
    Fault(kind="status", status=503, applied=True, times=9),
]
NOT_APPLIED = [Fault(kind="cut"), Fault(kind="status", status=503)]


@pytest.fixture(autouse=True)
def index(server: DevServer, monkeypatch: pytest.MonkeyPatch) -> DevServer:
    """An index with the namespaces ``""``, ``a`` and ``b``, of one vector each."""
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server, namespace="b"))
    for namespace in ("", "a", "b"):
        fill(server, ["v"], namespace)
    return server


def executed(operator: Any, *, try_number: int = 1, outlets: Any = (), **arguments: Any) -> tuple[Any, Any]:
    """Render and execute an operator; return its result and the events of its outlets."""
    with DAG("d", schedule=None):
        task = operator(task_id="t", outlets=[*outlets], **arguments)
    events = OutletEvents()
    ti = SimpleNamespace(**vars(task_instance()), try_number=try_number)
    context: Any = {
        "params": {"name": "a", "none": None, "empty": ""},
        "ti": ti,
        "outlet_events": events.accessors,
    }
    task.render_template_fields(context)
    return task.execute(context), events


def names(index: DevServer) -> list[str]:
    with VectorClient(Endpoint.of(index.url, index.token)) as client:
        return client.list_namespaces()


def add_faults(index: DevServer, command: str, fault: Fault) -> None:
    index.faults.add(Fault(**{**vars_of(fault), "command": command}))


def vars_of(fault: Fault) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in ("kind", "status", "applied", "times")}


def test_names_are_listed_also_with_the_read_only_token(index: DevServer, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connection_json(index).replace(index.token, str(index.read_only_token))
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection)
    assert executed(ListNamespacesOperator)[0] == ["", "a", "b"]
    with pytest.raises(AirflowFailException, match="the token may be the read-only one"):
        executed(DeleteNamespaceOperator, namespace="a")


def test_a_namespace_is_reset(index: DevServer) -> None:
    assert executed(ResetNamespaceOperator, namespace="{{ params.name }}")[0] == ["a"]
    assert [len(stored(index, name)) for name in names(index)] == [1, 0, 1]
    assert executed(ResetNamespaceOperator, namespace="")[0] == [""]
    assert [len(stored(index, name)) for name in names(index)] == [0, 0, 1]
    assert executed(ResetNamespaceOperator, reset_all=True)[0] == ["", "a", "b"]
    assert [len(stored(index, name)) for name in names(index)] == [0, 0, 0]


def test_a_namespace_is_deleted(index: DevServer, caplog: pytest.LogCaptureFixture) -> None:
    assert executed(DeleteNamespaceOperator, namespace="{{ params.name }}")[0] is True
    assert names(index) == ["", "b"]
    message = "There is no namespace 'a'; nothing was deleted."
    with pytest.raises(AirflowFailException, match=message):
        executed(DeleteNamespaceOperator, namespace="a")
    with pytest.raises(AirflowSkipException, match=message):
        executed(DeleteNamespaceOperator, namespace="a", if_missing="skip")
    assert executed(DeleteNamespaceOperator, namespace="a", if_missing="ignore")[0] is False
    assert index.requests["delete-namespace"] == 1
    assert executed(DeleteNamespaceOperator, namespace="a", try_number=2)[0] is True


def test_a_namespace_is_renamed(index: DevServer) -> None:
    assert executed(RenameNamespaceOperator, namespace="{{ params.name }}", new_namespace="n")[0] == "n"
    assert (names(index), [*stored(index, "n")]) == (["", "b", "n"], ["v"])
    with pytest.raises(AirflowFailException, match="namespace: there is no namespace 'a'"):
        executed(RenameNamespaceOperator, **OLD_NEW)
    assert executed(RenameNamespaceOperator, **OLD_NEW, try_number=2)[0] == "n"
    with pytest.raises(AirflowFailException, match="there is a namespace 'b' already; delete_existing=True"):
        executed(RenameNamespaceOperator, namespace="n", new_namespace="b")
    with pytest.raises(AirflowFailException, match="there is no namespace 'x'"):
        executed(RenameNamespaceOperator, namespace="x", new_namespace="b", delete_existing=True)
    assert (index.requests["rename-namespace"], names(index)) == (1, ["", "b", "n"])
    assert executed(RenameNamespaceOperator, namespace="n", new_namespace="b", delete_existing=True)[0] == "b"
    assert names(index) == ["", "b"]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: str(fault.status or fault.kind))
@pytest.mark.parametrize(
    ("operator", "command", "arguments", "left"),
    [
        (DeleteNamespaceOperator, "delete-namespace", {"namespace": "a"}, ["", "b"]),
        (RenameNamespaceOperator, "rename-namespace", OLD_NEW, ["", "b", "n"]),
    ],
)
def test_after_a_lost_response_the_state_decides(
    index: DevServer, operator: Any, command: str, arguments: Any, left: list[str], fault: Fault
) -> None:
    add_faults(index, command, fault)
    assert executed(operator, **arguments)[0] in (True, "n")
    assert (names(index), index.requests[command]) == (left, 1)


@pytest.mark.parametrize("fault", NOT_APPLIED, ids=lambda fault: fault.kind)
@pytest.mark.parametrize(
    ("operator", "command", "arguments", "left"),
    [
        (DeleteNamespaceOperator, "delete-namespace", {"namespace": "a"}, ["", "b"]),
        (RenameNamespaceOperator, "rename-namespace", OLD_NEW, ["", "b", "n"]),
    ],
)
def test_a_request_that_was_not_applied_is_left_to_a_retry(
    index: DevServer, operator: Any, command: str, arguments: Any, left: list[str], fault: Fault
) -> None:
    add_faults(index, command, fault)
    with pytest.raises((errors.ResponseLost, errors.ServerError)):
        executed(operator, **arguments)
    assert names(index) == ["", "a", "b"]
    assert executed(operator, **arguments, try_number=2)[0] in (True, "n")
    assert names(index) == left


def test_an_error_is_raised_if_the_state_is_unknown(index: DevServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(index, max_attempts=1))
    delete = UpstashVectorHook.delete_namespace

    def delete_in_an_outage(hook: UpstashVectorHook, namespace: str) -> None:
        index.faults.add(Fault(kind="cut"), Fault(kind="status", status=503))
        delete(hook, namespace)

    monkeypatch.setattr(UpstashVectorHook, "delete_namespace", delete_in_an_outage)
    with pytest.raises(errors.ResponseLost):
        executed(DeleteNamespaceOperator, namespace="a")


INVALID: list[tuple[Any, dict[str, Any], str]] = [
    (DeleteNamespaceOperator, {"namespace": ""}, "the default namespace can be neither deleted nor renamed"),
    (DeleteNamespaceOperator, {"namespace": None}, "namespace: must be set"),
    (DeleteNamespaceOperator, {"namespace": 1.5}, "namespace: must be text"),
    (DeleteNamespaceOperator, {"namespace": "a", "if_missing": "warn"}, "if_missing must be ignore, fail or skip"),
    (RenameNamespaceOperator, {"namespace": "", "new_namespace": "n"}, "namespace: must not be empty"),
    (RenameNamespaceOperator, {"namespace": "{{ x }}", "new_namespace": ""}, "new_namespace: must not be empty"),
    (RenameNamespaceOperator, {"namespace": "a", "new_namespace": "a"}, "new_namespace: must differ"),
    (RenameNamespaceOperator, {**OLD_NEW, "delete_existing": "yes"}, "delete_existing: must be"),
    (ResetNamespaceOperator, {}, "set either namespace"),
    (ResetNamespaceOperator, {"namespace": "a", "reset_all": True}, "set either namespace"),
    (ResetNamespaceOperator, {"reset_all": "true"}, "reset_all: must be"),
    (ResetNamespaceOperator, {"namespace": 1.5}, "namespace: must be text"),
]


@pytest.mark.parametrize(("operator", "arguments", "message"), INVALID)
def test_invalid_arguments_break_the_dag(operator: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        operator(task_id="t", **arguments)


@pytest.mark.parametrize(
    ("operator", "arguments", "message"),
    [
        (DeleteNamespaceOperator, {"namespace": "{{ params.empty }}"}, "neither deleted nor renamed"),
        (DeleteNamespaceOperator, {"namespace": "{{ params.none }}"}, "delete_namespace: namespace: must be set"),
        (ResetNamespaceOperator, {"namespace": "{{ params.none }}"}, "reset: namespace: must be set"),
        (ResetNamespaceOperator, {"namespace": "{{ params.empty }}"}, "rendered to an empty text"),
        (RenameNamespaceOperator, {"namespace": "a", "new_namespace": "{{ params.name }}"}, "must differ"),
        (RenameNamespaceOperator, {"namespace": "a", "new_namespace": "{{ params.empty }}"}, "must not be empty"),
    ],
)
def test_invalid_templates_fail_before_anything_is_sent(
    index: DevServer, operator: Any, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(AirflowFailException, match=message):
        executed(operator, **arguments)
    assert not index.requests


def test_the_changed_namespaces_have_events(index: DevServer) -> None:
    assets = {name: upstash_vector_asset(index.url, name) for name in ("", "a", "b", "n")}
    outlets = [*assets.values()]
    _, events = executed(ResetNamespaceOperator, outlets=outlets, namespace="a")
    assert events.extras() == {assets["a"].uri: {"reset": None}}
    _, events = executed(RenameNamespaceOperator, outlets=outlets, **OLD_NEW)
    assert events.extras().keys() == {assets["a"].uri, assets["n"].uri}
    _, events = executed(DeleteNamespaceOperator, outlets=outlets, namespace="n")
    assert events.extras() == {assets["n"].uri: {"deleted": None}}
    _, events = executed(ResetNamespaceOperator, outlets=outlets, reset_all=True)
    assert events.extras().keys() == {assets[""].uri, assets["b"].uri}


def test_the_list_can_be_expanded() -> None:
    with DAG("d", schedule=None):
        listed: Any = ListNamespacesOperator(task_id="list")
        mapped = ResetNamespaceOperator.partial(task_id="reset").expand(namespace=XComArg(listed))
    assert mapped.upstream_task_ids == {"list"}
