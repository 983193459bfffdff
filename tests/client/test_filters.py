"""Filter expressions from Python values, checked with the dev server's parser, and the other way round."""

from __future__ import annotations

import contextlib
import copy
import json
import math
import pickle
import sqlite3
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_upstash_vector.client import Field, Filter, Query
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.dev_server.filter_language import parse
from airflow_provider_upstash_vector.dev_server.filter_sql import where
from airflow_provider_upstash_vector.dev_server.responses import HttpError

CITY = {
    "city": "Istanbul",
    "is_capital": False,
    "population": 15_460_000,
    "note": 'it\'s "big"',
    "empty": None,
    "geography": {"continent": "Asia", "coordinates": {"latitude": 41.0082}},
    "industries": ["Tourism", "Textiles", 3, True],
    "with-dash": 1,
}


def matches(filter: str | Filter, metadata: Any = CITY) -> bool:
    condition = where(parse(str(filter)))
    with sqlite3.connect(":memory:") as database:
        text = None if metadata is None else json.dumps(metadata)
        query = f"SELECT {condition.sql} FROM (SELECT ? AS metadata)"  # noqa: S608 - what is tested
        (value,) = database.execute(query, (*condition.parameters, text)).fetchone()
    return bool(value)


@pytest.mark.parametrize(
    ("filter", "text"),
    [
        (Field("genre") == "drama", "genre = 'drama'"),
        (Field("genre") == "it's", 'genre = "it\'s"'),
        (Field("genre") != 'the "best"', "genre != 'the \"best\"'"),
        (Field("year") >= 1990, "year >= 1990"),
        (Field("year") < np.int64(1990), "year < 1990"),
        (Field("score") > 1e-7, "score > 0.0000001"),
        (Field("score") <= np.float32(0.5), "score <= 0.5"),
        (Field("score") > -1e20, "score > -100000000000000000000"),
        (Field("on") == True, "on = true"),  # noqa: E712 - builds an expression
        (Field("a.b[0].c[#-1]").isin(["x", 1, False]), "a.b[0].c[#-1] IN ('x', 1, false)"),
        (Field("a").not_in(["x"]), "a NOT IN ('x')"),
        (Field("a").glob("x*"), "a GLOB 'x*'"),
        (Field("a").not_glob("[^a-z]?"), "a NOT GLOB '[^a-z]?'"),
        (Field("a").contains("x"), "a CONTAINS 'x'"),
        (Field("a").not_contains(2), "a NOT CONTAINS 2"),
        (Field("a").exists(), "HAS FIELD a"),
        (Field("a").missing(), "HAS NOT FIELD a"),
    ],
)
def test_expressions(filter: Filter, text: str) -> None:
    assert str(filter) == text
    assert repr(filter) == f"Filter({text!r})"
    parse(text)


def test_combinations_keep_their_meaning() -> None:
    a, b, c = (Field(name) == 1 for name in "abc")
    assert str(a & b & c) == "a = 1 AND b = 1 AND c = 1"
    assert str(a & (b | c)) == "a = 1 AND (b = 1 OR c = 1)"
    assert str((a & b) | c) == "(a = 1 AND b = 1) OR c = 1"
    assert a & b == a & b
    assert a & b != b & a
    assert a != "a = 1"
    assert len({a, a, b}) == 2


def test_easy_mistakes_raise_an_error() -> None:
    a = Field("a") == 1
    with pytest.raises(TypeError, match=r"combine filters with & and \|"):
        bool(a and a)
    with pytest.raises(TypeError):
        a & "b = 1"  # type: ignore[operator]  # the mistake in question
    with pytest.raises(TypeError):
        hash(Field("a"))


