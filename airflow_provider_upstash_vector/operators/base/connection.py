"""The index that a task uses: its Airflow connection, the hook on it and the link to it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.links.upstash_vector import UpstashConsoleLink
from airflow_provider_upstash_vector.operators.base.templates import LiteralSafeTemplateMixin


class UpstashVectorOperator(LiteralSafeTemplateMixin):
    """Base of the operators and sensors that use an index."""

    operator_extra_links: tuple[UpstashConsoleLink, ...] = (UpstashConsoleLink(),)

    def __init__(
        self, *, upstash_vector_conn_id: str = UpstashVectorHook.default_conn_name, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.upstash_vector_conn_id = upstash_vector_conn_id

    @cached_property
    def hook(self) -> UpstashVectorHook:
        """The hook on the task's connection."""
        return UpstashVectorHook(self.upstash_vector_conn_id)

    def persist_link(self, context: Context) -> None:
        """Store the URL of the task's link, which Airflow 2 reads from XCom."""
        for link in self.operator_extra_links:
            link.persist(self, context)
