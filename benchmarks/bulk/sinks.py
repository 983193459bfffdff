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
from dataclasses import dataclass
from pathlib import Path

import trustme

RESPONSE = '{"result":{"updated":1}}'
_UPSERTED = '{"result":"Success"}'
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
  client_body_buffer_size 32m;
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
    listen 127.0.0.1:{port} backlog=4096{tls};
    location / {{ echo_read_request_body; {sleep}echo -n '{updated}'; }}
    location /upsert {{ echo_read_request_body; {sleep}echo -n '{upserted}'; }}
  }}"""
_TLS = """ ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.pem"""
# not a loopback address, which no request reaches through a proxy, but on Linux it leads to this machine
_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - a host to connect to


@dataclass(frozen=True, kw_only=True)
class Sinks:
    """The URLs of nginx: over plain http, by delay in ms, and over TLS, whose authority is in ``certificate``.

    ``tls_by_address`` has a host for which proxies are used; nginx runs on ``cores``.
    """

    plain: dict[int, str]
    tls: str
    tls_by_address: str
    certificate: str
    cores: list[int]


@contextmanager
def nginx() -> Iterator[Sinks]:
    """Run nginx on the first core and this process on the last; yield its URLs."""
    if _NGINX is None or not _MODULE.exists():
        raise SystemExit("nginx or its echo module is missing: run scripts/install-nginx")
    *delayed, tls_port = _free_ports(len(DELAYS_MS) + 1)
    ports = dict(zip(DELAYS_MS, delayed, strict=True))
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="bench-bulk-nginx-") as folder:
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(_configuration(folder, ports, tls_port))
        certificate = _write_certificates(Path(folder))
        log = Path(folder, "error.log")
        # Set before the start: the worker that nginx forks inherits it.
        os.sched_setaffinity(0, cores[:1])
        process = subprocess.Popen([_NGINX, "-p", folder, "-e", log, "-c", configuration])
        os.sched_setaffinity(0, cores[-1:])
        try:
            for port in (*delayed, tls_port):
                _wait(port, process, log)
            yield Sinks(
                plain={delay: f"http://127.0.0.1:{port}" for delay, port in ports.items()},
                tls=f"https://localhost:{tls_port}",
                tls_by_address=f"https://{_ANY_ADDRESS}:{tls_port}",
                certificate=str(certificate),
                cores=cores[:1],
            )
        finally:
            os.sched_setaffinity(0, cores)
            process.terminate()
            process.wait(_START_SECONDS)


def nginx_version() -> str:
    """Return the version of nginx."""
    process = subprocess.run([str(_NGINX), "-v"], capture_output=True, text=True, check=True, timeout=120)
    return process.stderr.strip().rpartition("/")[2]


def _configuration(folder: str, ports: dict[int, int], tls_port: int) -> str:
    def server(port: int, sleep: str = "", tls: str = "") -> str:
        return _SERVER.format(port=port, sleep=sleep, tls=tls, updated=RESPONSE, upserted=_UPSERTED)

    servers = [server(port, f"echo_sleep {delay / 1000}; " if delay else "") for delay, port in ports.items()]
    servers.append(server(tls_port, tls=_TLS.format(folder=folder)))
    return _CONFIGURATION.format(module=_MODULE, folder=folder, servers="\n".join(servers))


def _write_certificates(folder: Path) -> Path:
    """Write a server's key and certificate; return the file of the authority that signed it."""
    authority = trustme.CA()
    own = authority.issue_cert("localhost", _ANY_ADDRESS)
    own.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


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