@pytest.mark.parametrize(
    "name",
    ["", "1a", "a b", "a;", "a'", "a.", "a..b", "a[", "a[x]", "a[-1]", "and", "TRUE", "a]", ".a", 5, "ä", "a\n"],
)
def test_invalid_field_names_are_rejected(name: Any) -> None:
    with pytest.raises(InvalidRequest, match="is not a valid field name"):
        Field(name)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1],
        {"a": 1},
        b"x",
        object(),
        math.nan,
        math.inf,
        1j,
        10**400,
        Fraction(10**400),
        "\ud800",
        "both ' and \"",
    ],
)
def test_invalid_values_are_rejected(value: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^filter: "):
        Field("a") == value  # noqa: B015 - building it fails
    with pytest.raises(InvalidRequest, match=r"^filter: "):
        Field("a").isin([value])


def test_operands_of_the_wrong_type_are_rejected() -> None:
    for wrong in ("x", True, None):
        with pytest.raises(InvalidRequest):
            Field("a") < wrong  # type: ignore[operator]  # noqa: B015 - the mistake in question
    with pytest.raises(InvalidRequest, match="must be text, got int"):
        Field("a").glob(5)  # type: ignore[arg-type]  # the mistake in question
    with pytest.raises(InvalidRequest, match="must be a list of values, got str 'abc'"):
        Field("a").isin("abc")
    for no_list in (None, 5):
        with pytest.raises(InvalidRequest, match="must be a list of values"):
            Field("a").isin(no_list)  # type: ignore[arg-type]  # the mistake in question
    with pytest.raises(InvalidRequest, match="must not be empty"):
        Field("a").isin([])


# Without NUL, at which SQLite ends a text in JSON.
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0")).filter(lambda text: not {"'", '"'} <= set(text))
)
def test_any_text_matches_itself_and_nothing_else(text: str) -> None:
    condition = where(parse(str(Field("x") == text)))
    assert condition.parameters[-1] == text
    assert matches(Field("x") == text, {"x": text})
    assert not matches(Field("x") == text, {"x": text + "'"})
    assert matches(Field("x").isin(["other", text]), {"x": text})
    assert not matches(Field("x") != text, {"x": text})


@given(st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_matches_itself(number: float) -> None:
    assert float(str(Field("x") == number).split(" = ")[1]) == number
    assert matches(Field("x") == number, {"x": number})
    assert matches((Field("x") >= number) & (Field("x") <= number), {"x": number})


WORDS = ["a", "b", "ab", "", "A", "]", "-", "^", "*", "[a]", "zz\n"]
LEAVES = st.sampled_from(
    [*WORDS, 0, 1, -1, 2, 0.5, 1.0, -0.0, 2**53 + 1, 2**63, -(2**70), 1e300, True, False, None]
)
METADATA = st.none() | st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    LEAVES | st.lists(LEAVES | st.lists(LEAVES, max_size=2), max_size=3) | st.dictionaries(st.just("b"), LEAVES),
    max_size=3,
)
FIELDS = st.sampled_from(["a", "b", "a.b", "a[0]", "a[2]", "a[#-1]", "a[#-3]", "a[1][0]", "c.b.a"]).map(Field)
TEXTS = st.sampled_from(WORDS)
VALUES = LEAVES.filter(lambda value: value is not None)
NUMBERS = VALUES.filter(lambda value: not isinstance(value, str | bool))
GLOBS = st.text(st.sampled_from("ab]-^*?[Az\n"), max_size=6)
CONDITIONS = st.one_of(
    *(
        st.builds(getattr(Field, name), FIELDS, VALUES)
        for name in ("__eq__", "__ne__", "contains", "not_contains")
    ),
    *(st.builds(getattr(Field, name), FIELDS, NUMBERS) for name in ("__lt__", "__le__", "__gt__", "__ge__")),
    *(st.builds(getattr(Field, name), FIELDS, GLOBS) for name in ("glob", "not_glob")),
    *(st.builds(getattr(Field, name), FIELDS, st.lists(VALUES, min_size=1)) for name in ("isin", "not_in")),
    *(st.builds(getattr(Field, name), FIELDS) for name in ("exists", "missing")),
)
FILTERS = st.recursive(
    CONDITIONS, lambda inner: st.builds(Filter.__and__, inner, inner) | st.builds(Filter.__or__, inner, inner)
)


@settings(max_examples=5 * settings().max_examples)
@given(FILTERS, METADATA)
def test_a_filter_matches_the_metadata_that_the_dev_server_finds(filter: Filter, metadata: Any) -> None:
    assert filter.matches(metadata) == matches(filter, metadata), str(filter)


@settings(max_examples=5 * settings().max_examples)
@given(GLOBS, st.text(st.sampled_from("ab]-^*?[Az\n"), max_size=4))
def test_a_glob_is_that_of_the_dev_server(pattern: str, text: str) -> None:
    for filter in (Field("x").glob(pattern), Field("x").not_glob(pattern)):
        assert filter.matches({"x": text}) == matches(filter, {"x": text}), str(filter)


def test_a_range_that_is_reversed_has_no_characters() -> None:
    assert not Field("x").glob("[b-a]").matches({"x": "a"})
    assert Field("x").glob("[^b-a]").matches({"x": "a"})


