"""Which namespaces are old, what is a timestamp, and deletes of which some fail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.client import RetryPolicy, errors, retry, wire
from airflow_provider_upstash_vector.client.models import ExpiredNamespaces
from airflow_provider_upstash_vector.client.redaction import Redactor
from airflow_provider_upstash_vector.client.wire.expiring import timestamp, to_expire

DAYS = ["20261122", "20261123", "20261124", "20261125"]
FIRST, SECOND, THIRD, FOURTH = (f"m__{day}" for day in DAYS)


def previous(*names: str) -> list[str]:
    return [f"{name}__previous" for name in names]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20261125", "2026-11-25T00:00:00+00:00"),
        ("2026-11-25", "2026-11-25T00:00:00+00:00"),
        ("20261125T0300", "2026-11-25T03:00:00+00:00"),
        ("20261125T030059", "2026-11-25T03:00:59+00:00"),
        ("20261125T030000+0130", "2026-11-25T01:30:00+00:00"),
        ("2026-11-25T03:00:00.25-02:00", "2026-11-25T05:00:00.250000+00:00"),
        ("2026-11-25T03:00:00Z", "2026-11-25T03:00:00+00:00"),
        *(
            (text, None)
            for text in ("", "latest", "2026", "202611", "20261325", "20260230", "20261125T", "20261125T25")
        ),
        *((text, None) for text in ("20261125T0300x", "x20261125", "1764040000", "20261125T2500", "\uff12" * 8)),
        *((text, None) for text in ("00010101T0000+0100", "20261125T0000+2400", " 20261125", "20261125\n")),
    ],
)
def test_what_is_a_timestamp(text: str, moment: str | None) -> None:
    found = timestamp(text)
    assert (found and found.isoformat()) == moment


@pytest.mark.parametrize(
    ("names", "keep", "deleted"),
    [
        ([], 1, []),
        ([FIRST], 1, []),
        ([THIRD, FIRST, SECOND], 1, [FIRST, SECOND]),
        ([THIRD, FIRST, SECOND], 5, []),
        # replacements that were never used do not count against the way back
        ([*previous(FIRST, SECOND), THIRD, FOURTH], 1, [*previous(FIRST), THIRD]),
        # a swap that is not complete
        ([FIRST, *previous(FIRST), *previous(SECOND), THIRD, FOURTH], 1, [THIRD]),
        # by time, not by name
        (["m__2026-11-24", "m__20261123T2300", "m__20261125T0000+0500"], 1, ["m__20261123T2300", "m__2026-11-24"]),
        (
            ["", "m", "m__", "m__previous", "m____previous", "m__new", "other__20200101", "xm__20200101", FOURTH],
            1,
            [],
        ),
        (["20200101", "20200101__previous", "m__20261122__previous__previous", FOURTH], 1, []),
    ],
)
def test_which_namespaces_expire(names: list[str], keep: int, deleted: list[str]) -> None:
    expired = to_expire(names, "m__", keep)
    assert expired.deleted == deleted
    assert {*expired.kept} == {
        name for name in names if "2026" in name and not name.endswith("previous__previous")
    } - {*deleted}


@given(
    st.lists(
        st.sampled_from(["m", "", *(f"m__{day}" for day in DAYS), *previous(FIRST, SECOND, THIRD, FOURTH)]),
        unique=True,
    ),
    st.integers(1, 4),
)
def test_the_newest_of_each_kind_and_the_name_in_use_are_kept(names: list[str], keep: int) -> None:
    deleted = to_expire(names, "m__", keep).deleted
    assert not {"", "m"} & {*deleted}
    for kind in (True, False):
        ordered = sorted(name for name in names if "2026" in name and name.endswith("previous") is kind)
        assert not {*ordered[-keep:]} & {*deleted}
    left = to_expire({*names} - {*deleted}, "m__", keep)
    assert left.deleted == []


class Index:
    """An index whose deletes get these statuses, then 200; a 503 is applied, but its response lost."""

    def __init__(self, names: list[str], *statuses: int) -> None:
        self.names = names
        self.deletes: list[str] = []
        self._statuses = [*statuses]

    def run(self, *, dry_run: bool = False) -> ExpiredNamespaces:
        flow = retry.flow(
            wire.expire_namespaces("m__*", 1, dry_run=dry_run), RetryPolicy(max_attempts=2), Redactor()
        )
        outcome: retry.Outcome = None
        while True:
            try:
                step = flow.send(outcome)
            except StopIteration as end:
                expired: ExpiredNamespaces = end.value
                return expired
            outcome = self._respond(step.path) if isinstance(step, retry.Send) else None

    def _respond(self, path: str) -> wire.Response:
        if path == "/list-namespaces":
            return wire.Response(200, {}, json.dumps({"result": self.names}).encode())
        name = path.removeprefix("/delete-namespace/")
        self.deletes.append(name)
        status = self._statuses.pop(0) if self._statuses else 200
        if name not in self.names:
            return wire.Response(404, {}, b"")
        if status in {200, 503}:
            self.names.remove(name)
        return wire.Response(status, {}, b'{"result": "Success"}')


def test_the_oldest_are_deleted_first_and_a_retry_deletes_the_rest() -> None:
    index = Index([THIRD, "m", FIRST, FOURTH, SECOND], 200, 500, 500)
    with pytest.raises(errors.ServerError, match=f"delete_namespace in namespace '{SECOND}'"):
        index.run()
    assert index.run() == ExpiredNamespaces(deleted=[SECOND, THIRD], kept=[FOURTH])
    assert (index.names, index.deletes) == (["m", FOURTH], [FIRST, SECOND, SECOND, SECOND, THIRD])


def test_a_delete_whose_response_was_lost_is_done() -> None:
    index = Index([FIRST, SECOND], 503)
    assert index.run() == ExpiredNamespaces(deleted=[FIRST], kept=[SECOND])
    assert index.deletes == [FIRST, FIRST]


def test_a_dry_run_deletes_nothing() -> None:
    index = Index([FIRST, SECOND])
    assert index.run(dry_run=True) == ExpiredNamespaces(deleted=[FIRST], kept=[SECOND], dry_run=True)
    assert index.deletes == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(
            ((pattern, 1), "pattern: must be what the names begin with")
            for pattern in ("", "*", "m", "m*x", "*m", "m**", "*m*")
        ),
        ((None, 1), "pattern: must be text"),
        *((("m__*", keep), "keep: must be a whole number from 1 to") for keep in (0, -1, None, True, "2", 1.0)),
        (("m__*", 1, "yes"), "dry_run: must be true or false"),
    ],
)
def test_invalid_arguments_are_rejected_before_anything_is_sent(arguments: Any, message: str) -> None:
    pattern, keep, *dry_run = arguments
    with pytest.raises(errors.InvalidRequest) as caught:
        wire.expire_namespaces(pattern, keep, dry_run=dry_run[0] if dry_run else False)
    assert message in str(caught.value)
