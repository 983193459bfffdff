from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.operators.base.arguments import optional_text, rendered_value


@pytest.mark.parametrize(
    ("rendered", "value"),
    [
        ("[0.1, 0.2]", [0.1, 0.2]),
        ("(0.1, 0.2)", (0.1, 0.2)),
        ('{"a": null, "b": true}', {"a": None, "b": True}),
        ("{'a': None, 'b': True}", {"a": None, "b": True}),
        ("{'note': 'None'}", {"note": "None"}),
        ('{"note": "1e5"}', {"note": "1e5"}),
        (' \n{"a": 1}\n', {"a": 1}),
        ('{"big": 12345678901234567890123}', {"big": 12345678901234567890123}),
        ("", None),
        ("  ", None),
        ("None", None),
        ("null", None),
        ([0.1], [0.1]),
        ({"a": "{}"}, {"a": "{}"}),
        (None, None),
    ],
)
def test_texts_are_parsed_as_json_or_python(rendered: Any, value: Any) -> None:
    assert rendered_value(rendered, "metadata", "a JSON object") == value


@pytest.mark.parametrize(
    "rendered",
    [
        "[0.1 0.2]",
        "nan",
        "[NaN]",
        "__import__('os')",
        "{'a': datetime.date(2026, 1, 1)}",
        "[" * 5000,
        "0.1, 0.2,"[:-1] + " x",
    ],
)
def test_other_texts_are_rejected_with_field_value_and_expectation(rendered: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        rendered_value(rendered, "vector", "a list of numbers")
    assert caught.value.field == "vector"
    assert caught.value.reason == f"must be a list of numbers, got the text {rendered[:60]!r}"


@pytest.mark.parametrize(("value", "text"), [("00123", "00123"), ("None", "None"), (5, "5"), ("", "")])
def test_texts_stay_as_they_are(value: Any, text: str) -> None:
    assert optional_text(value, "vector_id") == text


@pytest.mark.parametrize("value", [1e5, True, ["a"], b"a"])
def test_values_of_unknown_original_text_are_rejected(value: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"vector_id: must be text, .*, got"):
        optional_text(value, "vector_id")
