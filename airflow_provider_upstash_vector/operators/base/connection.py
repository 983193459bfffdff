"""The index that a task uses: its Airflow connection, the hook on it and the link to it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client.validation import identifier
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.links.upstash_vector import UpstashConsoleLink
from airflow_provider_upstash_vector.operators.base.display import unwrap
from airflow_provider_upstash_vector.operators.base.fields import StorableFieldsMixin
from airflow_provider_upstash_vector.operators.base.templates import LiteralSafeTemplateMixin


class UpstashVectorOperator(StorableFieldsMixin, LiteralSafeTemplateMixin):
    """Base of the operators and sensors that use an index."""

    operator_extra_links: tuple[UpstashConsoleLink, ...] = (UpstashConsoleLink(),)

    def __init__(
        self, *, upstash_vector_conn_id: str = UpstashVectorHook.default_conn_name, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.upstash_vector_conn_id = upstash_vector_conn_id

    @cached_property
    def hook(self) -> UpstashVectorHook:
        """The hook on the task's connection. Raises ``InvalidRequest`` for an id that is not text."""
        conn_id = identifier(unwrap(self.upstash_vector_conn_id), "upstash_vector_conn_id")
        return UpstashVectorHook(conn_id, cancel_token=self.cancel_token)

    @property
    def cancel_token(self) -> CancelToken:
        """The token that cancels requests, runs and waits; created once, also if ``on_kill`` interrupts that."""
        token: CancelToken = self.__dict__.setdefault("_cancel_token", CancelToken())
        return token

    def on_kill(self) -> None:
        """Cancel what the task is doing; it fails within 5 s.

        Airflow 3 calls this in a signal handler on SIGTERM, and nothing else ends the task.
        """
        self.cancel_token.cancel()

    def persist_link(self, context: Context) -> None:
        """Store the URL of the task's link, which Airflow 2 reads from XCom."""
        for link in self.operator_extra_links:
            link.persist(self, context)


def task_instance(context: Context) -> str:
    """Return what identifies a task instance: its tries have it in common."""
    ti: Any = context["ti"]
    return f"{ti.dag_id} {ti.run_id} {ti.task_id} {ti.map_index}"
