"""How messages of a command name its options, in errors and in what is logged."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from airflow_provider_upstash_vector.command_line.option_names import OptionNames
from airflow_provider_upstash_vector.command_line.program import create_parser
from tests.command_line.conftest import Call

MESSAGES = (
    ("upsert", 'set if_not_empty="merge" to add', "set --if-not-empty merge to add"),
    ("upsert", "is 'a', and with if_not_empty=\"fail\" all", "is 'a', and with --if-not-empty fail all"),
    ("upsert", "2 failures exceed max_failures=1 (1 row)", "2 failures exceed --max-failures 1 (1 row)"),
    ("upsert", "more than max_failures=0.5%; none", "more than --max-failures 0.5%; none"),
    (
        "upsert",
        "but resume=False; starting over. Set dry_run=True.",
        "but --no-resume; starting over. Set --dry-run.",
    ),
    ("upsert", "cells: pass delimiter=", "cells: pass --delimiter"),
    ("upsert", "max_concurrency must be from 1 to 4,096", "--max-concurrency must be from 1 to 4,096"),
    ("upsert", "which metadata_fields names, format it", "which --metadata-fields names, format it"),
    (
        "upsert",
        "/max_failures=1/page, 'id_field' id_field.jsonl",
        "/max_failures=1/page, 'id_field' id_field.jsonl",
    ),
    ("upsert", "set top_k=5", "set top_k=5"),
    ("update", 'set metadata_update_mode="PATCH".', "set --metadata-update-mode PATCH."),
    ("update", "row 1: metadata_update_mode: must be", "row 1: metadata_update_mode: must be"),
    ("copy", "set another target_namespace", "set another --target-namespace"),
    ("copy", "page_size: must be", "--page-size: must be"),
)


@pytest.mark.parametrize(("command", "message", "rewritten"), MESSAGES)
def test_messages_name_options_of_the_command(command: str, message: str, rewritten: str) -> None:
    names = create_parser().parse_args([command, *["x"] * (command != "copy")]).names
    assert isinstance(names, OptionNames)
    assert names.rewritten(message) == rewritten
    record = logging.LogRecord("name", logging.INFO, "file", 1, "%s", (message,), None)
    assert names.format(record) == rewritten


def test_a_bulk_delete_needs_yes(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    path.write_text("id\nm0\nm1\n")
    delete = ("delete", str(path), "--namespace=ns")
    code, output, errors = call(*delete)
    assert (code, output) == (2, None)
    assert "delete cannot be undone, so it needs --yes, or --dry-run" in errors
    assert call(*delete, "--dry-run")[1]["not_attempted"] == 2
    assert call(*delete, "--yes")[1]["deleted"] == 2
