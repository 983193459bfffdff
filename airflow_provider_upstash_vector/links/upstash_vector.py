"""The link from a task in the Airflow UI to its index."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

__all__ = ["UpstashConsoleLink"]

_CONSOLE_URL = "https://console.upstash.com/vector"


class UpstashConsoleLink(BaseOperatorLink):
    """Links to the vector indexes in the Upstash console or, for plain HTTP, to the dev server."""

    name = "Upstash Console"
    xcom_key = "upstash_console"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the URL. Airflow 3 calls this in the worker; 2.11 in the webserver, which only has the XCom."""
        if not hasattr(type(operator), "hook"):
            return str(XCom.get_value(key=self.xcom_key, ti_key=ti_key) or _CONSOLE_URL)
        try:
            url: str = operator.hook.settings.endpoint.url
        except Exception:  # noqa: BLE001 - the task has logged it; the link must not fail as well
            return _CONSOLE_URL
        # an index's page in the console has another id than its host
        return url if url.startswith("http://") else _CONSOLE_URL

    def persist(self, operator: Any, context: Any) -> None:
        """Store the URL as an XCom from within the task; Airflow 3 does so itself."""
        task_instance = context.get("ti")  # None in a test that executes an operator by itself
        if task_instance is not None and not AIRFLOW_V_3_0_PLUS:
            task_instance.xcom_push(key=self.xcom_key, value=self.get_link(operator, ti_key=None))
