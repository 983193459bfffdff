"""How many requests a process can have in flight."""

from __future__ import annotations

import logging
import resource

log = logging.getLogger(__name__)


def concurrency_ceiling(max_concurrency: int) -> int:
    """Return ``max_concurrency``, or half of the files that the process may open, and log it, if that is less."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY or max_concurrency <= files // 2:
        return max_concurrency
    ceiling = max(1, files // 2)
    log.info(
        "At most %s requests will be in flight, not %s: the process may open %s files (ulimit -n).",
        f"{ceiling:,}",
        f"{max_concurrency:,}",
        f"{files:,}",
    )
    return ceiling
