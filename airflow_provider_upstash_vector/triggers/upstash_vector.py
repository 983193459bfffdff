"""The trigger that waits for an index; it reads and never writes, since it may run twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from airflow.providers.common.compat.connection import get_async_connection
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_upstash_vector.client import AsyncVectorClient
from airflow_provider_upstash_vector.client.errors import InvalidEndpoint, UpstashVectorError
from airflow_provider_upstash_vector.hooks.connection_settings import read_connection
from airflow_provider_upstash_vector.waiting.conditions import condition
from airflow_provider_upstash_vector.waiting.poller import MOST_FAILED_POLLS, Again, Decision, End, Poller


class UpstashVectorTrigger(BaseTrigger):
    """Fires when nothing is pending in an index or namespace, or when a vector is there.

    The event is ``{"status": "met" | "timeout" | "failed", "told": …, "permanent": …}``: ``told`` is a sentence,
    ``permanent`` whether no retry can mend it. Airflow stores the arguments in its database in clear.

    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token; a read-only one is enough.
    :param namespace: ``""`` for the index's default one; ``None`` for the whole index, or with ``vector_id`` the
        default namespace. The connection's is not looked up: see :meth:`UpstashVectorHook.resolve_namespace`.
    :param vector_id: wait for this vector to be fetchable instead.
    :param metadata: and for its metadata to have all of this, at every level.
    :param poke_interval: seconds between two looks.
    :param first_poll_seconds: seconds before the first look; ``None`` for ``poke_interval``.
    :param deadline: when to give up, in seconds since 1970, so that a triggerer that starts the trigger anew does
        not begin the time anew; ``None`` for never.
    :param most_failed_polls: how many failed looks in a row are tolerated; permanent errors are not.
    """

    def __init__(
        self,
        *,
        upstash_vector_conn_id: str,
        namespace: str | None = None,
        vector_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        poke_interval: float = 60.0,
        first_poll_seconds: float | None = None,
        deadline: float | None = None,
        most_failed_polls: int = MOST_FAILED_POLLS,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's has no types
        self.upstash_vector_conn_id = upstash_vector_conn_id
        self.namespace = namespace
        self.vector_id = vector_id
        self.metadata = metadata
        self.poke_interval = poke_interval
        self.first_poll_seconds = poke_interval if first_poll_seconds is None else first_poll_seconds
        self.deadline = deadline
        self.most_failed_polls = most_failed_polls

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments: no secret, no vector."""
        names = (
            "upstash_vector_conn_id", "namespace", "vector_id", "metadata", "poke_interval", "first_poll_seconds",
            "deadline", "most_failed_polls",
        )  # fmt: skip
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is something to tell; yield one event."""
        end = await self._wait()
        yield TriggerEvent(asdict(end))  # type: ignore[no-untyped-call]  # as above

    async def _wait(self) -> End:
        try:
            settings = read_connection(await get_async_connection(self.upstash_vector_conn_id))
        except InvalidEndpoint as error:
            return End("failed", str(error), permanent=True)
        poller = Poller(
            condition(self.namespace, self.vector_id, self.metadata),
            interval_seconds=self.poke_interval,
            deadline=self.deadline,
            most_failed_polls=self.most_failed_polls,
        )
        decision: Decision = Again(self.first_poll_seconds, "")
        async with AsyncVectorClient(settings.endpoint, policy=settings.policy, max_connections=1) as client:
            while isinstance(decision, Again):
                await asyncio.sleep(decision.seconds)
                try:
                    result = await client.run(poller.condition.request())
                except UpstashVectorError as error:
                    decision = poller.after_error(error, time.time())
                else:
                    decision = poller.after_result(result, time.time())
                self.log.info("%s", decision.told)
        return decision
