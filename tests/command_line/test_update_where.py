"""The command that updates what matches a filter, and filters as text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.client import Field, Filter
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.command_line.filter_text import MAX_DEPTH, parsed_filter
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.command_line.conftest import Call
from tests.support.bulk_runs import stored

A, B = Field("a"), Field("b.c[0]")
FILTERS: dict[str, Filter] = {
    "a = 1": A == 1,
    " a!=-1.5e3 ": A != -1500.0,
    "a < 1 and B.C[0] >= 2": (A < 1) & (Field("B.C[0]") >= 2),
    "a = 'x\"' OR a > 1 AND a <= 2": (A == 'x"') | ((A > 1) & (A <= 2)),
    '(a = "it\'s" OR a = TRUE) AND has field b.c[0]': ((A == "it's") | (A == True)) & B.exists(),  # noqa: E712
    "HAS NOT FIELD a": A.missing(),
    "a in (1, 'x', false)": A.isin([1, "x", False]),
    "a NOT IN (1)": A.not_in([1]),
    "a GLOB '*x'": A.glob("*x"),
    "a not glob ''": A.not_glob(""),
    "a CONTAINS 9007199254740993": A.contains(9007199254740993),
    "a NOT CONTAINS ' '": A.not_contains(" "),
}


@pytest.mark.parametrize("text", FILTERS)
def test_a_filter_is_parsed(text: str) -> None:
    assert parsed_filter(text) == FILTERS[text]


_VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(-1e9, 1e9),
    st.text(st.characters(exclude_characters="'")),
)
_CONDITIONS = st.one_of(
    st.builds(Field.isin, st.just(B), st.lists(_VALUES, min_size=1, max_size=3)),
    st.builds(lambda value: value == A, _VALUES),
    st.just(A.missing()),
)
_TREES = st.recursive(
    _CONDITIONS,
    lambda parts: st.one_of(
        st.builds(lambda a, b: a & b, parts, parts), st.builds(lambda a, b: a | b, parts, parts)
    ),
)


@given(_TREES)
def test_the_text_of_any_filter_is_parsed_to_it(tree: Any) -> None:
    assert parsed_filter(str(tree)) == tree


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "at its end: expected a field"),
        ("a", "at its end: expected a comparison"),
        ("a = ", "at its end: expected a string in quotes"),
        ("a = x", "at 'x': expected a string"),
        ("a NOT = 1", "at '= 1': expected a comparison"),
        ("a = 1 b = 2", "at 'b = 2': expected AND, OR or its end"),
        ("(a = 1", "at its end: expected AND, OR or )"),
        ("a IN 1", "at '1': expected ("),
        ("a IN (1 2)", "at '2)': expected , or )"),
        ("HAS a", "at 'a': expected FIELD"),
        ("a < 'x'", "must be text, a finite number"),
        ("a..b = 1", "'a..b' is not a valid field name"),
        ("a = 'it", 'at "\'it": expected a string'),
        ("a = 1;", "at ';': expected AND"),
        ("(" * (MAX_DEPTH + 1), "nested parentheses"),
        ("(" * 100_000, "nested parentheses"),
        ("'", "expected a field"),
    ],
)
def test_a_filter_that_is_not_valid(text: str, error: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^filter: ") as raised:
        parsed_filter(text)
    assert error in str(raised.value)


def test_what_matches_is_updated(call: Call, server: DevServer) -> None:
    update = ("update-where", "--namespace=ns", "--where=year >= 1991", '--metadata={"old": false}')
    code, report, errors = call(*update, "--dry-run")
    assert (code, report["matched"], report["not_attempted"]) == (0, 2, 2), errors
    code, output, errors = call(*update, "--max-matches=1")
    assert (code, output) == (1, None)
    assert "2 vectors match, more than --max-matches 1" in errors
    assert call(*update)[1]["updated"] == 2
    assert call(*update)[1]["unchanged"] == 2
    assert stored(server, "ns") == {
        "m0": {"year": 1990},
        **{f"m{n}": {"year": 1990 + n, "old": False} for n in (1, 2)},
    }
    for arguments in (("--where=year", update[3]), (update[2], "--metadata=[]"), (update[2], "--metadata=null")):
        assert call("update-where", *arguments)[0] == 2


def test_a_filtered_copy(call: Call, server: DevServer) -> None:
    code, report, errors = call("copy", "--namespace=ns", "--target-namespace=new", "--filter=year = 1991")
    assert (code, report["upserted"]) == (0, 1), errors
    assert stored(server, "new") == {"m1": {"year": 1991}}
