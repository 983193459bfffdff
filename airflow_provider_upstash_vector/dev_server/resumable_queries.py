"""Queries that go on where they left off, until they are ended or nobody has asked for a while."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_upstash_vector.dev_server.errors import bad_request
from airflow_provider_upstash_vector.dev_server.ranking import Ranking
from airflow_provider_upstash_vector.dev_server.records import Include

# 100 is the service's default according to its developers (github.com/upstash/vector-js, pull request 42).
MAX_ACTIVE = 100


@dataclass(slots=True)
class ResumableQuery:
    """A ranking as it was when the query began, and how much of it has been given out."""

    namespace: str
    ranking: Ranking
    include: Include
    max_idle_seconds: float
    given: int = 0
    expires: float = 0.0

    def take(self, count: int) -> Ranking:
        """Return the next ``count`` rows."""
        start, self.given = self.given, self.given + count
        return Ranking(self.ranking.numbers[start : self.given], self.ranking.scores[start : self.given])


class ResumableQueries:
    """The active queries by uuid."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._active: dict[str, ResumableQuery] = {}

    def start(self, query: ResumableQuery) -> str:
        """Keep a query; return its uuid."""
        self._drop_idle()
        if len(self._active) >= MAX_ACTIVE:
            raise bad_request(f"Too many active resumable queries, at most {MAX_ACTIVE}")
        name = str(uuid.uuid4())
        self._active[name] = query
        self._touch(query)
        return name

    def resume(self, name: object) -> ResumableQuery:
        """Return an active query, whose idle time begins anew."""
        self._drop_idle()
        if not isinstance(name, str) or name not in self._active:
            raise bad_request(f"There is no active resumable query with uuid {name}")
        query = self._active[name]
        self._touch(query)
        return query

    def end(self, name: object) -> None:
        """Forget an active query."""
        self.resume(name)
        del self._active[str(name)]

    def clear(self) -> None:
        """Forget all queries."""
        self._active.clear()

    def _touch(self, query: ResumableQuery) -> None:
        query.expires = self._clock() + query.max_idle_seconds

    def _drop_idle(self) -> None:
        now = self._clock()
        self._active = {name: query for name, query in self._active.items() if query.expires > now}
