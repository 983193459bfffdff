"""Copies from index to index, or namespace to namespace: what is read of one is upserted to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_upstash_vector.bulk.api import (
    BulkCopyArguments,
    blocking,
    taken_run_arguments,
    with_signature,
)
from airflow_provider_upstash_vector.bulk.operations.copy import CopyOptions
from airflow_provider_upstash_vector.bulk.reading.paced import PacedClient
from airflow_provider_upstash_vector.bulk.reading.scan import Scan
from airflow_provider_upstash_vector.bulk.reading.source import ScannedRows
from airflow_provider_upstash_vector.bulk.report import BulkReport
from airflow_provider_upstash_vector.bulk.starting import run_async
from airflow_provider_upstash_vector.client import (
    Credentials,
    Endpoint,
    RetryPolicy,
    validation,
)
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models.endpoint import location

if TYPE_CHECKING:
    from typing_extensions import Unpack


@with_signature(CopyOptions)
async def copy_async(
    source: Endpoint | Credentials,
    target: Endpoint | Credentials,
    *,
    namespace: str = "",
    target_namespace: str = "",
    source_policy: RetryPolicy | None = None,
    **arguments: Unpack[BulkCopyArguments],
) -> BulkReport:
    """Upsert the vectors of a namespace to another one, on the running event loop; return the report.

    Vector, sparse vector, data and metadata are copied as they are stored; nothing is embedded again. Vectors that
    are in the target only stay. A scan is not a snapshot: what is written to the source meanwhile may or may not
    be copied. A run that resumes reads from the last page on that was not copied completely. Order, errors and
    retries are those of :func:`~.api.update_async`.

    Raises ``InvalidRequest`` before anything is written if source and target are the same namespace, as their URLs
    show; if the source has no such namespace; or without ``transform`` if type or dimension of the indexes differ.
    ``check_index=False`` leaves out the latter two.

    :param source: URL and token of the index to read, for which the read-only token is enough.
    :param target: URL and token of the index to write.
    :param namespace: the namespace to read; ``""`` for the index's default one.
    :param target_namespace: the namespace to write; ``""`` for the index's default one.
    :param source_policy: the retries and timeouts of requests to the source, by default ``policy``.
    :param arguments: those of :class:`BulkCopyArguments`.
    """
    given: dict[str, Any] = {**arguments}
    of_run = taken_run_arguments(given)
    options = CopyOptions(namespace=target_namespace, **given)
    namespace = validation.identifier(namespace, "namespace")
    if (location(source.url), namespace) == (location(target.url), options.namespace):
        name = f"namespace {namespace!r}" if namespace else "the default namespace"
        raise InvalidRequest("target", f"is the source, {name} of the same index: set another target_namespace")
    scan = Scan(namespace=namespace, prefix=options.prefix, page_size=options.page_size)
    transform = options.function()
    async with PacedClient(source, policy=source_policy or of_run.get("policy") or RetryPolicy()) as client:
        rows = ScannedRows(client, source.url, scan, filter=options.filter, transform=transform)
        return await run_async(options, rows, target, **of_run)


copy = blocking(copy_async)
