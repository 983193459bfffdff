"""A run of checks: prepares them, samples the namespace, and reports their results."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from airflow_provider_upstash_vector.bulk.api import blocking
from airflow_provider_upstash_vector.bulk.checking.base import PARTS, Check, CheckResult
from airflow_provider_upstash_vector.bulk.checking.namespaces import CheckedNamespace
from airflow_provider_upstash_vector.bulk.checking.report import CheckReport
from airflow_provider_upstash_vector.bulk.reading.paced import PacedClient
from airflow_provider_upstash_vector.bulk.sources import FindPaths, local_paths
from airflow_provider_upstash_vector.bulk.stopping import Stopped, unless_stopped
from airflow_provider_upstash_vector.cancellation import CancelToken, in_thread
from airflow_provider_upstash_vector.client import (
    Credentials,
    Endpoint,
    IndexInfo,
    RetryPolicy,
    validation,
)
from airflow_provider_upstash_vector.client.errors import Cancelled, InvalidRequest, UpstashVectorError

MAX_SAMPLE = 10_000  # with 1,536 dimensions, each takes 50 KB of memory


def checked_checks(checks: object) -> Sequence[Check]:
    """Return the checks. Raises ``InvalidRequest`` unless they are a list of at least one, with known ``uses``."""
    if not isinstance(checks, list | tuple) or not checks or not all(isinstance(one, Check) for one in checks):
        raise InvalidRequest("checks", f"must be a list of checks, e.g. [NoZeroVectors()], got {checks!r:.60}")
    for check in checks:
        if isinstance(check.uses, str) or not PARTS.issuperset(check.uses):
            parts = ", ".join(sorted(PARTS))
            raise InvalidRequest("checks", f"uses of {check.name} must be a tuple of {parts}, got {check.uses!r}")
    return checks


def check_baseline(checks: Iterable[Check], baseline: object, namespace: object) -> None:
    """Raise ``InvalidRequest`` if the baseline is missing, or the same namespace."""
    for check in checks:
        if check.needs_baseline and baseline is None:
            raise InvalidRequest("baseline", f"must be set, since {check.name} compares with it")
    if isinstance(baseline, str) and isinstance(namespace, str) and baseline == namespace:
        raise InvalidRequest("baseline", "must be another namespace than the one that is checked")


async def check_async(
    endpoint: Endpoint | Credentials,
    *,
    checks: Sequence[Check],
    namespace: str = "",
    baseline: str | None = None,
    sample: int = 1_000,
    seed: int = 0,
    policy: RetryPolicy | None = None,
    cancel_token: CancelToken | None = None,
    find_paths: FindPaths = local_paths,
) -> CheckReport:
    """Run checks of a namespace, on the running event loop; return the report, also if checks failed.

    Nothing is written. The sample is read once for all checks: the ids with the smallest hashes of seed and id, so
    that a later run with the same ``seed`` checks the same vectors.

    Raises ``InvalidRequest`` or ``InvalidRows`` before anything is sent, and the errors of the client. A check of
    your own that raises another error has failed.

    :param endpoint: URL and token of the index, for which the read-only token is enough.
    :param checks: the checks, in the order of the report.
    :param namespace: the namespace; ``""`` for the index's default one.
    :param baseline: a namespace of the same index to compare with.
    :param sample: the number of vectors to read, up to 10,000.
    :param seed: another one selects other vectors.
    :param policy: the retries and timeouts of one request.
    :param cancel_token: cancels the run from another thread.
    :param find_paths: turns a path or URI into paths; by default those of this machine's disk.
    """
    name = validation.identifier(namespace, "namespace")
    before = None if baseline is None else validation.identifier(baseline, "baseline")
    size = validation.whole_number(sample, "sample", MAX_SAMPLE)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise InvalidRequest("seed", f"must be a whole number, got {validation.shown(seed)}")
    check_baseline(checked_checks(checks), before, name)
    prepared = checked_checks([await in_thread(check.prepare, find_paths) for check in checks])
    async with PacedClient(endpoint, policy=policy) as client:

        async def work() -> CheckReport:
            info = await client.info()
            compared = None if before is None else CheckedNamespace(client, before, _count(info, before))
            index = CheckedNamespace(client, name, _count(info, name), compared)
            return await _report(index, prepared, size, seed)

        try:
            report = await unless_stopped(work(), cancel_token or CancelToken(), None)
            return replace(report, request_stats=client.request_stats)
        except Stopped:
            raise Cancelled("the checks were cancelled") from None


async def _report(index: CheckedNamespace, checks: Sequence[Check], size: int, seed: int) -> CheckReport:
    uses = sorted({part for check in checks for part in check.uses})
    if uses:
        await index.draw(size, seed, uses)
    results = _numbered([await _result(check, index) for check in checks])
    before = index.baseline
    return CheckReport(
        namespace=index.namespace,
        baseline=before.namespace if before else None,
        count=index.count,
        sampled=len(index.sample),
        seed=seed,
        reads=1 + index.reads + (before.reads if before else 0),
        results=tuple(results),
    )


def _numbered(results: Iterable[CheckResult]) -> Iterator[CheckResult]:
    """Yield the results, the names of which are unique: ``GoldQueries``, ``GoldQueries 2``."""
    counts: Counter[str] = Counter()
    for result in results:
        counts[result.name] += 1
        number = counts[result.name]
        yield result if number == 1 else replace(result, name=f"{result.name} {number}")


async def _result(check: Check, index: CheckedNamespace) -> CheckResult:
    if check.uses and not index.sample:
        return check.result(passed=False, value=0, sentence="The namespace has no vectors.")
    if check.needs_baseline and index.baseline and not index.baseline.count:
        return check.result(passed=False, value=0, sentence="The baseline has no vectors.")
    try:
        result = check.run(index)
        result = await result if inspect.isawaitable(result) else result
        if not isinstance(result, CheckResult):
            raise TypeError(f"run() must return self.result(...), got {validation.shown(result)}")
    except UpstashVectorError:
        raise
    except Exception as error:  # noqa: BLE001 - of a check of the user's
        sentence = f"The check itself failed: {type(error).__name__}: {error}"
        return check.result(passed=False, value=0, sentence=sentence)
    return result


def _count(info: IndexInfo, namespace: str) -> int:
    counts = info.namespaces.get(namespace)
    return counts.vector_count + counts.pending_vector_count if counts else 0


check = blocking(check_async)
