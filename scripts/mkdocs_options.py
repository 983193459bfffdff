"""MkDocs hook: fills in the options of a bulk run in a page's table of arguments."""

from __future__ import annotations

from typing import Any

from airflow_provider_upstash_vector.bulk.operations.copy import CopyOptions
from airflow_provider_upstash_vector.bulk.operations.delete import DeleteOptions
from airflow_provider_upstash_vector.bulk.operations.update import UpdateOptions
from airflow_provider_upstash_vector.bulk.operations.upsert import UpsertOptions
from airflow_provider_upstash_vector.bulk.options import BulkOptions, option_help
from airflow_provider_upstash_vector.bulk.syncing.options import SyncOptions

PLACEHOLDER = "| <!-- options of {} --> | | |"
_OPERATIONS = (UpdateOptions, UpsertOptions, DeleteOptions, CopyOptions, SyncOptions)


def option_rows(options: type[BulkOptions]) -> str:
    """Return a table row for each option but the namespace, whose default is the connection's."""
    rows = []
    for name, text in option_help(options).items():
        default = getattr(options, name)
        if name != "namespace":
            shown = "" if default is None else f"`{default!r}`"
            rows.append(f"| `{name}` | {shown} | {text.replace('``', '`')} |")
    return "\n".join(rows)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page with the options of an operation in place of its placeholder."""
    for options in _OPERATIONS:
        placeholder = PLACEHOLDER.format(options.run_name())
        if placeholder in markdown:
            markdown = markdown.replace(placeholder, option_rows(options))
    return markdown
