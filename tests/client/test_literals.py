from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_upstash_vector.client import literals


@pytest.mark.parametrize(
    ("text", "value"),
    [("[1, null]", [1, None]), ("[1, None]", [1, None]), (" {'a': (1,)}\n", {"a": (1,)}), ("1", 1), ("'x'", "x")],
)
def test_json_and_python_literals(text: str, value: Any) -> None:
    assert literals.loads(text) == value


@pytest.mark.parametrize("text", ["", "x", "[NaN]", "[1 2]", "f()", "[" * 5_000, "['" + "x" * 2**20 + "']"])
def test_other_text(text: str) -> None:
    with pytest.raises(ValueError, match="literal"):
        literals.loads(text)
