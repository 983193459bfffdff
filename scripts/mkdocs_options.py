"""MkDocs hook: fills in the addresses of the project, bulk options, help of the commands, and the changelog."""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector.bulk.operations.copy import CopyOptions
from airflow_provider_upstash_vector.bulk.operations.delete import DeleteOptions
from airflow_provider_upstash_vector.bulk.operations.update import UpdateOptions
from airflow_provider_upstash_vector.bulk.operations.upsert import UpsertOptions
from airflow_provider_upstash_vector.bulk.options import BulkOptions, option_help
from airflow_provider_upstash_vector.bulk.syncing.options import SyncOptions
from airflow_provider_upstash_vector.command_line import program
from airflow_provider_upstash_vector.command_line.base import EXIT_CODES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

COMMANDS = "<!-- commands -->"
EXIT_CODE_ROWS = "| <!-- exit codes --> | |"
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


def command_help() -> str:
    """Return a section for each command, with what ``--help`` prints."""
    os.environ["COLUMNS"] = "100"  # which argparse reads
    sections = []
    for name in program.COMMANDS:
        output = io.StringIO()
        with suppress(SystemExit), redirect_stdout(output):
            program.create_parser().parse_args([name, "--help"])
        sections.append(f"## {name}\n\n```text\n{output.getvalue().strip()}\n```\n")
    return "\n".join(sections)


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
    exit_codes = "\n".join(f"| {code} | {text} |" for code, text in EXIT_CODES.items())
    markdown = markdown.replace(EXIT_CODE_ROWS, exit_codes)
    return markdown.replace(COMMANDS, command_help()) if COMMANDS in markdown else markdown
