"""The servers that the suite holds the interface on, each started when the first test wants it, and each with a home of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

import asyncssh

import xenon
from pyxenon_java.keys import write_keys
from pyxenon_testing.servers.ssh import SshServer

__all__ = ["EMBEDDED", "JAVA", "OURS", "SERVERS", "SOCKET", "Servers"]

EMBEDDED = "embedded"
SOCKET = "socket"
JAVA = "java"
SERVERS = (EMBEDDED, SOCKET, JAVA)
OURS = (EMBEDDED, SOCKET)
SECONDS_TO_START = 60


class Servers:
    """The sessions on the servers, by name.

    Args:
        folder: Where each server gets its home, keys and log.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sessions: dict[str, xenon.Session] = {}
        self._process: subprocess.Popen[bytes] | None = None
        for server in SERVERS:
            (self.home(server) / ".ssh").mkdir(mode=0o700, parents=True)

    def home(self, server: str) -> Path:
        """The home folder of a server."""
        return self._folder / server / "home"

    def session(self, server: str) -> xenon.Session:
        """The session on a server."""
        if server not in self._sessions:
            self._sessions[server] = xenon.Session(self._target(server))
        return self._sessions[server]

    def learn(self, host: SshServer) -> None:
        """Let every server know the keys of *host*."""
        for server in SERVERS:
            with self._known_hosts(server).open("a") as known_hosts:
                known_hosts.write(host.known_hosts)

    @contextlib.contextmanager
    def having_key(self, server: str, host: SshServer) -> Iterator[None]:
        """Let the user whom a server runs as have the key with which to log in on *host*."""
        assert host.private_key is not None
        path = self.home(server) / ".ssh" / "id_ecdsa"
        path.touch(mode=0o600)
        path.write_bytes(host.private_key.read_bytes())
        yield
        path.unlink()

    @contextlib.contextmanager
    def knowing_wrongly(self, server: str, host: SshServer) -> Iterator[None]:
        """Let a server know *host* by keys that it does not have."""
        path = self._known_hosts(server)
        before = path.read_text()
        key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()
        path.write_text(f"{before}{host.known_hosts.split()[0]} {' '.join(key[:2])}\n")
        yield
        path.write_text(before)

    def close(self) -> None:
        """End the sessions, and the server that was started for one of them."""
        for session in self._sessions.values():
            session.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(SECONDS_TO_START)

    def _known_hosts(self, server: str) -> Path:
        return self.home(server) / ".ssh" / "known_hosts"

    def _target(self, server: str) -> str:
        if server == SOCKET:
            return self._start()
        return f"{server}:?home={quote(str(self.home(server)))}"

    def _start(self) -> str:
        """Start ``xenon-server`` on a free port of this machine with mutual TLS; gives the target for it."""
        folder = self._folder / SOCKET
        keys = write_keys(folder)
        port = _free_port()
        options = {
            "--port": str(port),
            "--server-cert-chain": str(keys.server_certificate),
            "--server-private-key": str(keys.server_key),
            "--client-cert-chain": str(keys.client_certificate),
        }
        self._process = start_server(folder / "log", self.home(SOCKET), options)
        _await(port, self._process, folder / "log")
        tls = {"ca": str(keys.server_certificate), "cert": str(keys.client_certificate), "key": str(keys.client_key)}
        return f"grpcs://localhost:{port}?{urlencode(tls)}"


def start_server(log: Path, home: Path, options: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start ``xenon-server`` with *options*, in *home*, with its output in *log*."""
    command = [str(Path(sys.executable).parent / "xenon-server"), *(text for option in options.items() for text in option)]
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env={**os.environ, "HOME": str(home)})


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, f"xenon-server ended with {process.returncode}: {log.read_text()}"
            assert time.monotonic() < deadline, f"xenon-server does not listen: {log.read_text()}"
            time.sleep(0.05)
