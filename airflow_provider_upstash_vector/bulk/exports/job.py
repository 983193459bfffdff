"""An export from its first page to its manifest."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import NoReturn

from airflow_provider_upstash_vector.bulk.errors import ExportFailed, Superseded
from airflow_provider_upstash_vector.bulk.exports.counting import manifest_of, namespace_states, utc_now
from airflow_provider_upstash_vector.bulk.exports.namespaces import NamespaceExporter
from airflow_provider_upstash_vector.bulk.exports.options import ExportOptions
from airflow_provider_upstash_vector.bulk.exports.report import ExportReport
from airflow_provider_upstash_vector.bulk.exports.state import ExportState, NamespaceState
from airflow_provider_upstash_vector.bulk.exports.target import STATE_NAME, Target
from airflow_provider_upstash_vector.bulk.reading.emptiness import check_known
from airflow_provider_upstash_vector.bulk.reading.paced import PacedClient
from airflow_provider_upstash_vector.bulk.report import NamespaceCounts, ThisAttempt
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason
from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.bulk.sources.manifest import Manifest
from airflow_provider_upstash_vector.bulk.stopping import Stopped, unless_stopped
from airflow_provider_upstash_vector.bulk.tracking.progress import Log, ProgressKind, Snapshot, shown
from airflow_provider_upstash_vector.bulk.tracking.writing import WriteFailed
from airflow_provider_upstash_vector.cancellation import CancelToken, in_thread
from airflow_provider_upstash_vector.client import Credentials, Endpoint, IndexInfo, RetryPolicy
from airflow_provider_upstash_vector.client.base import RequestStats
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.plurals import plural

_SAVE_EVERY_SECONDS = 1.0
_LAST_SAVE_SECONDS = 1.0
_STALE_SECONDS = 1.0  # for which counts may be older than writes before the export
_TOKEN_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportEnvironment:
    """The policy and outputs of an export; ``owner`` is whose export it is, a task instance."""

    policy: RetryPolicy
    cancel_token: CancelToken
    progress: ProgressKind
    log: Log
    owner: str


class ExportJob:
    """An export to ``target``; see :func:`~airflow_provider_upstash_vector.bulk.export`."""

    def __init__(
        self,
        target: Target,
        endpoint: Endpoint | Credentials,
        options: ExportOptions,
        environment: ExportEnvironment,
    ) -> None:
        self._target = target
        self._endpoint = endpoint
        self._options = options
        self._environment = environment
        self._fingerprint = options.fingerprint(endpoint.url)
        self._started = time.monotonic()
        self._client: PacedClient | None = None
        self._state: ExportState | None = None
        self._manifest: Manifest | None = None
        self._exporter: NamespaceExporter | None = None
        self._rows_before = self._reads_before = 0
        self._seconds_before = self._saved = 0.0
        self._saving = asyncio.Lock()

    async def run(self) -> ExportReport:
        """Return the report. Raises :class:`ExportFailed` with it if the export is stopped or cannot be written.

        Raises the errors of the client, :class:`InvalidRows` for a folder that has something else, and
        :class:`Superseded`.
        """
        limit = self._options.time_limit_seconds
        try:
            await unless_stopped(self._run(), self._environment.cancel_token, limit)
        except (Stopped, UpstashVectorError) as error:
            await self._save_last()
            if isinstance(error, Stopped):
                self._fail(error.stop_reason)
            if isinstance(error, WriteFailed):
                self._fail(StopReason(reason="export_file", explanation=error.message, cause=error.__cause__))
            raise
        return self._report()

    def _fail(self, stop_reason: StopReason) -> NoReturn:
        raise ExportFailed(
            stop_reason.reason, stop_reason.explanation, self._report(), stop_reason.retryable
        ) from stop_reason.cause

    async def _run(self) -> None:
        state, finished = await in_thread(self._target.load)
        if finished is not None and await self._is_ours(state, finished):
            self._manifest = finished
            return
        connections = self._options.max_concurrency
        async with PacedClient(
            self._endpoint, policy=self._environment.policy, max_connections=connections
        ) as client:
            index = await client.info()
            self._client = client
            self._state = state = await self._started_state(state, index, client)
            self._exporter = exporter = NamespaceExporter(client, index, self._options, self._target, state)
            async with shown(self._environment.progress, self._environment.log, self._snapshot):
                await self._export(exporter, state)
            await self._save()
            info = await client.info()
            if manifest_of(state, info, self._options).changed_meanwhile:
                await asyncio.sleep(_STALE_SECONDS)
                info = await client.info()
            self._count(state)
        manifest = manifest_of(state, info, self._options)
        await in_thread(self._target.check_newest, state.run)
        await in_thread(self._target.finish, manifest)
        self._manifest = manifest

    async def _is_ours(self, state: ExportState | None, manifest: Manifest) -> bool:
        """Return whether the finished export is the one to write, which an earlier run could not report."""
        same = manifest.fingerprint == self._fingerprint
        if same and state is not None and state.id == manifest.id:
            await in_thread(self._target.clean, manifest)
            return True
        if same and self._environment.owner and manifest.owner == self._environment.owner:
            self._environment.log.info(
                "An earlier try finished the export at %s. To export again, delete %s, or use another path.",
                manifest.finished_at,
                self._target.manifest_path,
            )
            return True
        raise InvalidRows(
            f"{self._target.folder} has an export of {manifest.finished_at}, which is kept: export to another path"
        )

    async def _started_state(
        self, state: ExportState | None, index: IndexInfo, client: PacedClient
    ) -> ExportState:
        """Return the state to continue from, saved as that of this run."""
        run = secrets.token_hex(_TOKEN_BYTES)
        if state is None:
            names = self._options.names(index)
            await check_known(client, index, names, "namespaces")
            state = ExportState(
                id=run,
                run=run,
                fingerprint=self._fingerprint,
                index=index.identity,
                started_at=utc_now(),
                owner=self._environment.owner,
                index_url=self._endpoint.url,
                namespaces=namespace_states(names, index),
            )
        elif state.fingerprint != self._fingerprint or state.index != index.identity:
            raise InvalidRows(
                f"{self._target.folder} has an unfinished export of another index, or with other options: "
                f"export to another path, or delete its {STATE_NAME} to start over"
            )
        else:
            await in_thread(self._target.check_parts, state)
            state.run = run
            self._rows_before, self._reads_before = state.rows, state.reads
            self._seconds_before = state.seconds
            self._environment.log.info(
                "Resuming the export of %s after %s.", state.started_at, plural(self._rows_before, "row")
            )
        await in_thread(self._target.take_over, state.to_json())
        return state

    async def _export(self, exporter: NamespaceExporter, state: ExportState) -> None:
        """Export the namespaces that are left, as many side by side as fit."""
        left = deque(namespace for namespace in state.namespaces if namespace.cursor)
        reading: dict[asyncio.Task[None], NamespaceState] = {}
        try:
            while left or reading:
                while left and exporter.fits(left[0], reading.values()):
                    namespace = left.popleft()
                    reading[asyncio.create_task(self._export_one(exporter, namespace))] = namespace
                done, _ = await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.gather(*done)
                for task in done:
                    del reading[task]
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)

    async def _export_one(self, exporter: NamespaceExporter, namespace: NamespaceState) -> None:
        async for _ in exporter.parts(namespace):
            await self._save_now_and_then()

    def _count(self, state: ExportState) -> None:
        """Set the requests and the time of all runs."""
        state.seconds = self._seconds_before + time.monotonic() - self._started
        state.reads = self._reads_before + self._request_stats.requests

    async def _save_now_and_then(self) -> None:
        """Save the state if the last one is a second old: there may be thousands of small namespaces."""
        if time.monotonic() - self._saved >= _SAVE_EVERY_SECONDS:
            self._saved = time.monotonic()
            await self._save()

    async def _save(self) -> None:
        if self._state is not None:
            async with self._saving:
                self._count(self._state)
                await in_thread(self._target.save, self._state.run, self._state.to_json())

    async def _save_last(self) -> None:
        """Save the state of a run that is stopped, if that takes no longer than a second."""
        saving = asyncio.ensure_future(self._save())
        await asyncio.wait([saving], timeout=_LAST_SAVE_SECONDS)
        saving.cancel()
        with suppress(asyncio.CancelledError, WriteFailed, Superseded):
            await saving

    @property
    def _request_stats(self) -> RequestStats:
        """The requests of this run."""
        return self._client.request_stats if self._client else RequestStats()

    def _snapshot(self) -> Snapshot:
        state, exporter = self._state, self._exporter
        stats = self._request_stats
        counted = None if self._options.prefix or not state else sum(item.counted for item in state.namespaces)
        return Snapshot(
            done=(state.rows if state else 0) + (exporter.rows_open if exporter else 0),
            done_before=self._rows_before,
            total=counted,
            fraction=None,
            seconds=time.monotonic() - self._started,
            in_flight=0,
            retries=stats.retries,
            failures=0,
            throttled_seconds=stats.throttled_seconds,
        )

    def _report(self) -> ExportReport:
        """Return the report so far, or of the manifest."""
        manifest, state = self._manifest, self._state
        namespaces = manifest.namespaces if manifest else state.namespaces if state else ()
        counts = NamespaceCounts()
        for namespace in namespaces:
            counts.add(namespace.namespace, namespace.rows)
        parts = [part for namespace in namespaces for part in namespace.parts]
        reads = state.reads if state else 0
        rows, stats = sum(part.rows for part in parts), self._request_stats
        return ExportReport(
            path=str(self._target.manifest_path),
            rows=rows,
            namespaces=len(namespaces),
            parts=len(parts),
            bytes=sum(part.size for part in parts),
            seconds=state.seconds if state else time.monotonic() - self._started,
            finished=manifest is not None,
            changed_meanwhile=manifest is not None and manifest.changed_meanwhile,
            operations=manifest.operations if manifest else {"written": 0, "read": reads},
            rows_by_namespace=counts.counts(),
            this_attempt=ThisAttempt(done=rows - self._rows_before if state else 0, **asdict(stats)),
        )
