"""Short texts of values, and vectors as pictures."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_upstash_vector.index_page import formats
from airflow_provider_upstash_vector.index_page.sparkline import sparkline


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1,023 B"), (1024, "1.0 KB"), (1024**4 * 5000, "5,000.0 TB")]
)
def test_sizes(size: int, text: str) -> None:
    assert formats.size(size) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.0432, "43 ms"), (1.25, "1.2 s"), (125, "2 min 5 s")])
def test_durations(seconds: float, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "just now"), (59, "just now"), (60, "1 minute ago"), (90_000, "1 day ago")]
)
def test_ages(seconds: int, text: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert formats.ago(now - timedelta(seconds=seconds), now) == text


@pytest.mark.parametrize(
    ("vector", "bars"),
    [([0.0], 1), ([1.0, -1.0], 2), ([1e30, float("nan"), float("inf")], 3), ([0.1] * 65, 64), ([0.1] * 5376, 64)],
)
def test_a_picture_has_a_bar_for_each_dimension_up_to_its_width(vector: list[float], bars: int) -> None:
    width, path = sparkline(vector)
    points = [
        (float(x), float(top), float(bottom)) for x, top, bottom in re.findall(r"M(\S+) (\S+?)V([\d.]+)", path)
    ]
    assert len(points) == bars
    assert all(0 <= x <= width and 0 <= top <= bottom <= 24 for x, top, bottom in points)


def test_a_picture_has_every_peak() -> None:
    vector = [0.0] * 6400
    vector[4321] = -2.0
    _, path = sparkline(vector)
    assert path.count("V23.5") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("line\r\nline\n\tcolumn", "line\r\nline\n\tcolumn"),
        ("a\rb", "a\\u000db"),
        ("a\u00a0b\u3000c", "a\u00a0b\u3000c"),
        ("\U0001f469\u200d\U0001f52c \u2764\ufe0f", "\U0001f469\u200d\U0001f52c \u2764\ufe0f"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("movie\u200d-1\u200c", "movie\\u200d-1\\u200c"),
        ("\u200d", "\\u200d"),
        ("a\ufe0f", "a\\ufe0f"),
        ("a\U000e0041\u2028\u3164\x7f", "a\\U000e0041\\u2028\\u3164\\u007f"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text: str, expected: str) -> None:
    assert formats.visible(text) == expected
