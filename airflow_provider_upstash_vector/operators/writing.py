"""What operators share that write: the connection, a link, and waiting until queries find what was written."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import Context, conf

from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.lineage import Written
from airflow_provider_upstash_vector.links.upstash_vector import UpstashConsoleLink
from airflow_provider_upstash_vector.operators import waiting
from airflow_provider_upstash_vector.operators.telling import TellingOperator


class WritingOperator(TellingOperator):
    """An operator that writes vectors, and with ``wait_until_indexed`` then waits until none is pending.

    It looks every ``poke_interval`` seconds for at most ``wait_timeout`` seconds, with ``deferrable`` in the
    triggerer, and fails where the time is over.
    """

    operator_extra_links = (UpstashConsoleLink(),)
    upstash_vector_conn_id: str  # a template field: each operator's own argument

    def __init__(
        self,
        *,
        wait_until_indexed: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: float = 10.0,
        wait_timeout: float = 3600.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wait_until_indexed = wait_until_indexed
        self.deferrable = deferrable
        self.poke_interval = poke_interval
        self.wait_timeout = wait_timeout

    @cached_property
    def hook(self) -> UpstashVectorHook:
        """The hook on the operator's connection."""
        return UpstashVectorHook(self.upstash_vector_conn_id)

    def keep_link(self, context: Context) -> None:
        """Keep the address that the task's link leads to."""
        for link in WritingOperator.operator_extra_links:
            link.keep(self, context)

    def indexed(self, hook: UpstashVectorHook, namespace: str | None, result: Any) -> Any:
        """Return ``result``, if wanted once nothing is pending in ``namespace`` or, with ``None``, the index."""
        if self.wait_until_indexed:
            waited = waiting.Wait(namespace=namespace, poke_interval=self.poke_interval, timeout=self.wait_timeout)
            waiting.wait(self, hook, waited, deferrable=self.deferrable, result=result, written=self.written())
        return result

    def execute_complete(
        self, context: Context, event: dict[str, Any], result: Any = None, written: dict[str, Any] | None = None
    ) -> Any:
        """Come back from the triggerer; return the result of before, and tell again what was written.

        Airflow has forgotten it: only what a task tells before it succeeds becomes of an outlet's event.
        """
        if written is not None:
            self.tell_written(context, UpstashVectorHook(self.upstash_vector_conn_id), Written(**written))
        end = waiting.end_of(event)
        waiting.finish(end)
        self.log.info("%s.", end.told)
        return result
