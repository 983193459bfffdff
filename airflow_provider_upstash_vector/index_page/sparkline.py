"""A vector as a picture: one bar for each dimension, or for a few neighbours, around the zero line."""

from __future__ import annotations

import math
from collections.abc import Sequence

MAX_BARS = 64
HEIGHT = 24
BAR_WIDTH = 3


def sparkline(vector: Sequence[float], max_bars: int = MAX_BARS, height: int = HEIGHT) -> tuple[int, str]:
    """Return the width of the picture, and its bars as the ``d`` of an SVG path with strokes.

    A bar spans the lowest and the highest value of its dimensions, and zero; the largest has the full height.
    """
    values = [value if math.isfinite(value) else 0.0 for value in vector]
    count = min(len(values), max_bars)
    bars = [values[len(values) * n // count : len(values) * (n + 1) // count] for n in range(count)]
    largest = max((abs(value) for value in values), default=0.0) or 1.0
    middle = height / 2
    half = middle - 1
    path = [
        f"M{n * BAR_WIDTH + 1.5:g} {middle - half * max(0.0, *bar) / largest - 0.5:.1f}"
        f"V{middle - half * min(0.0, *bar) / largest + 0.5:.1f}"
        for n, bar in enumerate(bars)
    ]
    return max(count, 1) * BAR_WIDTH, "".join(path)
