"""The function that starts an export on an event loop."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from airflow_provider_upstash_vector.bulk.exports.job import ExportEnvironment, ExportJob
from airflow_provider_upstash_vector.bulk.exports.options import (
    ALL_FIELDS,
    ALL_NAMESPACES,
    MAX_NAMESPACES_AT_ONCE,
    MAX_PART_BYTES,
    Compression,
    ExportFormat,
    ExportOptions,
    Field,
)
from airflow_provider_upstash_vector.bulk.exports.report import ExportReport
from airflow_provider_upstash_vector.bulk.exports.target import Target
from airflow_provider_upstash_vector.bulk.sources import FindPaths, local_paths
from airflow_provider_upstash_vector.bulk.starting import PathLike
from airflow_provider_upstash_vector.bulk.tracking.progress import Log, ProgressKind
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import Credentials, Endpoint, RetryPolicy
from airflow_provider_upstash_vector.client.wire.writes import MAX_ITEMS

log = logging.getLogger(__name__)


async def export_async(
    path: PathLike,
    endpoint: Endpoint | Credentials,
    *,
    namespaces: str | Sequence[str] = ALL_NAMESPACES,
    prefix: str | None = None,
    format: ExportFormat = "jsonl",
    compression: Compression | None = None,
    include: Sequence[Field] = ALL_FIELDS,
    page_size: int = MAX_ITEMS,
    max_part_bytes: int = MAX_PART_BYTES,
    max_concurrency: int = MAX_NAMESPACES_AT_ONCE,
    time_limit_seconds: float | None = None,
    owner: str = "",
    policy: RetryPolicy | None = None,
    cancel_token: CancelToken | None = None,
    progress: ProgressKind = "auto",
    find_paths: FindPaths = local_paths,
    log: Log = log,
) -> ExportReport:
    """Write all vectors of namespaces to files, on the running event loop; return the report.

    The files are parts of bounded size, and ``manifest.json``, which is written last: its path can be passed as
    ``rows`` to :func:`upsert`, to restore the vectors. A run that was killed or stopped resumes if it is started
    again with the same arguments, after its last complete part. A range is no snapshot: if the index is written to
    meanwhile, the report and the manifest say so. It needs the read-only token only.

    Raises :class:`~.errors.ExportFailed`, with the report, if it was stopped or a file cannot be written;
    ``InvalidRows`` if the folder has another export; ``ValueError`` for an invalid argument; the errors of the
    client; :class:`~.errors.Superseded` if another run exports to the folder.

    :param path: the folder.
    :param endpoint: URL and token of the index, or the :class:`Credentials` that read a rotated token again.
    :param namespaces: ``"*"`` for all, or a list of names, in which ``""`` is the index's default one.
    :param prefix: only vectors whose id starts with it.
    :param format: ``jsonl`` or ``parquet``.
    :param compression: of JSON Lines: ``gz``, ``zst`` or ``None``; Parquet is compressed inside.
    :param include: which of ``vectors``, ``metadata`` and ``data``.
    :param page_size: vectors read in a request, at most 1,000; fewer of more than 1,000 dimensions.
    :param max_part_bytes: the size at which a part ends.
    :param max_concurrency: the maximum of namespaces read side by side, 1 to 64; as many as have four full pages.
    :param time_limit_seconds: seconds after which the run stops and fails.
    :param owner: whose export it is; a finished one of the same owner is not an error, but the result.
    :param policy: the retries and timeouts of one request.
    :param cancel_token: cancels the run from another thread.
    :param progress: ``"log"``, ``"bar"``, ``"none"``, or ``"auto"`` for a bar on a terminal.
    :param find_paths: turns a path or URI into the folder; by default one on this machine's disk.
    :param log: the logger for the lines of progress.
    """
    options = ExportOptions(
        namespaces=namespaces,
        prefix=prefix,
        format=format,
        compression=compression,
        include=include,
        page_size=page_size,
        max_part_bytes=max_part_bytes,
        max_concurrency=max_concurrency,
        time_limit_seconds=time_limit_seconds,
    )
    environment = ExportEnvironment(
        policy=policy or RetryPolicy(),
        cancel_token=cancel_token or CancelToken(),
        progress=progress,
        log=log,
        owner=owner,
    )
    return await ExportJob(Target(path, find_paths), endpoint, options, environment).run()
