"""What operators share that write: the connection, a link, and waiting until queries find what was written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import Context, conf

from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.lineage import WriteResult
from airflow_provider_upstash_vector.links.upstash_vector import UpstashConsoleLink
from airflow_provider_upstash_vector.operators.base import waiting
from airflow_provider_upstash_vector.operators.base.arguments import duration_seconds
from airflow_provider_upstash_vector.operators.base.lineage import LineageMixin


class WritingOperator(LineageMixin):
    """An operator that writes vectors, and with ``wait_until_indexed`` then waits until none is pending.

    It looks every ``poke_interval`` for at most ``wait_timeout``, each seconds or a ``timedelta``, with
    ``deferrable`` in the triggerer, and fails where the time is over. Raises ``TypeError`` or ``ValueError`` for
    other durations.
    """

    operator_extra_links = (UpstashConsoleLink(),)
    upstash_vector_conn_id: str  # a template field: each operator's own argument

    def __init__(
        self,
        *,
        wait_until_indexed: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float = 10.0,
        wait_timeout: timedelta | float = 3600.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wait_until_indexed = wait_until_indexed
        self.deferrable = deferrable
        self.poke_interval = duration_seconds(poke_interval, "poke_interval")
        self.wait_timeout = duration_seconds(wait_timeout, "wait_timeout")
        self._killed = False
        self._stop_waiting: CancelToken | None = None  # made when it waits: Airflow copies operators

    @cached_property
    def hook(self) -> UpstashVectorHook:
        """The hook on the operator's connection."""
        return UpstashVectorHook(self.upstash_vector_conn_id)

    def persist_link(self, context: Context) -> None:
        """Keep the address that the task's link leads to."""
        for link in WritingOperator.operator_extra_links:
            link.persist(self, context)

    def indexed(
        self, hook: UpstashVectorHook, namespace: str | Sequence[str] | None, result: Any, **resume_data: Any
    ) -> Any:
        """Return ``result``, if wanted once nothing is pending in namespaces or, with ``None``, the whole index.

        ``carried``, of which Airflow stores a copy, is in the event that a deferred task comes back with.
        """
        if self.wait_until_indexed:
            self._stop_waiting = CancelToken()
            if self._killed:
                self._stop_waiting.cancel()
            waiting.wait(
                self,
                hook,
                waiting.Wait(namespace=namespace, poke_interval=self.poke_interval, timeout=self.wait_timeout),
                deferrable=self.deferrable,
                stop=self._stop_waiting,
                resume_data={"result": result, "written": self.written(), **resume_data},
            )
        return result

    def on_kill(self) -> None:
        """Wait no more; the task fails."""
        self._killed = True
        if self._stop_waiting is not None:
            self._stop_waiting.cancel()

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Come back from the triggerer; return the result of before, and tell again what was written.

        Airflow has forgotten it: only what a task tells before it succeeds becomes of an outlet's event.
        """
        resume_data = event["resume_data"]
        if resume_data["written"] is not None:
            written = WriteResult(**resume_data["written"])
            self.emit_lineage(context, UpstashVectorHook(self.upstash_vector_conn_id), written)
        end = waiting.end_of(event)
        waiting.finish(end)
        self.log.info("%s.", end.message)
        return resume_data["result"]
