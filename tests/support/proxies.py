"""tinyproxy, Debian's HTTP proxy, for tests."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "pr0xy-us3r"
PASSWORD = "p4ss-w0rd.of_s0me-length-4711"  # tinyproxy accepts no other characters

_TIMEOUT_SECONDS = 20.0


@contextmanager
def tinyproxy(folder: Path, *settings: str) -> Iterator[int]:
    """Run tinyproxy with authentication; yield its port."""
    program = shutil.which("tinyproxy")
    assert program, "tinyproxy is missing: run scripts/install-tinyproxy"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = folder / "tinyproxy.conf"
    lines = [f"Port {port}", "Listen 127.0.0.1", f"BasicAuth {USER} {PASSWORD}", "MaxClients 20", *settings]
    config.write_text("\n".join([*lines, ""]))
    with subprocess.Popen([program, "-d", "-c", str(config)], stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _TIMEOUT_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"tinyproxy did not start: {process.poll()}")
