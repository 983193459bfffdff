"""What commands print: text, JSON, and errors; also if nothing can be written."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector.command_line.output import write_line
from airflow_provider_upstash_vector.command_line.program import create_parser, main
from airflow_provider_upstash_vector.command_line.text import as_text
from airflow_provider_upstash_vector.dev_server import DevServer

VALUES: tuple[tuple[Any, str], ...] = (
    ({"a": 1, "long name": None}, "a          1\nlong name  null"),
    ({"n": {"": {"count": 1}, "ns": {"count": 22}}}, 'n\n    count\n""  1\nns  22'),
    (["", "a b", " a", "\x1b[2J", "\u202eé"], '""\na b\n" a"\n"\\u001b[2J"\n"\\u202e\\u00e9"'),
    ([{"id": "m1", "score": 0.5}, {"id": "é", "data": "é"}], "id  score  data\nm1  0.5\né          é"),
    ([{"id": "a", "data": "x" * 70}, None], f"id    data\na     {'x' * 59}…\nnull"),
    ([{"id": "x" * 70, "n": 1}], f"id{' ' * 58}  n\n{'x' * 70}  1"),
    ([], ""),
    ({}, ""),
)


@pytest.mark.parametrize(("value", "text"), VALUES)
def test_values_as_text(value: Any, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.usefixtures("call")
def test_text_is_printed_without_json(
    server: DevServer, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPSTASH_VECTOR_REST_URL", server.url)
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "m0", "vector": [0, 1]}\n')
    printed = {
        ("fetch", "--ids", "m0", "no", "--include-data"): "id    data\nm0    é\nnull\n",
        ("list-namespaces",): '""\nns\nother\n',
        ("check", "--count-between"): "There are 3 vectors; expected at least 1.",
        ("upsert", str(path)): "1 of 1 row upserted",
        ("sync", str(path), "--prefix=m0", "--plan"): "Plan for the default namespace: 1 row",
    }
    for arguments, text in printed.items():
        assert main([*arguments]) == 0
        assert text in capsys.readouterr().out


def test_missing_settings_and_a_wrong_token(
    server: DevServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("UPSTASH_VECTOR_REST_TOKEN", raising=False)
    expected = ((["info"], 2, "The REST URL is missing"), (["info", f"--url={server.url}"], 2, "token is missing"))
    for arguments, code, message in expected:
        assert main([*arguments, "--json"]) == code
        output, errors = capsys.readouterr()
        assert message in json.loads(output)["error"]["message"]
        assert message in errors
    monkeypatch.setenv("UPSTASH_VECTOR_REST_TOKEN", "wrong-token")
    assert main(["info", f"--url={server.url}"]) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert "401" in errors
    assert "wrong-token" not in errors
    assert main(["info", "--url=http://127.0.0.1:1", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["type"], error["retryable"], error["exit_code"]) == ("ConnectionFailed", True, 1)


@pytest.mark.parametrize("arguments", [[], ["--json"], ["no"], ["info", "--no"], ["fetch", "--id", "a"]])
def test_unknown_arguments_exit_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--json"]) == 2
    output, errors = capsys.readouterr()
    assert json.loads(output)["error"]["type"] == "Usage"
    assert errors.startswith("usage: python -m airflow_provider_upstash_vector")
    assert main(arguments[:1]) == 2


def test_options_are_never_abbreviated() -> None:
    parsed = create_parser().parse_args(["sync", "rows.jsonl", "--plan"])
    assert (parsed.mode, parsed.plan_path) == ("plan", None)


def test_a_text_beyond_the_encoding_is_escaped() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    write_line("é", file)
    file.seek(0)
    assert file.read() == "\\xe9\n"


def test_standard_output_that_is_gone(server: DevServer) -> None:
    environment = {**os.environ, "UPSTASH_VECTOR_REST_TOKEN": server.token, "UPSTASH_VECTOR_REST_URL": server.url}
    program = f"{sys.executable} -m airflow_provider_upstash_vector list-namespaces"
    script = f"""
        set -o pipefail
        {program} | true; echo $?
        {program} >&-; echo $?
        {program} > /dev/full; echo $?
    """
    process = subprocess.run(
        ["/bin/bash", "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert process.stdout.splitlines() == ["0", "0", "1"]
    assert process.stderr == "error: [Errno 28] No space left on device\n"
