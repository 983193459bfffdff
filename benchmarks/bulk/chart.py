"""The chart of the results: the rates of this provider, bare aiohttp, the vendor's SDK and mapped tasks."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.bulk.contenders import DIMENSION
from benchmarks.bulk.results import Results
from benchmarks.bulk.rounds import median, rate

_OURS, _OTHERS = "#00875a", "#8b95a1"
_NAMES = {
    "ours": "this provider",
    "ours_parquet": "this provider, from Parquet",
    "bare": "bare aiohttp",
    "vendor_async": "upstash-vector AsyncIndex",
    "vendor_sync": "upstash-vector Index",
    "mapped_tasks": "one mapped task per row",
}
# what users compare: parts with the contenders of each
_SHOWN = {
    "vendor": "update of metadata",
    "metadata": "update of metadata, beside aiohttp",
    "mapped": "update of metadata, beside Airflow",
    "numpy": f"update of {DIMENSION:,} dimensions",
    "upsert_100": f"upsert of {DIMENSION:,} dimensions, 100 rows a request",
    "upsert_1000": f"upsert of {DIMENSION:,} dimensions, 1,000 rows a request",
}


def draw(results: Results, folder: Path) -> None:
    """Write ``bulk.png`` and ``bulk.svg``: the same results give the same bytes."""
    with mpl.rc_context({"svg.hashsalt": "bulk", "font.size": 9, "font.family": "DejaVu Sans"}):
        bars = _bars(results)
        figure = Figure(figsize=(11, 1.5 + 0.3 * max(len(bars), 2)), layout="constrained")
        axes = figure.subplots()
        places = range(len(bars))
        axes.set_xscale("log")
        axes.set_xlim(1, max([10, *(value for _, value, _ in bars)]) * 4)  # room for the texts
        drawn = axes.barh(
            places, [value for _, value, _ in bars], color=[colour for *_, colour in bars], height=0.7
        )
        texts = [f"{value:,.{0 if value >= 10 else 1}f}" for _, value, _ in bars]
        axes.bar_label(drawn, texts, padding=4)
        axes.set_yticks(places, [label for label, *_ in bars])
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, axis="x", alpha=0.3)
        axes.set_axisbelow(True)
        axes.set_title("Rows per second, medians (log scale)", loc="left", weight="bold")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        figure.savefig(folder / "bulk.png", dpi=90, metadata={"Software": None}, pil_kwargs={"optimize": True})
        figure.savefig(folder / "bulk.svg", metadata={"Date": None})


def _bars(results: Results) -> list[tuple[str, float, str]]:
    """Return label, rate and colour of each bar.

    Each part has its own bar of this provider, since the load of the machine may differ between parts.
    """
    return [
        (f"{title}: {_NAMES[name]}", median(own, rate), _OURS if name.startswith("ours") else _OTHERS)
        for part, title in _SHOWN.items()
        for name, own in results.runs.get(part, {}).items()
        if name in _NAMES
    ]
