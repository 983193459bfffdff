"""The connection and the commands that the tutorial shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.airflow_home import ROOT


def sections() -> dict[str, str]:
    """Return the text of each step by its heading."""
    _, *texts = re.split(r"^## \d+\. ", (ROOT / "docs/tutorial.md").read_text(), flags=re.MULTILINE)
    return {heading: text for heading, _, text in (text.partition("\n") for text in texts)}


def tutorial_connection() -> dict[str, str]:
    """Return the values of the connection form by label."""
    rows = re.findall(r"^\| ([A-Z][^|]*) \| (.*) \|$", sections()["Add the connection"], re.MULTILINE)
    return {label: value.strip("`") for label, value in rows}


def commands(heading: str) -> Iterator[tuple[str, str]]:
    """Yield each shell block of a step, and the output that the page shows below it, if any."""
    pattern = r"```sh\n(.*?)```(?:\n\n(?:(?!```)[^#\n][^\n]*\n)*\n?```(?:text|json)\n(.*?)```)?"
    yield from re.findall(pattern, sections()[heading], re.DOTALL)


def run(command: str, server: DevServer, folder: Path) -> str:
    """Run a shell block as in a terminal of the tutorial; return what it prints."""
    environ = {
        **os.environ,
        "UPSTASH_VECTOR_REST_URL": server.url,
        "UPSTASH_VECTOR_REST_TOKEN": server.token,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    own_url = re.sub(r"^export UPSTASH_VECTOR_.*$", "", command, flags=re.MULTILINE)
    shell = ["bash", "-euo", "pipefail", "-c", own_url]
    done = subprocess.run(shell, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout
