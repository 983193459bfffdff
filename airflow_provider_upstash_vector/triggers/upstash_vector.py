"""The trigger that waits for an index. It only reads, since Airflow may run a trigger twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Any

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from airflow_provider_upstash_vector.client import AsyncVectorClient, Credentials, Endpoint
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.client.redaction import without_frames
from airflow_provider_upstash_vector.hooks.connection_settings import (
    ConnectionSettings,
    naming_connection,
    read_connection,
)
from airflow_provider_upstash_vector.polling.conditions import condition
from airflow_provider_upstash_vector.polling.poller import (
    MAX_FAILED_CHECKS,
    Finished,
    KeepPolling,
    PollDecision,
    Poller,
)

__all__ = ["UpstashVectorTrigger"]


class _ConnectionUnavailable(UpstashVectorError):
    """Airflow could not read the connection this time."""

    retryable = True


class UpstashVectorTrigger(BaseTrigger):
    """Fires when an index or its namespaces have no pending vectors, or when a vector exists.

    The event is ``{"status": "met" | "timeout" | "failed", "message": …, "permanent": …, "cause": None | {"kind":
    "rate_limit" | "daily_quota", "retry_after": …}, "resume_data": …}``; ``permanent`` is whether a retry cannot
    help. Airflow stores the arguments unencrypted in its database.

    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token, which may be read-only.
    :param namespace: one or several; ``""`` is the index's default one; ``None`` is the whole index, or with
        ``vector_id`` the default namespace. :meth:`UpstashVectorHook.resolve_namespace` gives the connection's.
    :param vector_id: wait until this vector can be fetched.
    :param metadata: wait until the vector's metadata contains this, at every level.
    :param after_write: the task has just written: no pending vectors must be confirmed by a second check, at least
        a second after the first.
    :param poke_interval: seconds between two checks.
    :param first_check_seconds: seconds before the first check, which is no later than the deadline; ``None`` for
        ``poke_interval``.
    :param deadline: when to time out, in seconds since 1970, so that a restart of the triggerer does not extend
        it; ``None`` for never.
    :param max_failed_checks: how many consecutive failed checks are tolerated; permanent errors are not.
    :param resume_data: returned in the event: small JSON values, no vector and no secret.
    """

    def __init__(
        self,
        *,
        upstash_vector_conn_id: str,
        namespace: str | Sequence[str] | None = None,
        vector_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        after_write: bool = False,
        poke_interval: float = 60.0,
        first_check_seconds: float | None = None,
        deadline: float | None = None,
        max_failed_checks: int = MAX_FAILED_CHECKS,
        resume_data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's has no types
        self.upstash_vector_conn_id = upstash_vector_conn_id
        self.namespace = namespace
        self.vector_id = vector_id
        self.metadata = metadata
        self.after_write = after_write
        self.poke_interval = poke_interval
        self.first_check_seconds = poke_interval if first_check_seconds is None else first_check_seconds
        self.deadline = deadline
        self.max_failed_checks = max_failed_checks
        self.resume_data = resume_data
        self._client: AsyncVectorClient | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of the class and its arguments: no secret, no vector."""
        names = (
            "upstash_vector_conn_id", "namespace", "vector_id", "metadata", "after_write", "poke_interval",
            "first_check_seconds", "deadline", "max_failed_checks", "resume_data",
        )  # fmt: skip
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check the index until the wait has finished; yield one event."""
        try:
            finished = await self._wait()
        finally:
            await self._close()
        # resume_data comes back in the event because dag.test() drops the kwargs of a deferral
        yield TriggerEvent({**asdict(finished), "resume_data": self.resume_data})  # type: ignore[no-untyped-call]  # as above

    async def _wait(self) -> Finished:
        poller = Poller(
            condition(self.namespace, self.vector_id, self.metadata, after_write=self.after_write),
            interval_seconds=self.poke_interval,
            deadline=self.deadline,
            max_failed_checks=self.max_failed_checks,
        )
        decision: PollDecision = poller.first(self.first_check_seconds, time.time())
        while isinstance(decision, KeepPolling):
            await asyncio.sleep(decision.seconds)
            decision = await self._check(poller)
            self.log.info("%s", decision.message)
        return decision

    async def _check(self, poller: Poller) -> PollDecision:
        try:
            with naming_connection(self.upstash_vector_conn_id):
                client = await self._open()
                result = await client.run(poller.condition.request())
        except UpstashVectorError as error:
            return poller.after_error(error, time.time())
        return poller.after_result(result, time.time())

    async def _open(self) -> AsyncVectorClient:
        """Return the client; it is opened once."""
        if self._client is None:
            settings = await self._settings()
            credentials = Credentials(settings.endpoint, self._read_endpoint)
            self._client = AsyncVectorClient(credentials, policy=settings.policy, max_connections=1)
        return self._client

    async def _read_endpoint(self) -> Endpoint:
        return (await self._settings()).endpoint

    async def _settings(self) -> ConnectionSettings:
        try:
            # in a thread, since it asks Airflow to mask the token
            return await sync_to_async(read_connection)(await get_async_connection(self.upstash_vector_conn_id))
        except UpstashVectorError as error:
            raise without_frames(error)  # noqa: B904 - the same error, without the connection in its frames
        except AirflowNotFoundException:
            raise
        except Exception as error:  # of a secrets backend or Airflow's API
            self.log.warning("The connection could not be read.", exc_info=error)
            # without the error's text: it would go into the event, and may hold parts of a connection
            raise _ConnectionUnavailable(f"the connection could not be read: {type(error).__name__}") from error

    async def _close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None
