"""The trigger that waits for an index; it reads and never writes, since it may run twice."""

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

from airflow_provider_upstash_vector.client import AsyncVectorClient
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.client.tracebacks import without_frames
from airflow_provider_upstash_vector.hooks.connection_settings import ConnectionSettings, read_connection
from airflow_provider_upstash_vector.polling.conditions import condition
from airflow_provider_upstash_vector.polling.poller import (
    MAX_FAILED_POLLS,
    Finished,
    KeepPolling,
    PollDecision,
    Poller,
)


class _NoConnection(UpstashVectorError):
    """Airflow did not give the connection this time."""

    retryable = True


class UpstashVectorTrigger(BaseTrigger):
    """Fires when nothing is pending in an index or its namespaces, or when a vector is there.

    The event is ``{"status": "met" | "timeout" | "failed", "message": …, "permanent": …, "cause": None | {"kind":
    "rate_limit" | "daily_quota", "retry_after": …}, "resume_data": …}``: ``told`` is a sentence, ``permanent`` whether
    no retry can mend it. Airflow stores the arguments in its database in clear.

    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token; a read-only one is enough.
    :param namespace: one or several; ``""`` is the index's default one; ``None`` for the whole index, or with
        ``vector_id`` the default namespace. The connection's is not looked up: see
        :meth:`UpstashVectorHook.resolve_namespace`.
    :param vector_id: wait for this vector to be fetchable instead.
    :param metadata: and for its metadata to have all of this, at every level.
    :param poke_interval: seconds between two looks.
    :param first_poll_seconds: seconds before the first look, which comes at the deadline at the latest; ``None``
        for ``poke_interval``.
    :param deadline: when to give up, in seconds since 1970, so that a triggerer that starts the trigger anew does
        not begin the time anew; ``None`` for never.
    :param max_failed_checks: how many failed looks in a row are tolerated; permanent errors are not.
    :param carried: comes back in the event: small JSON values, no vector and no secret.
    """

    def __init__(
        self,
        *,
        upstash_vector_conn_id: str,
        namespace: str | Sequence[str] | None = None,
        vector_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        poke_interval: float = 60.0,
        first_poll_seconds: float | None = None,
        deadline: float | None = None,
        max_failed_checks: int = MAX_FAILED_POLLS,
        resume_data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's has no types
        self.upstash_vector_conn_id = upstash_vector_conn_id
        self.namespace = namespace
        self.vector_id = vector_id
        self.metadata = metadata
        self.poke_interval = poke_interval
        self.first_poll_seconds = poke_interval if first_poll_seconds is None else first_poll_seconds
        self.deadline = deadline
        self.max_failed_checks = max_failed_checks
        self.resume_data = resume_data
        self._client: AsyncVectorClient | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments: no secret, no vector."""
        names = (
            "upstash_vector_conn_id", "namespace", "vector_id", "metadata", "poke_interval", "first_poll_seconds",
            "deadline", "max_failed_checks", "resume_data",
        )  # fmt: skip
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is something to tell; yield one event."""
        try:
            end = await self._wait()
        finally:
            await self._close()
        # not in the kwargs of the deferral, of which dag.test() keeps none
        yield TriggerEvent({**asdict(end), "resume_data": self.resume_data})  # type: ignore[no-untyped-call]  # as above

    async def _wait(self) -> Finished:
        poller = Poller(
            condition(self.namespace, self.vector_id, self.metadata),
            interval_seconds=self.poke_interval,
            deadline=self.deadline,
            max_failed_checks=self.max_failed_checks,
        )
        decision: PollDecision = poller.first(self.first_poll_seconds, time.time())
        while isinstance(decision, KeepPolling):
            await asyncio.sleep(decision.seconds)
            decision = await self._look(poller)
            self.log.info("%s", decision.message)
        return decision

    async def _look(self, poller: Poller) -> PollDecision:
        try:
            client = await self._open()
            result = await client.run(poller.condition.request())
        except UpstashVectorError as error:
            return poller.after_error(error, time.time())
        except AirflowNotFoundException as error:
            return Finished("failed", str(error), permanent=True)
        return poller.after_result(result, time.time())

    async def _open(self) -> AsyncVectorClient:
        """Return the client, opened once."""
        if self._client is None:
            settings = await self._settings()
            self._client = AsyncVectorClient(settings.endpoint, policy=settings.policy, max_connections=1)
        return self._client

    async def _settings(self) -> ConnectionSettings:
        try:
            # in a thread, since it asks Airflow to mask the token
            return await sync_to_async(read_connection)(await get_async_connection(self.upstash_vector_conn_id))
        except UpstashVectorError as error:
            raise without_frames(error)  # noqa: B904 - the same error, without the connection in its frames
        except AirflowNotFoundException:
            raise
        except Exception as error:  # what a secrets backend or Airflow's API raises
            self.log.warning("The connection could not be read.", exc_info=error)
            # without the error's text, which goes into the event and may hold parts of a connection
            raise _NoConnection(f"the connection could not be read: {type(error).__name__}") from error

    async def _close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None
