"""The button on a task that leads to where a person can look at the index."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

CONSOLE = "https://console.upstash.com/vector"


class UpstashConsoleLink(BaseOperatorLink):
    """Leads to the vector indexes in the Upstash console; with plain HTTP, so a dev server, to its address."""

    name = "Upstash Console"
    xcom_key = "upstash_console"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address. Airflow 3 asks in the worker; 2.11 in the webserver, which only has the XCom."""
        hook = getattr(operator, "hook", None)
        if hook is None:
            return str(XCom.get_value(key=self.xcom_key, ti_key=ti_key) or CONSOLE)
        try:
            url: str = hook.settings.endpoint.url
        except Exception:  # noqa: BLE001 - the task has told of it; the link must not fail as well
            return CONSOLE
        # the name of an index's host does not tell the id that its page in the console has
        return url if url.startswith("http://") else CONSOLE

    def persist(self, operator: Any, context: Any) -> None:
        """Keep the address as XCom, from within the task; Airflow 3 does that itself."""
        task_instance = context.get("ti")  # none in a test that executes an operator by itself
        if task_instance is not None and not AIRFLOW_V_3_0_PLUS:
            task_instance.xcom_push(key=self.xcom_key, value=self.get_link(operator, ti_key=None))
