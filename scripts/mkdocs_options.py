"""MkDocs hook: fills in the addresses of the project, the options of bulk runs, and the changelog."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector.bulk.operations.copy import CopyOptions
from airflow_provider_upstash_vector.bulk.operations.delete import DeleteOptions
from airflow_provider_upstash_vector.bulk.operations.update import UpdateOptions
from airflow_provider_upstash_vector.bulk.operations.upsert import UpsertOptions
from airflow_provider_upstash_vector.bulk.options import BulkOptions, option_help
from airflow_provider_upstash_vector.bulk.syncing.options import SyncOptions

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PLACEHOLDER = "| <!-- options of {} --> | | |"
CHANGELOG = "<!-- CHANGELOG.md -->"
_LINK = re.compile(r"\[([^]]+)\]\((?!https?:|#)([^)]+)\)")
_OPERATIONS = (UpdateOptions, UpsertOptions, DeleteOptions, CopyOptions, SyncOptions)


def on_config(config: Any, **_: Any) -> Any:
    """Set the addresses of the project, as far as ``pyproject.toml`` has them."""
    project = tomllib.loads((Path(config.config_file_path).parent / "pyproject.toml").read_text())
    urls = project["project"]["urls"]
    config.repo_url, config.site_url = urls.get("Repository"), urls.get("Documentation")
    return config


def option_rows(options: type[BulkOptions]) -> str:
    """Return a table row for each option but the namespace, whose default is the connection's."""
    rows = []
    for name, text in option_help(options).items():
        default = getattr(options, name)
        if name != "namespace":
            shown = "" if default is None else f"`{default!r}`"
            rows.append(f"| `{name}` | {shown} | {text.replace('``', '`')} |")
    return "\n".join(rows)


def changelog(text: str) -> str:
    """Return ``CHANGELOG.md`` as a page of ``docs/``: links from the repository's root lead there, or are text."""

    def as_page(link: re.Match[str]) -> str:
        title, target = link.groups()
        return f"[{title}]({target.removeprefix('docs/')})" if target.startswith("docs/") else title

    return _LINK.sub(as_page, text)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page with the options of an operation, or the changelog, in place of its placeholder."""
    if CHANGELOG in markdown:
        file = Path(__file__).parent.parent / "CHANGELOG.md"
        markdown = markdown.replace(CHANGELOG, changelog(file.read_text()))
    for options in _OPERATIONS:
        placeholder = PLACEHOLDER.format(options.run_name())
        if placeholder in markdown:
            markdown = markdown.replace(placeholder, option_rows(options))
    return markdown
