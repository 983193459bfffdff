"""Redis and PostgreSQL on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from scripts.cluster.processes import ClusterError, Processes, free_port, is_listening

_START_SECONDS = 30.0


def start_redis(processes: Processes) -> str:
    """Start Redis without persistence; return its URL."""
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    processes.start("redis", ["redis-server", *options], os.environ)
    processes.wait("starting Redis", lambda: is_listening(port), _START_SECONDS)
    return f"redis://127.0.0.1:{port}/0"


def start_postgres(processes: Processes, folder: Path) -> str:
    """Start PostgreSQL with a database ``airflow`` in ``folder``; return ``user@host:port/name``."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    data, port = folder / "postgres", free_port()
    data.mkdir()
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(data, "postgres", "postgres")
        folder.chmod(0o755)
    _run(_as_postgres([str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres"]))
    options = ["-D", str(data), "-p", str(port), "-k", str(data), "-c", "listen_addresses=127.0.0.1"]
    durability = ["-c", "fsync=off", "-c", "max_connections=300"]
    processes.start("postgres", _as_postgres([str(programs / "postgres"), *options, *durability]), os.environ)
    processes.wait("starting PostgreSQL", lambda: is_listening(port), _START_SECONDS)
    _run([str(programs / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "airflow"])
    return f"postgres@127.0.0.1:{port}/airflow"


def _as_postgres(command: list[str]) -> list[str]:
    return ["runuser", "-u", "postgres", "--", *command] if os.getuid() == 0 else command


def _run(command: list[str]) -> None:
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", timeout=120)
    if process.returncode != 0:
        raise ClusterError(f"{command[0]} failed: {process.stderr.strip()}")
