"""Tokens of runs on one checkpoint, in the order in which the runs started: the newest run has the greatest."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

_RUN = re.compile(r"(\d{20})-[0-9a-f]{16}")
_NANOSECONDS = 10**9


def next_run(previous: str) -> str:
    """Return a unique token, greater than ``previous`` even if the clock was set back meanwhile."""
    started = max(time.time_ns(), _started_ns(previous) + 1)
    return f"{started:020d}-{secrets.token_hex(8)}"


def run_of(state: Mapping[str, Any]) -> str:
    """Return the token of the run that saved a checkpoint; ``""`` if there is none."""
    run = state.get("run")
    return run if isinstance(run, str) and _RUN.fullmatch(run) else ""


def started_at(run: str) -> str:
    """Return when a run started, in UTC."""
    return utc(_started_ns(run) / _NANOSECONDS)


def utc(seconds: float) -> str:
    """Return a time in seconds since 1970 as text."""
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def _started_ns(run: str) -> int:
    token = _RUN.fullmatch(run)
    return int(token[1]) if token else 0
