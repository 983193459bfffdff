"""The command line: ``python -m airflow_provider_upstash_vector.bulk updates.jsonl --url https://…``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from importlib import import_module
from typing import Any

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.client.errors import UpstashVectorError

TOKEN_VARIABLE = "UPSTASH_VECTOR_REST_TOKEN"  # noqa: S105 - the variable's name
URL_VARIABLE = "UPSTASH_VECTOR_REST_URL"
_OK, _FAILED, _UNUSABLE = 0, 1, 2


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; options are named as ``bulk.update``'s arguments."""
    made = argparse.ArgumentParser(
        prog="python -m airflow_provider_upstash_vector.bulk",
        description="Update many vectors from files. Prints the report as JSON; ends with 1 where rows are "
        "left or too many have failed.",
        epilog=f"The token is read from {TOKEN_VARIABLE}, or from the Airflow connection.",
    )
    made.add_argument("rows", nargs="+", help="JSON Lines, CSV or Parquet files (.gz, .zst), globs")
    where = made.add_mutually_exclusive_group()
    where.add_argument("--url", help=f"the index's REST URL; else {URL_VARIABLE}")
    where.add_argument("--conn-id", help="an Airflow connection; also reads URIs of object stores")
    made.add_argument("--namespace", help="for rows that give none")
    made.add_argument("--metadata-update-mode", choices=["OVERWRITE", "PATCH"], help="for rows that give none")
    made.add_argument("--concurrency", type=int, metavar="N", help="requests in flight (64)")
    made.add_argument("--max-requests-per-second", type=float, metavar="N")
    made.add_argument(
        "--max-failures", type=_count_or_fraction, metavar="N", help="a count, or a fraction as 0.01"
    )
    made.add_argument("--on-missing", choices=["count", "fail"])
    made.add_argument("--failures-path", metavar="FILE", help="rows that were rejected or failed, as JSON Lines")
    made.add_argument("--checkpoint", metavar="FILE", help="go on from here, if a run was ended early")
    made.add_argument("--daily-budget", type=int, metavar="N", help="requests per day of UTC")
    made.add_argument("--on-budget", choices=["fail", "return"])
    made.add_argument("--time-limit-seconds", type=float, metavar="N")
    made.add_argument("--no-check-index", dest="check_index", action="store_false", default=None)
    made.add_argument("--dry-run", action="store_true", default=None, help="read and check, send nothing")
    made.add_argument("--shard", type=_shard, metavar="I/N", help="part I, from 0, of N")
    made.add_argument("--format", choices=["jsonl", "csv", "parquet"])
    for field in ("id", "vector", "sparse-vector", "data", "metadata", "metadata-update-mode", "namespace"):
        made.add_argument(f"--{field}-field", metavar="NAME", help=argparse.SUPPRESS if field != "id" else None)
    made.add_argument("--progress", choices=["auto", "bar", "log", "none"])
    return made


def _count_or_fraction(text: str) -> float:
    return int(text) if text.isdigit() else float(text)


def _shard(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    return int(number), int(of)


def _run(rows: list[str], url: str | None, conn_id: str | None, options: dict[str, Any]) -> bulk.BulkReport:
    if conn_id is not None:  # the only thing here that needs Airflow
        hooks = import_module("airflow_provider_upstash_vector.hooks.upstash_vector")
        report: bulk.BulkReport = hooks.UpstashVectorHook(conn_id).bulk_update(rows, **options)
        return report
    endpoint = Endpoint.of(url or os.environ.get(URL_VARIABLE), os.environ.get(TOKEN_VARIABLE))
    return bulk.update(rows, endpoint, **options)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    given = vars(parser().parse_args(arguments))
    rows, url, conn_id = (given.pop(name) for name in ("rows", "url", "conn_id"))
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        report = _run(rows, url, conn_id, {name: value for name, value in given.items() if value is not None})
    except bulk.BulkJobFailed as error:
        print(json.dumps(error.report.to_dict()))  # noqa: T201 - the program's output
        print(f"error: {error.args[1]}", file=sys.stderr)  # noqa: T201 - as above
        return _FAILED
    except (UpstashVectorError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - as above
        return _UNUSABLE
    print(json.dumps(report.to_dict()))  # noqa: T201 - as above
    return _OK


if __name__ == "__main__":
    sys.exit(main())
