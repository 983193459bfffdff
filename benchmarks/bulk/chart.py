"""The chart of the results: rates of all contenders, and the ratio of each measurement to its target."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.bulk.contenders import DIMENSION
from benchmarks.bulk.results import Results
from benchmarks.bulk.rounds import median, rate

_OURS, _OTHERS, _MISSED = "#00875a", "#8b95a1", "#c9372c"
_NAMES = {
    "ours": "bulk.update",
    "bare": "bare aiohttp",
    "vendor_async": "upstash-vector AsyncIndex",
    "vendor_sync": "upstash-vector Index",
    "mapped_tasks": "one mapped task per row",
    "rows_100k": "bulk.update, 100,000 rows",
    "rows_1m": "bulk.update, 1,000,000 rows",
}
_PARTS = {
    "metadata": "metadata",
    "numpy": f"{DIMENSION:,} dimensions, numpy",
    "lists": f"{DIMENSION:,} dimensions, lists",
    "vendor": "metadata, beside the SDK",
    "delay_20": "20 ms, 64 connections",
    "delay_500": "500 ms, 512 connections",
    "files": "JSON Lines",
    "mapped": "metadata, beside Airflow",
}


def draw(results: Results, folder: Path) -> None:
    """Write ``bulk.png`` and ``bulk.svg``: the same results give the same bytes."""
    with mpl.rc_context({"svg.hashsalt": "bulk", "font.size": 9, "font.family": "DejaVu Sans"}):
        bars = _rates(results)
        heights = [max(len(bars), 2), max(len(results.measurements), 2)]
        figure = Figure(figsize=(11, 1.8 + 0.3 * sum(heights)), layout="constrained")
        upper, lower = figure.subplots(2, 1, height_ratios=heights)
        _draw_rates(upper, bars)
        _draw_headroom(lower, results)
        figure.savefig(folder / "bulk.png", dpi=90, metadata={"Software": None}, pil_kwargs={"optimize": True})
        figure.savefig(folder / "bulk.svg", metadata={"Date": None})


def _rates(results: Results) -> list[tuple[str, float, str]]:
    """Return label, rate and colour of each bar.

    Each part has its own bar of bulk.update, since the load of the machine may differ between parts.
    """
    return [
        (
            f"{_PARTS[part]}: {_NAMES[name]}",
            median(own, rate),
            _OURS if name == "ours" or part == "files" else _OTHERS,
        )
        for part, runs in results.runs.items()
        for name, own in runs.items()
    ]


def _draw_rates(axes: Axes, bars: list[tuple[str, float, str]]) -> None:
    labels, values, colours = [list(column) for column in zip(*bars, strict=True)] if bars else ([], [], [])
    _draw_bars(axes, (labels, values, colours), [f"{value:,.{0 if value >= 10 else 1}f}" for value in values])
    axes.set_title("Updates per second, medians (log scale)", loc="left", weight="bold")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def _draw_headroom(axes: Axes, results: Results) -> None:
    labels = [item.title for item in results.measurements]
    values = [item.headroom for item in results.measurements]
    colours = [_OURS if item.ok else _MISSED for item in results.measurements]
    texts = [
        f"{item.value:,.{0 if item.value >= 100 else 2}f} {item.unit} ({item.target})"
        for item in results.measurements
    ]
    _draw_bars(axes, (labels, values, colours), texts, start=0.1)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_title("Ratio to the target, met from 1 on (log scale)", loc="left", weight="bold")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _draw_bars(
    axes: Axes, bars: tuple[list[str], list[float], list[str]], texts: list[str], start: float = 1
) -> None:
    labels, values, colours = bars
    places = range(len(values))
    axes.set_xscale("log")
    left = min([start, *(value / 2 for value in values)])
    axes.set_xlim(left, max([10, *values]) * 12)  # room for the texts
    drawn = axes.barh(places, values, color=colours, height=0.7)
    axes.bar_label(drawn, texts, padding=4, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1}, zorder=4)
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, axis="x", alpha=0.3)
    axes.set_axisbelow(True)
