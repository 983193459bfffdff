"""Resumable queries, each active until it is ended or idle for too long."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_upstash_vector.dev_server.models import Include
from airflow_provider_upstash_vector.dev_server.ranking import Floats, Ranking, fused
from airflow_provider_upstash_vector.dev_server.responses import bad_request

# 100 is the service's default according to its developers (github.com/upstash/vector-js, pull request 42).
MAX_ACTIVE = 100


@dataclass(slots=True)
class ResumableQuery:
    """What is left of the rankings when the query was started; several are fused by ``normalise``."""

    namespace: str
    rankings: list[Ranking]
    normalise: Callable[[Ranking], Floats]
    include: Include
    max_idle_seconds: float
    expires: float = 0.0

    def take(self, count: int) -> Ranking:
        """Return the next ``count`` rows: those of the first ``count`` of each ranking, fused."""
        parts = [ranking.first(count) for ranking in self.rankings]
        taken = parts[0] if len(parts) == 1 else fused(parts, self.normalise).first(count)
        self.rankings = [ranking.without(taken.numbers) for ranking in self.rankings]
        return taken


class ResumableQueries:
    """The active queries by uuid."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._active: dict[str, ResumableQuery] = {}

    def start(self, query: ResumableQuery) -> str:
        """Add a query; return its uuid. Raises ``HttpError`` if too many are active."""
        self._drop_idle()
        if len(self._active) >= MAX_ACTIVE:
            raise bad_request(f"Too many active resumable queries, at most {MAX_ACTIVE}")
        name = str(uuid.uuid4())
        self._active[name] = query
        self._touch(query)
        return name

    def resume(self, name: object) -> ResumableQuery:
        """Return an active query and restart its idle time. Raises ``HttpError`` if it is not active."""
        self._drop_idle()
        if not isinstance(name, str) or name not in self._active:
            raise bad_request(f"There is no active resumable query with uuid {name}")
        query = self._active[name]
        self._touch(query)
        return query

    def end(self, name: object) -> None:
        """End an active query."""
        self.resume(name)
        del self._active[str(name)]

    def clear(self) -> None:
        """End all queries."""
        self._active.clear()

    def _touch(self, query: ResumableQuery) -> None:
        query.expires = self._clock() + query.max_idle_seconds

    def _drop_idle(self) -> None:
        now = self._clock()
        self._active = {name: query for name, query in self._active.items() if query.expires > now}
