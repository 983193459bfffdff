"""tinyproxy and squid, Debian's HTTP proxies, for tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import trustme

USER = "pr0xy-us3r"
PASSWORD = "p4ss-w0rd.of_s0me-length-4711"  # tinyproxy accepts no other characters

_TIMEOUT_SECONDS = 60.0
_SQUID = """
pid_filename none
shutdown_lifetime 0 seconds
cache_log {folder}/squid.log
access_log none
netdb_filename none
pinger_enable off
cache deny all
coredump_dir none
hosts_file {folder}/hosts
auth_param basic program /bin/sh {folder}/authenticate
auth_param basic children 1 startup=1
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
{port}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def proxy_url(port: int, user: str = USER, password: str = PASSWORD, scheme: str = "http") -> str:
    host = "127.0.0.1" if scheme == "http" else "localhost"
    return f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}"


@contextmanager
def tinyproxy(folder: Path, *settings: str) -> Iterator[int]:
    """Run tinyproxy with authentication; yield its port."""
    port = free_port()
    config = folder / "tinyproxy.conf"
    lines = [f"Port {port}", "Listen 127.0.0.1", f"BasicAuth {USER} {PASSWORD}", "MaxClients 20", *settings]
    config.write_text("\n".join([*lines, ""]))
    with _running("tinyproxy", "-d", "-c", str(config), port=port):
        yield port


@contextmanager
def squid(certificate: trustme.LeafCert | None = None) -> Iterator[int]:
    """Run squid with authentication, over TLS if it has a certificate; yield its port.

    To it, ``index.test`` is this machine.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="upstash-vector-squid-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # squid that root starts has another user
        (folder / "hosts").write_text("127.0.0.1 index.test\n")
        (folder / "authenticate").write_text(
            f'while read -r line; do [ "$line" = "{USER} {PASSWORD}" ] && echo OK || echo ERR; done\n'
        )
        line = f"http_port 127.0.0.1:{port}"
        if certificate:
            certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "proxy.pem"))
            line = f"https_port 127.0.0.1:{port} tls-cert={folder}/proxy.pem"
        (folder / "squid.conf").write_text(_SQUID.format(folder=folder, port=line))
        (folder / "squid.log").touch()
        (folder / "squid.log").chmod(0o666)
        # the name of the service is that of its shared memory
        arguments = ("-N", "-n", f"test{os.getpid()}x{port}", "-f", str(folder / "squid.conf"))
        with _running("squid", *arguments, port=port):
            yield port


@contextmanager
def _running(name: str, *arguments: str, port: int) -> Iterator[None]:
    program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, f"{name} is missing: run scripts/install-{name}"
    with subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_TIMEOUT_SECONDS)
            process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _TIMEOUT_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"the proxy did not start: {process.poll()}")
