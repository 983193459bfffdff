"""A sync from its first row to its report: read the rows, scan the scope, plan, check, write, delete."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed, Reason, SyncFailed
from airflow_provider_upstash_vector.bulk.reading.paced import PacedClient
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import for_time_limit
from airflow_provider_upstash_vector.bulk.sources import AsyncSource, FindPaths, InvalidRows, Source
from airflow_provider_upstash_vector.bulk.sources.own_files import OwnFiles
from airflow_provider_upstash_vector.bulk.starting import PathLike, one_path, open_rows
from airflow_provider_upstash_vector.bulk.stopping import Stopped, unless_stopped
from airflow_provider_upstash_vector.bulk.syncing.content import CollectedRows, SourceRows
from airflow_provider_upstash_vector.bulk.syncing.decision import Action
from airflow_provider_upstash_vector.bulk.syncing.guards import refusal, scope_of
from airflow_provider_upstash_vector.bulk.syncing.join import Join
from airflow_provider_upstash_vector.bulk.syncing.options import SyncOptions
from airflow_provider_upstash_vector.bulk.syncing.phases import PhaseEnvironment, Phases, explanation_of
from airflow_provider_upstash_vector.bulk.syncing.plan import Plan, digest_of, ids_of
from airflow_provider_upstash_vector.bulk.syncing.plan_file import PlanFile
from airflow_provider_upstash_vector.bulk.syncing.report import SyncReport
from airflow_provider_upstash_vector.bulk.syncing.scope import ScopeScan
from airflow_provider_upstash_vector.bulk.syncing.second_pass import DifferentRows
from airflow_provider_upstash_vector.bulk.tracking.failures import FailuresFile
from airflow_provider_upstash_vector.cancellation import in_thread
from airflow_provider_upstash_vector.client import Credentials, Endpoint, IndexInfo

_SAMPLES = 5


@dataclass
class _Numbers:
    """What the report says that is known so far."""

    rows: int = 0
    duplicates: int = 0
    counts: dict[Action, int] = field(default_factory=lambda: dict.fromkeys(Action, 0))
    samples: dict[str, list[str]] = field(default_factory=dict)
    written: int = 0
    read: int = 0


class SyncJob:
    """One run; see :func:`~airflow_provider_upstash_vector.bulk.sync`."""

    def __init__(
        self,
        rows: object,
        endpoint: Endpoint | Credentials,
        options: SyncOptions,
        environment: PhaseEnvironment,
        *,
        plan_path: PathLike | None,
        find_paths: FindPaths,
    ) -> None:
        self._rows = rows
        self._endpoint = endpoint
        self._options = options
        self._environment = environment
        self._plan_file = None if plan_path is None else PlanFile(one_path(plan_path, find_paths))
        path = environment.failures_path
        self._failures = None if path is None else FailuresFile(path)
        self._find_paths = find_paths
        self._started = time.monotonic()
        self._numbers = _Numbers()

    async def run(self) -> SyncReport:
        """Return the report. Raises :class:`SyncFailed` with it, and the errors that occur before any write."""
        source = await in_thread(self._open)
        # readable by this user only; after a cancellation, a thread that reads rows may still use it
        with TemporaryDirectory(prefix="upstash-vector-sync-", ignore_cleanup_errors=True) as folder:
            join = Join(Path(folder))
            try:
                return await self._run(source, join, Path(folder) / "updates.jsonl")
            except BulkJobFailed as error:
                self._numbers.rows = self._numbers.rows or error.report.total or 0
                self._fail(error.reason, explanation_of(error), cause=error, retryable=error.retryable)
            except Stopped as stopped:
                reason = stopped.stop_reason
                self._fail(reason.reason, reason.explanation, retryable=reason.retryable)
            finally:
                join.close()

    def _open(self) -> Source | AsyncSource:
        if self._failures:
            self._failures.check()
        if self._plan_file:
            self._plan_file.load()
        return self._open_rows()

    def _open_rows(self) -> Source | AsyncSource:
        files = [file.own_files() for file in (self._failures, self._plan_file) if file]
        return open_rows(self._rows, self._options, self._find_paths, OwnFiles(*files))

    async def _run(self, source: Source | AsyncSource, join: Join, updates_path: Path) -> SyncReport:
        options, environment = self._options, self._environment
        phases = Phases(self._endpoint, options, environment, self._seconds_left)
        async with PacedClient(self._endpoint, policy=environment.policy) as client:
            index = await self._unless_stopped(client.info())
            if options.embedding:
                SourceRows(options, index).check_embedding()
                await in_thread(options.embedding.load)
            await self._read(source, index, join, phases)
            scan = ScopeScan(client, options, join)
            try:
                await self._unless_stopped(scan.run())
            finally:
                self._numbers.read = scan.reads
        await in_thread(self._count, join)
        if refused := refusal(options, self._numbers.counts):
            self._fail("max_delete", refused, retryable=False)
        if options.mode == "plan":
            if self._plan_file:
                await in_thread(self._plan_file.save, await in_thread(self._plan, join))
            return self._report(finished=True)
        if self._plan_file:
            await in_thread(self._check_plan, self._plan_file, join)
        reader = SourceRows(options, index)
        different = DifferentRows(source, reader, join, options.metadata_rules, updates_path)
        try:
            finished = await phases.write(different, updates_path, self._numbers.counts)
            if finished and options.delete_missing and self._numbers.counts[Action.DELETED]:
                self._numbers.written = phases.written
                await self._check_source(source)
                finished = await phases.delete(join)
        finally:
            self._numbers.written = phases.written
        return self._report(finished=finished)

    async def _check_source(self, source: Source | AsyncSource) -> None:
        """Fail before the deletes if there are other files, or more rows, than those that were read."""
        if not source.rereadable:
            return
        try:
            now = (await in_thread(self._open_rows)).fingerprint
        except (InvalidRows, OSError):  # a file is gone
            now = None
        if now != source.fingerprint:
            explanation = "the source changed while the sync ran, so nothing is deleted; run it again"
            self._fail("source", explanation, retryable=True)

    async def _read(self, source: Source | AsyncSource, index: IndexInfo, join: Join, phases: Phases) -> None:
        """Read the source to its end."""
        collected = CollectedRows(self._options, index, join, spools=not source.rereadable)
        self._numbers.rows = await phases.read(source, collected)
        if not self._numbers.rows:
            explanation = "the source has no rows: nothing is written, and nothing deleted"
            self._fail("empty_source", explanation, retryable=False)
        self._numbers.duplicates, few = await in_thread(join.finish_rows)
        if self._numbers.duplicates and self._options.on_duplicate == "fail":
            shown = ", ".join(repr(id) for id in few)
            explanation = (
                f'several rows have the same id: {shown}; set on_duplicate="last" to take the last of each'
            )
            self._fail("duplicates", explanation, retryable=False)

    def _count(self, join: Join) -> None:
        self._numbers.counts = join.counts()
        for action in self._planned():
            self._numbers.samples[action.key] = [*islice(join.ids(action), _SAMPLES)]

    def _plan(self, join: Join) -> Plan:
        """Return the plan, whose counts and samples are those of the report."""
        options, planned = self._options, self._planned()
        identity = {
            "index": self._endpoint.url,
            **{
                name: getattr(options, name)
                for name in ("namespace", "scope", "prefix", "config_version", "fingerprint_key", "delete_missing")
            },
            "keep_metadata": [*options.keep_metadata],
        }
        return Plan(
            identity=identity,
            source=digest_of(part for row in join.contents() for part in row),
            counts={action.key: count for action, count in planned.items()},
            ids={action.key: ids_of(join.ids(action)) for action in planned},
            samples=self._numbers.samples,
        )

    def _planned(self) -> dict[Action, int]:
        """Return the counts of what is written."""
        without = {Action.UNCHANGED} if self._options.delete_missing else {Action.UNCHANGED, Action.DELETED}
        return {action: count for action, count in self._numbers.counts.items() if action not in without}

    def _check_plan(self, file: PlanFile, join: Join) -> None:
        """Compare with the approved plan, and record that it is being applied."""
        approved = file.load()
        changed = "there is none" if approved is None else approved.difference(self._plan(join))
        if approved is None or changed:
            explanation = f"the plan {file} cannot be applied: {changed}; make and approve another plan"
            self._fail("plan_changed", explanation, retryable=False)
        if not approved.started:
            file.save(replace(approved, started=True))

    async def _unless_stopped(self, work: Any) -> Any:
        return await unless_stopped(work, self._environment.cancel_token, self._seconds_left())

    def _seconds_left(self) -> float | None:
        limit = self._options.time_limit_seconds
        return None if limit is None else max(1e-3, limit - (time.monotonic() - self._started))

    def _report(self, *, finished: bool) -> SyncReport:
        numbers, options = self._numbers, self._options
        counts = numbers.counts
        missing = counts[Action.DELETED]
        path = self._environment.failures_path
        return SyncReport(
            mode=options.mode,
            namespace=options.namespace,
            rows=numbers.rows,
            duplicates=numbers.duplicates,
            scope=scope_of(counts),
            **{action.key: counts[action] for action in Action if action is not Action.DELETED},
            deleted=missing if options.delete_missing else 0,
            not_in_source=0 if options.delete_missing else missing,
            operations={"written": numbers.written, "read": numbers.read},
            seconds=time.monotonic() - self._started,
            finished=finished,
            failures_path=None if path is None else str(path),
            plan_path=None if self._plan_file is None else str(self._plan_file),
            samples=numbers.samples,
        )

    def _fail(
        self, reason: Reason, explanation: str, *, retryable: bool, cause: BaseException | None = None
    ) -> NoReturn:
        limit = self._options.time_limit_seconds
        if reason == "time_limit" and limit is not None:  # not what the phase had left of it
            explanation = for_time_limit(limit).explanation
        raise SyncFailed(reason, explanation, self._report(finished=False), retryable) from cause
