"""MkDocs hook: fills in the options of a bulk run in a page's table of arguments."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from airflow_provider_upstash_vector.bulk.options import OPTION_HELP, BulkOptions

PLACEHOLDER = "| <!-- options of a bulk run --> | | |"


def option_rows() -> str:
    """Return a table row for each option but the namespace, whose default is the connection's."""
    return "\n".join(
        f"| `{option.name}` | {'' if option.default is None else f'`{option.default!r}`'} "
        f"| {OPTION_HELP[option.name].replace('``', '`')} |"
        for option in fields(BulkOptions)
        if option.name != "namespace"
    )


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page with the options in place of the placeholder."""
    return markdown.replace(PLACEHOLDER, option_rows())