@given(FILTERS, METADATA)
def test_a_copy_and_a_pickle_are_the_same_filter(filter: Filter, metadata: Any) -> None:
    for twin in (copy.deepcopy(filter), pickle.loads(pickle.dumps(filter)), filter.replace_texts(str)):  # noqa: S301 - our own
        assert str(twin) == str(filter)
        assert twin.matches(metadata) == filter.matches(metadata)


@given(st.text(st.characters(codec="utf-8")).filter(lambda text: not {"'", '"'} <= set(text)))
def test_a_template_stands_for_one_value_whatever_it_is_rendered_to(text: str) -> None:
    name = "{{ params.name }}"
    filter = (Field("a") == name) | Field("b").contains(name) | Field("c").isin([name, 5]) | Field("d").glob(name)
    expected = (
        (Field("a") == text) | Field("b").contains(text) | Field("c").isin([text, 5]) | Field("d").glob(text)
    )
    assert filter.replace_texts({name: text}.__getitem__) == expected


@pytest.mark.parametrize(
    ("rendered", "text"),
    [
        ("1999", "1999"),
        (" -5 ", "-5"),
        ("1e3", "1000.0"),
        (0.5, "0.5"),
        (7, "7"),
        ("12345678901234567890123", None),
    ],
)
def test_rendered_text_is_a_number_in_an_order_comparison_only(rendered: Any, text: str | None) -> None:
    filter = ((Field("year") >= "{{ x }}") & (Field("name") == "{{ x }}")).replace_texts(lambda _: rendered)
    literal = f"'{rendered}'" if isinstance(rendered, str) else rendered
    assert str(filter) == f"year >= {text or rendered} AND name = {literal}"
    filter.check_values()


@pytest.mark.parametrize("value", ["1 OR 1=1", "", "nan", "1e999", "0x10", "1_000", "٣", "1" * 5_000, None, True])
def test_a_value_that_is_not_a_number_is_refused_in_an_order_comparison(value: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^filter: .*(needs a number, got the text|must be|got)"):
        (Field("year") < "{% x %}").replace_texts(lambda _: value)


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, "both ' and \""])
def test_a_value_that_is_not_possible_is_refused_after_rendering(value: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^filter: "):
        (Field("a") == "{{ x }}").replace_texts(lambda _: value)


def test_a_template_that_is_no_literal_yet_is_not_sent() -> None:
    both = "{{ ti.xcom_pull('a')[\"b\"] }}"
    for filter in (Field("a") > "{{ x }}", (Field("b") == 1) & (Field("a") == both)):
        with pytest.raises(InvalidRequest, match=r"has the template .* which is not rendered"):
            Query(vector=[1], filter=filter)
        with pytest.raises(InvalidRequest, match="which is not rendered"):
            filter.matches({"a": 1, "b": 1})
    assert str(Field("a") > "{{ x }}") == "a > {{ x }}"
    assert str((Field("a") == both).replace_texts(lambda text: str(len(text)))) == f"a = '{len(both)}'"


def test_text_enumerations_are_their_text() -> None:
    class Genre(str, Enum):
        DRAMA = "drama"

    assert str(Field("genre") == Genre.DRAMA) == "genre = 'drama'"


def test_whole_numbers_of_64_bits_are_exact() -> None:
    snowflake = 1234567890123456789
    assert matches(Field("n") == snowflake, {"n": snowflake})
    assert not matches(Field("n") == snowflake + 1, {"n": snowflake})
    assert not matches(Field("n") > 10**30, {"n": snowflake})


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("city = 'Istanbul'", True),
        ('city = "Istanbul"', True),
        ("city = 'istanbul'", False),
        ("city != 'Ankara'", True),
        ("city != 'Istanbul'", False),
        ("nothing != 'x'", False),
        ("nothing = 'x'", False),
        ("population = 15460000", True),
        ("population = '15460000'", False),
        ("population > 1e7 and population <= 15460000", True),
        ("population >= 15460000.5", False),
        ("city > 5", False),
        ("is_capital = false", True),
        ("is_capital = 0", True),
        ("is_capital = FALSE", True),
        ("is_capital != true", True),
        ("is_capital > -1", False),
        ("geography.continent = 'Asia'", True),
        ("geography.coordinates.latitude >= 41", True),
        ("geography = '{}'", False),
        ("industries[0] = 'Tourism'", True),
        ("industries[#-1] = true", True),
        ("industries[#-3] = 'Textiles'", True),
        ("industries[9] = 'x'", False),
        ("city GLOB '?stan*'", True),
        ("city glob '[A-Z]*'", True),
        ("city GLOB 'i*'", False),
        ("city NOT GLOB 'A*'", True),
        ("population NOT GLOB 'A*'", False),
        ("city IN ('Ankara', 'Istanbul')", True),
        ("city NOT IN ('Ankara', 5, true)", True),
        ("nothing NOT IN ('x')", False),
        ("industries CONTAINS 'Tourism'", True),
        ("industries CONTAINS 3", True),
        ("industries CONTAINS 'tourism'", False),
        ("industries NOT CONTAINS 'Finance'", True),
        ("city CONTAINS 'Istanbul'", False),
        ("city NOT CONTAINS 'x'", False),
        ("HAS FIELD city", True),
        ("has field geography.coordinates", True),
        ("HAS FIELD empty", True),
        ("HAS NOT FIELD nothing", True),
        ("HAS NOT FIELD city", False),
        ("with-dash = 1", True),
        ("city = 'x' OR city = 'Istanbul' AND population < 5", False),
        ("(city = 'x' OR city = 'Istanbul') AND population > 5", True),
        ("city = 'x' AND population > 5 OR is_capital = 0", True),
        ("  ((city='Istanbul'))  ", True),
        ("nothing = 'x' OR city = 'Istanbul'", True),
        ("NOT_A_KEYWORD = 1 OR city='Istanbul'", True),
    ],
)
def test_the_language(filter: str, expected: bool) -> None:
    assert matches(filter) is expected


