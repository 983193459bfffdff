"""Receivers of the requests: an nginx that responds at once or after a delay, and a server that counts bytes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

RESPONSE = '{"result":{"updated":1}}'
DELAYS_MS = (0, 20, 500)

_NGINX = shutil.which("nginx", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")
_MODULE = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")
_START_SECONDS = 10
_IDLE_SECONDS = 60
# Bodies stay in memory and connections stay open, so that the sink is never the bottleneck.
_CONFIGURATION = """
load_module {module};
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout 3600s;
  client_max_body_size 64m;
  client_body_buffer_size 256k;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  default_type application/json;
{servers}
}}
"""
_SERVER = """  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ echo_read_request_body; {sleep}echo -n '{response}'; }}
  }}"""


@contextmanager
def nginx() -> Iterator[dict[int, str]]:
    """Run nginx on the first core and this process on the last; yield a URL for each delay in ms."""
    if _NGINX is None or not _MODULE.exists():
        raise SystemExit("nginx or its echo module is missing: run scripts/install-nginx")
    ports = dict(zip(DELAYS_MS, _free_ports(len(DELAYS_MS)), strict=True))
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="bench-bulk-nginx-") as folder:
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(_configuration(folder, ports))
        log = Path(folder, "error.log")
        # Set before the start: the worker that nginx forks inherits it.
        os.sched_setaffinity(0, cores[:1])
        process = subprocess.Popen([_NGINX, "-p", folder, "-e", log, "-c", configuration])
        os.sched_setaffinity(0, cores[-1:])
        try:
            for port in ports.values():
                _wait(port, process, log)
            yield {delay: f"http://127.0.0.1:{port}" for delay, port in ports.items()}
        finally:
            os.sched_setaffinity(0, cores)
            process.terminate()
            process.wait(_START_SECONDS)


def nginx_version() -> str:
    """Return the version of nginx."""
    process = subprocess.run([str(_NGINX), "-v"], capture_output=True, text=True, check=True, timeout=120)
    return process.stderr.strip().rpartition("/")[2]


def _configuration(folder: str, ports: dict[int, int]) -> str:
    servers = (
        _SERVER.format(port=port, response=RESPONSE, sleep=f"echo_sleep {delay / 1000}; " if delay else "")
        for delay, port in ports.items()
    )
    return _CONFIGURATION.format(module=_MODULE, folder=folder, servers="\n".join(servers))


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:  # all open at once, so that they differ
        sockets = [stack.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in range(count)]
        return [int(listening.getsockname()[1]) for listening in sockets]


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _is_listening(port):
        if time.monotonic() > deadline or process.poll() is not None:
            raise SystemExit(f"nginx did not start: {log.read_text() if log.exists() else process.returncode}")
        time.sleep(0.02)


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class CountingServer:
    """Records the size in bytes of each request, headers included."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.requests: list[int] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # closed
                return
            connection.settimeout(_IDLE_SECONDS)
            threading.Thread(target=self._respond, args=(connection,), daemon=True).start()

    def _respond(self, connection: socket.socket) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(RESPONSE)}\r\n\r\n"
        received = b""
        with connection:
            while chunk := connection.recv(65536):
                received += chunk
                length = _request_length(received)
                if length is not None and len(received) >= length:
                    self.requests.append(length)
                    received = received[length:]
                    connection.sendall((head + RESPONSE).encode())


def _request_length(received: bytes) -> int | None:
    head, end, _ = received.partition(b"\r\n\r\n")
    if not end:
        return None
    lengths = [
        int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    ]
    assert lengths, "a request without a Content-Length"
    return len(head) + len(end) + lengths[0]
