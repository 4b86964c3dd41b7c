"""vsftpd: files over FTP."""

from __future__ import annotations

import contextlib
import ftplib
import random
import socket

import attrs

from pyxenon_testing.engine.containers import ContainerSpec
from pyxenon_testing.servers.kind import SECRETS, recipe
from pyxenon_testing.servers.login import LOOPBACK, Login
from pyxenon_testing.servers.options import ServerOptions
from pyxenon_testing.servers.server import Server
from pyxenon_testing.servers.storage import StorageKind

__all__ = ["Ftp", "free_ports"]

PORT = 21
# Each running transfer uses one. vsftpd picks a random port, at most ten times, and ends the session if all ten were in use: with twice
# as many ports as are likely to be in use, that happens once in a thousand transfers, with four times as many once in a million.
PASSIVE_PORTS = 20
# Below the range from which systems choose free ports.
LOWEST_PORT, HIGHEST_PORT = 20000, 32000
TRIES = 100
SECONDS_FOR_AN_ANSWER = 10


class Ftp(StorageKind):
    """vsftpd with one account, which logs in with its password and begins in its home."""

    name = "ftp"
    title = "vsftpd: FTP"
    image = recipe("ftp", recipe("common"))
    ports = (PORT,)
    daemon = "vsftpd"

    def spec(self, tag: str, name: str, options: ServerOptions, login: Login) -> ContainerSpec:
        """Add ports for passive connections, with the same numbers outside the container, because the server tells clients the numbers."""
        spec = super().spec(tag, name, options, login)
        passive = free_ports(PASSIVE_PORTS)
        settings = f"pasv_min_port={passive[0]}\npasv_max_port={passive[-1]}\n"
        return attrs.evolve(
            spec,
            ports={**spec.ports, **{port: port for port in passive}},
            files={**spec.files, f"{SECRETS}/vsftpd.conf": settings.encode()},
        )

    def location(self, port: int) -> str:
        """Return host and port."""
        return f"{LOOPBACK}:{port}"

    def probe(self, server: Server) -> str:
        """Log in and list the home, which needs a passive connection."""
        try:
            with ftplib.FTP(timeout=SECONDS_FOR_AN_ANSWER) as client:  # noqa: S321  # this is an FTP server
                client.connect(server.host, server.port)
                client.login(server.username, server.password)
                client.nlst()
        except (OSError, EOFError, ftplib.Error) as error:
            return f"a login with FTP on port {server.port} failed: {error!r}"
        return ""


def free_ports(count: int) -> range:
    """Return *count* consecutive ports that are free on 127.0.0.1 now; raises OSError if none are found."""
    for _ in range(TRIES):
        first = random.randrange(LOWEST_PORT, HIGHEST_PORT - count)  # noqa: S311  # nobody gains from guessing a port
        ports = range(first, first + count)
        if all(_is_free(port) for port in ports):
            return ports
    raise OSError(f"cannot find {count} free ports in a row from {LOWEST_PORT} to {HIGHEST_PORT} on {LOOPBACK}, in {TRIES} tries")


def _is_free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as listener:
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
