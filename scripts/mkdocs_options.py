"""MkDocs hook: fills in the options of a bulk run in a page's table of arguments."""

from __future__ import annotations

from typing import Any

from airflow_provider_upstash_vector.bulk.options import BulkOptions, option_help

PLACEHOLDER = "| <!-- options of a bulk run --> | | |"


def option_rows() -> str:
    """Return a table row for each option but the namespace, whose default is the connection's."""
    rows = []
    for name, text in OPTION_HELP.items():
        default = getattr(BulkOptions, name)
        if name != "namespace":
            shown = "" if default is None else f"`{default!r}`"
            rows.append(f"| `{name}` | {shown} | {text.replace('``', '`')} |")
    return "\n".join(rows)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page with the options in place of the placeholder."""
    return markdown.replace(PLACEHOLDER, option_rows())