def test_vectors_without_metadata_match_only_what_they_lack() -> None:
    assert matches("HAS NOT FIELD city", None)
    assert not matches("city != 'x'", None)


@pytest.mark.parametrize(
    ("filter", "place", "problem"),
    [
        ("", "1:0", "expecting a field"),
        ("city", "1:4", "expecting a comparison, GLOB, IN, CONTAINS or NOT"),
        ("city =", "1:6", "expecting a string, a number, true or false"),
        ("city = Istanbul", "1:7", "expecting a string, a number, true or false"),
        ("city = 'x", "1:7", "token recognition error at: ''x'"),
        ("city = 'x' AND", "1:14", "expecting a field"),
        ("city = 'x' city", "1:11", "expecting AND, OR or the end"),
        ("city < 'x'", "1:7", "expecting a number"),
        ("city GLOB 5", "1:10", "expecting a string"),
        ("city IN 'x'", "1:8", "expecting '('"),
        ("city IN ('x' 'y')", "1:13", "expecting ',' or ')'"),
        ("city IN ()", "1:9", "expecting a string, a number, true or false"),
        ("city NOT = 'x'", "1:9", "expecting GLOB, IN or CONTAINS"),
        ("(city = 'x'", "1:11", "expecting AND, OR or ')'"),
        ("city = 'x')", "1:10", "expecting AND, OR or the end"),
        ("HAS city", "1:4", "expecting FIELD or NOT FIELD"),
        ("HAS NOT city", "1:8", "expecting FIELD"),
        ("a..b = 1", "1:1", "expecting a field such as a.b[0].c[#-1]"),
        ("a[x] = 1", "1:1", "expecting a field such as"),
        ("a = 1; DROP TABLE vector", "1:5", "token recognition error at: ';'"),
        ("a = 1 -- x", "1:6", "token recognition error at: '-'"),
        ("a = 12abc", "1:4", "token recognition error at: '1'"),
        ("5 = a", "1:0", "expecting a field"),
        ("(" * 60 + "a = 1" + ")" * 60, "1:50", "more than 50 nested parentheses"),
        ("a = 1\nAND b = [1]\n", "2:8", "token recognition error at: '['"),
        ("a = 1 AND\nb c", "2:2", "mismatched input 'c' expecting a comparison"),
        ("a =\n", "1:3", "mismatched input '<EOF>' expecting a string"),
        # the service's own response, recorded in https://github.com/mem0ai/mem0/issues/6880
        ('user_id = "u" AND age = [object Object]', "1:24", "token recognition error at: '['"),
    ],
)
def test_syntax_errors_have_line_column_and_problem(filter: str, place: str, problem: str) -> None:
    with pytest.raises(HttpError) as caught:
        parse(filter)
    assert caught.value.status == 400
    assert caught.value.message.startswith(f"Invalid filter. At line {place} ")
    assert problem in caught.value.message


@given(
    st.text()
    | st.lists(st.sampled_from(["a", "=", "1", "'x'", "(", ")", "AND", "NOT", "IN", "HAS", "FIELD", ","])).map(
        " ".join
    )
)
def test_any_text_is_parsed_or_rejected(text: str) -> None:
    with contextlib.suppress(HttpError):
        condition = where(parse(text))
        assert condition.sql.count("?") == len(condition.parameters)
        matches(text)
