"""The check of queries whose results are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import NamedTuple

import orjson

from airflow_provider_upstash_vector.bulk.checking.base import Check, CheckResult, checked_share
from airflow_provider_upstash_vector.bulk.checking.namespaces import CheckedNamespace
from airflow_provider_upstash_vector.bulk.sources import FindPaths, InvalidRows
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath, found_files
from airflow_provider_upstash_vector.client import Query, validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models.queries import MAX_TOP_K
from airflow_provider_upstash_vector.plurals import plural

_FIELDS = {"vector", "sparse_vector", "data", "filter", "weighting_strategy", "fusion_algorithm", "query_mode"}


class GoldQuery(NamedTuple):
    """A query, and the ids that it should find."""

    query: Query
    ids: frozenset[str]
    line: int = 0


@dataclass(frozen=True)
class GoldQueries(Check):
    """Queries of a file find the ids that it has for them: the mean recall is at least ``least``.

    The file has JSON Lines with ``data`` or ``vector``, what else a query has, and ``ids``. The recall of a query
    is the share of its ids among the first ``recall_at`` results, or of ``recall_at`` ids if there are more. With
    ``not_below_baseline``, the same queries run in the baseline, whose mean recall may be higher by that much.
    """

    path: str
    recall_at: int = 10
    least: float = 0.9
    not_below_baseline: float | None = None
    queries: Sequence[GoldQuery] = field(default=(), repr=False)

    uses = ()

    def __post_init__(self) -> None:
        """Raise ``InvalidRequest`` for an invalid number."""
        validation.text(self.path, "path")
        validation.whole_number(self.recall_at, "recall_at", MAX_TOP_K)
        checked_share(self.least, "least")
        if self.not_below_baseline is not None:
            checked_share(self.not_below_baseline, "not_below_baseline")

    @property
    def needs_baseline(self) -> bool:
        """Whether ``not_below_baseline`` is set."""
        return self.not_below_baseline is not None

    def prepare(self, find_paths: FindPaths) -> GoldQueries:
        """Read the file. Raises ``InvalidRows`` if it has no queries, or a bad one."""
        paths = found_files(self.path, find_paths)
        queries = tuple(query for path in paths for query in read_queries(path, self.recall_at))
        if not queries:
            raise InvalidRows(f"{self.path} has no queries")
        return replace(self, queries=queries)

    async def run(self, index: CheckedNamespace) -> CheckResult:
        """Return the mean recall."""
        recalls = await self._recalls(index)
        recall = fmean(recalls)
        before = None
        least, expected = self.least, f"at least {self.least:.2%}"
        if index.baseline and self.not_below_baseline is not None:
            before = fmean(await self._recalls(index.baseline))
            least = max(least, before - self.not_below_baseline)
            expected += f", and at most {self.not_below_baseline:.2%} below the baseline's {before:.2%}"
        worst = sorted(zip(recalls, self.queries, strict=True), key=lambda pair: pair[0])
        passed = recall >= least - 1e-9
        return self.result(
            passed=passed,
            value=recall,
            sentence=f"The mean recall of {plural(len(recalls), 'query', 'queries')} at {self.recall_at:,} is "
            f"{recall:.2%}; expected {expected}.{'' if passed else await self._unknown_ids(index)}",
            baseline=before,
            examples=[f"line {query.line}" for found, query in worst if found < 1],
        )

    async def _unknown_ids(self, index: CheckedNamespace) -> str:
        """Return a sentence on the ids that no query can find."""
        ids = sorted({id for query in self.queries for id in query.ids})
        unknown = [id for id, vector in zip(ids, await index.fetch(ids), strict=True) if vector is None]
        return f" {len(unknown):,} of the {len(ids):,} ids are not in the namespace." if unknown else ""

    async def _recalls(self, index: CheckedNamespace) -> list[float]:
        results = await index.query(query.query for query in self.queries)
        return [
            len(query.ids & {result.id for result in found}) / min(len(query.ids), self.recall_at)
            for query, found in zip(self.queries, results, strict=True)
        ]


def read_queries(path: OpenablePath, recall_at: int) -> Iterator[GoldQuery]:
    """Yield the queries of JSON Lines. Raises ``InvalidRows`` if there is no file, or with a bad line's number."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise InvalidRows(f"there is no file {path}") from None
    with file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _parsed(line, recall_at, f"{path}, line {number}")._replace(line=number)


def _parsed(line: bytes, recall_at: int, place: str) -> GoldQuery:
    try:
        fields = orjson.loads(line)
        ids = fields.pop("ids", None) if isinstance(fields, dict) else None
        if not isinstance(ids, list) or not ids:
            raise InvalidRequest("ids", "the line must be an object with a list of ids")
        if unknown := fields.keys() - _FIELDS:
            raise InvalidRequest("query", f"has the unknown field {min(unknown)!r}")
        return GoldQuery(Query(**fields, top_k=recall_at), frozenset(map(validation.vector_id, ids)))
    except (ValueError, InvalidRequest) as error:
        raise InvalidRows(f"{place}: {error}") from None
