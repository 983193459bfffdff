"""Swaps and rollbacks: what each combination of names means, lost responses, kills."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_upstash_vector.client import RetryPolicy, errors, retry, wire
from airflow_provider_upstash_vector.client.models import NamespaceSwap
from airflow_provider_upstash_vector.client.redaction import Redactor

R, P = "m__1", "m__1__previous"
Build = Callable[[], wire.CallSequence[NamespaceSwap]]


def swap() -> wire.CallSequence[NamespaceSwap]:
    return wire.swap_namespace("m", R)


def rollback() -> wire.CallSequence[NamespaceSwap]:
    return wire.rollback_namespace("m", P)


class Killed(Exception):
    """The process was killed."""


class Index:
    """The namespaces of an index, and what happens to each request: see ``EVENTS``; nothing after them."""

    def __init__(self, namespaces: dict[str, str], events: Iterable[str] = ()) -> None:
        self.namespaces = {"": "default", **namespaces}
        self.requests: list[str] = []
        self._events = iter(events)
        self._late: list[bytes] = []

    def run(self, build: Build) -> NamespaceSwap:
        """Send the calls of a sequence, as a client does."""
        flow = retry.flow(build(), RetryPolicy(max_attempts=2), Redactor())
        outcome: retry.Outcome = None
        while True:
            try:
                step = flow.send(outcome)
            except StopIteration as end:
                swapped: NamespaceSwap = end.value
                return swapped
            outcome = self._respond(step) if isinstance(step, retry.Send) else None

    def apply_late(self) -> None:
        """Apply the requests that were delayed on their way."""
        while self._late:
            self._rename(self._late.pop())

    def _respond(self, send: retry.Send) -> retry.Outcome:
        self.requests.append(send.path)
        event = next(self._events, "ok")
        self.apply_late() if event == "late requests first" else None
        applied = "not applied" not in event and event != "late"
        result: Any = [*self.namespaces]
        if event == "late" and send.body:
            self._late.append(send.body)
        if send.body and applied:
            result = {"renamed": self._rename(send.body)}
        if event.startswith("killed"):
            raise Killed
        if event.startswith("busy"):
            return wire.Response(503, {}, b"")
        if event.startswith("rejected"):
            return wire.Response(404, {}, b"")
        if event.startswith("invalid"):
            return wire.Response(200, {}, b"<html>")
        if event.startswith("lost") or event == "late":
            return errors.ResponseLost("the connection broke")
        return wire.Response(200, {}, json.dumps({"result": result}).encode())

    def _rename(self, body: bytes) -> bool:
        request = json.loads(body)
        assert request.keys() == {"namespace", "newNamespace"}  # deleteExisting is never sent
        old, new = request.values()
        if old not in self.namespaces or new in self.namespaces:
            return False
        self.namespaces[new] = self.namespaces.pop(old)
        return True


EVENTS = [
    "ok",
    "late",
    "late requests first",
    *(
        f"{event}, {applied}"
        for event in ("lost", "busy", "invalid", "killed")
        for applied in ("applied", "not applied")
    ),
    "rejected, applied",
    "rejected, not applied",
]


def state(present: str, names: tuple[str, ...] = ("m", R, P)) -> dict[str, str]:
    return {name: f"vectors of {name}" for name, there in zip(names, present, strict=True) if there == "1"}


RENAME, LIST = "/rename-namespace", "/list-namespaces"
SWAPPED = NamespaceSwap(namespace="m", replacement=R, previous=P)


@pytest.mark.parametrize(
    ("present", "swapped", "rolled_back"),
    [  # m, m__1, m__1__previous: how they are afterwards, or why nothing is renamed
        ("110", ("R", "-", "m"), ("m", "R", "-")),
        ("011", ("R", "-", "P"), ("P", "R", "-")),
        ("101", ("m", "-", "P"), ("P", "m", "-")),
        ("010", ("R", "-", "-"), "neither 'm' nor 'm__1__previous': rename 'm__1' to 'm'"),
        ("001", "neither 'm' nor 'm__1': rename 'm__1__previous' to 'm'", ("P", "-", "-")),
        ("100", "neither 'm__1' nor 'm__1__previous': check", "neither 'm__1__previous' nor 'm__1': check"),
        ("000", "neither 'm__1' nor 'm__1__previous': check", "neither 'm__1__previous' nor 'm__1': check"),
        ("111", "there are 'm', 'm__1' and", "there are 'm', 'm__1__previous' and"),
    ],
)
@pytest.mark.parametrize("build", [swap, rollback])
def test_the_names_alone_decide(build: Build, present: str, swapped: Any, rolled_back: Any) -> None:
    expected = swapped if build is swap else rolled_back
    index = Index(state(present))
    before = dict(index.namespaces)
    if isinstance(expected, str):
        with pytest.raises(errors.InvalidRequest) as caught:
            index.run(build)
        call = f"{build.__name__}_namespace in namespace 'm': namespace: nothing was renamed: there "
        assert str(caught.value).startswith(call)
        assert expected in str(caught.value)
        assert (index.namespaces, index.requests) == (before, [LIST])
        return
    result = index.run(build)
    contents = {"m": "vectors of m", "R": f"vectors of {R}", "P": f"vectors of {P}"}
    after = {name: contents[of] for name, of in zip(("m", R, P), expected, strict=True) if of != "-"}
    assert index.namespaces == {"": "default", **after}
    names = (R, P if expected[2] != "-" else None) if build is swap else (R if expected[1] != "-" else None, P)
    assert result == NamespaceSwap(namespace="m", replacement=names[0], previous=names[1])
    again = Index(after)
    if (R if build is rollback else P) in after:
        assert again.run(build) == result
    else:  # the names do not show it
        with pytest.raises(
            errors.InvalidRequest, match="check the names; if an earlier try had no 'm' to replace"
        ):
            again.run(build)
    assert again.namespaces == index.namespaces


def test_a_swap_lists_the_names_once_and_renames_twice_in_a_row() -> None:
    index = Index(state("110"))
    assert index.run(swap) == SWAPPED
    assert index.requests == [LIST, RENAME, RENAME]
    assert index.run(rollback) == SWAPPED
    assert index.run(rollback) == SWAPPED
    assert index.namespaces == {"": "default", **state("110")}
    assert index.run(swap) == SWAPPED
    assert index.requests == [*[LIST, RENAME, RENAME] * 2, LIST, LIST, RENAME, RENAME]


@pytest.mark.parametrize("request_number", range(3))
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("build", [swap, rollback])
def test_every_response_lost_in_turn(build: Build, event: str, request_number: int) -> None:
    index = Index(state("110" if build is swap else "101"), [*["ok"] * request_number, event])
    is_final = event.startswith(("invalid", "rejected")) and (request_number == 0 or "not applied" in event)
    if is_final or event.startswith("killed"):
        with pytest.raises((errors.InvalidResponse, errors.NotFound, Killed)):
            index.run(build)
    assert index.run(build) == SWAPPED
    assert index.namespaces.keys() == {"", "m", P if build is swap else R}


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([swap, rollback]),
    st.sampled_from(["110", "011", "101"]),
    st.lists(st.sampled_from(EVENTS), max_size=12),
)
def test_any_faults_and_kills_end_in_a_complete_swap(build: Build, present: str, events: list[str]) -> None:
    index = Index(state(present), events)
    complete = Index(state(present))
    expected = complete.run(build)
    contents = sorted(index.namespaces.values())
    for _ in range(len(events) + 1):
        try:
            assert index.run(build) == expected
            break
        except (errors.TransportError, errors.ApiError, errors.InvalidResponse, Killed):
            assert sorted(index.namespaces.values()) == contents
    index.apply_late()
    assert index.namespaces == complete.namespaces


@pytest.mark.parametrize("event", ["lost, applied", "busy, applied", "invalid, applied", "rejected, applied"])
def test_a_first_swap_is_complete_after_a_lost_response(event: str) -> None:
    index = Index(state("010"), ["ok", event])
    assert index.run(swap) == NamespaceSwap(namespace="m", replacement=R)
    assert index.namespaces == {"": "default", "m": f"vectors of {R}"}


def test_the_error_of_the_rename_is_raised_if_the_names_are_unknown() -> None:
    index = Index(state("110"), ["ok", "busy, not applied", "busy, not applied", *["lost, applied"] * 2])
    with pytest.raises(
        errors.ServerError, match=r"rename_namespace in namespace 'm': 503 .* \(after 2 attempts\)"
    ):
        index.run(swap)


def test_a_refused_rename_that_could_be_sent_is_left_to_a_retry() -> None:
    index = Index(state("110"))
    index._rename = lambda body: False  # type: ignore[method-assign]  # noqa: ARG005 - as a stale replica
    with pytest.raises(errors.InvalidResponse, match="'m' was not renamed to 'm__1__previous', although"):
        index.run(swap)


def test_a_namespace_that_is_written_between_the_renames_stops_the_swap() -> None:
    index = Index(state("110"))
    rename = index._rename

    def renamed(body: bytes) -> bool:
        result = rename(body)
        index.namespaces.setdefault("m", "written meanwhile")
        return result

    index._rename = renamed  # type: ignore[method-assign]
    with pytest.raises(errors.InvalidRequest, match="one was written again during the swap or after it"):
        index.run(swap)
    assert index.namespaces.keys() == {"", "m", R, P}


@pytest.mark.parametrize(
    ("build", "arguments", "message"),
    [
        (wire.swap_namespace, ("", "b"), "namespace: must not be empty: the default namespace cannot be renamed"),
        (wire.swap_namespace, ("a", ""), "replacement: must not be empty"),
        (wire.swap_namespace, ("a\n", "b"), "namespace: must not begin or end with a space or a line break"),
        (wire.swap_namespace, ("a", " b"), "replacement: must not begin or end"),
        (wire.rollback_namespace, ("a ", "b__previous"), "namespace: must not begin or end"),
        (wire.swap_namespace, ("a", None), "replacement: must be text"),
        (wire.swap_namespace, ("a", "a"), "replacement: must be of another namespace than 'a'"),
        (wire.swap_namespace, ("a__previous", "a"), "replacement: must be of another namespace"),
        (wire.swap_namespace, ("a", "b__previous"), "replacement: must not end with __previous"),
        (wire.rollback_namespace, ("", "b__previous"), "namespace: must not be empty"),
        (wire.rollback_namespace, ("a", 1.5), "previous: must be text"),
        (wire.rollback_namespace, ("a", "b"), "previous: must be a name that a swap has given"),
        (wire.rollback_namespace, ("a", "__previous"), "previous: must be a name that a swap has given"),
        (wire.rollback_namespace, ("a", "a__previous"), "previous: must be of another namespace than 'a'"),
        (wire.rollback_namespace, ("b__previous", "b__previous"), "previous: must be of another namespace"),
    ],
)
def test_names_are_checked_before_anything_is_sent(build: Any, arguments: Any, message: str) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        build(*arguments)
    assert message in str(caught.value)
