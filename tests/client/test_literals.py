from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_upstash_vector.client import literals


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("[1, null]", [1, None]), ("[1, None]", [1, None]), ("1", 1), ("'x'", "x"), ("['a', '']", ["a", ""])),
        (" {'a': (1,)}\n", {"a": (1,)}),
        ("[\"it's 'a' 'b'\", '\"']", ["it's 'a' 'b'", '"']),
    ],
)
def test_json_and_python_literals(text: str, value: Any) -> None:
    assert literals.loads(text) == value


@pytest.mark.parametrize("text", ["['a' 'b']", "{'x': ['a'\n 'b']}", "['a', 'b''c']", "[b'a' b'b']"])
def test_texts_side_by_side_are_not_joined(text: str) -> None:
    with pytest.raises(ValueError, match="no comma separates two texts, as when numpy prints an array"):
        literals.loads(text)


@pytest.mark.parametrize("text", ["", "x", "[NaN]", "[1 2]", "f()", "[" * 5_000, "['" + "x" * 2**20 + "']"])
def test_other_text(text: str) -> None:
    with pytest.raises(ValueError, match="literal"):
        literals.loads(text)
