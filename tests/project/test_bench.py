"""`make bench` completes and writes all measurements, without mapped tasks, which take minutes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# the others run the same code
PARTS = "proxy_metadata,upsert_100,vendor,delays,bytes,files,exports,copy,sync"
MEASURED = [
    "proxy_metadata_bare",
    *(
        f"upsert_100_{source}_{other}"
        for source in ("numpy", "parquet")
        for other in ("bare", "vendor_sync", "ready")
    ),
    "vendor_async",
    "vendor_sync",
    "delay_20",
    "delay_500",
    "bytes",
    "file_memory",
    "file_memory_growth",
    "file_seconds",
    "file_cpu_seconds",
    "export_range",
    "export_range_0",
    "export_memory_growth",
    "copy",
    "copy_dev_servers",
    "copy_memory_growth",
    "sync_rate",
    "sync_memory",
    "sync_memory_growth",
    "sync_join",
]
CONTENDERS = {
    "proxy_metadata": ["ours", "bare"],
    "upsert_100": ["ours", "ours_parquet", "bare", "ready", "vendor_sync"],
    "upsert_100_delay": ["ours", "ours_parquet", "ready"],
    "vendor": ["ours", "vendor_async", "vendor_sync"],
    "delay_20": ["ours", "bare"],
    "delay_500": ["ours", "bare"],
    "files": ["rows_100k", "rows_1m"],
    "export_range": ["export", "range_loop"],
    "export_range_0": ["export", "range_loop"],
    "export_memory": ["many", "few"],
    "copy": ["ours", "bare"],
    "copy_dev_servers": ["ours", "bare"],
    "copy_memory": ["many", "few"],
    "sync": ["few", "many", "join"],
}


def test_all_measurements_are_in_the_json_and_the_chart(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.bulk", "--quick", "--runs", "1", "--only", PARTS]
    process = subprocess.run(
        [*command, "--results", tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )

    assert "Traceback" not in process.stderr
    assert (tmp_path / "bulk.json").exists(), process.stderr
    results = json.loads((tmp_path / "bulk.json").read_text())
    assert [measured["key"] for measured in results["measurements"]] == MEASURED
    assert process.returncode == (not all(measured["ok"] for measured in results["measurements"]))
    assert {part: [*runs] for part, runs in results["runs"].items()} == CONTENDERS
    assert {part: [*medians] for part, medians in results["medians"].items()} == CONTENDERS
    assert all(run["rows"] > 0 for runs in results["runs"].values() for own in runs.values() for run in own)
    assert results["load_average"].keys() == CONTENDERS.keys()
    assert results["machine"]["libraries"].keys() >= {"aiohttp", "orjson", "upstash-vector"}
    assert (tmp_path / "bulk.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "bulk.svg").read_text().rstrip().endswith("</svg>")
    for measured in results["measurements"]:
        assert measured["title"] in process.stdout
