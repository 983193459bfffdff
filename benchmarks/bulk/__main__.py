"""Benchmark of ``bulk.update`` and ``bulk.upsert`` against bare aiohttp, the vendor's SDK and mapped tasks.

Prints each figure and its target, saves them as JSON and as a chart, and exits with code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.bulk.bench import Bench
from benchmarks.bulk.chart import draw
from benchmarks.bulk.parts import PARTS
from benchmarks.bulk.results import Results
from benchmarks.bulk.sinks import nginx

_RESULTS = Path(__file__).parent.parent / "results"


def main() -> None:
    """Run the parts that the command line names."""
    arguments = _arguments()
    results = Results()
    folder = arguments.results
    if folder is None and arguments.only == list(PARTS) and not arguments.quick:
        folder = _RESULTS
    with nginx() as sinks:
        bench = Bench(sinks=sinks, rounds=arguments.runs, quick=arguments.quick, results=results)
        for name in arguments.only:
            PARTS[name](bench)
            if folder is not None:  # after each part: all of them take minutes
                results.save(folder / "bulk.json")
                draw(results, folder)
    print(f"\nMedians of {arguments.runs} interleaved runs", *results.measurements, sep="\n")
    sys.exit(not results.ok)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=__doc__)
    parser.add_argument("--only", type=_parts, default=list(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--runs", type=int, default=5, help="interleaved runs of each contender (5)")
    parser.add_argument("--quick", action="store_true", help="few rows: checks that it works, not how fast")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="where JSON and chart are saved; by default benchmarks/results, for a complete benchmark only",
    )
    return parser.parse_args()


def _parts(names: str) -> list[str]:
    selected = names.split(",")
    if unknown := set(selected) - set(PARTS):
        raise argparse.ArgumentTypeError(f"unknown part: {', '.join(sorted(unknown))}")
    return [name for name in PARTS if name in selected]


if __name__ == "__main__":
    main()
