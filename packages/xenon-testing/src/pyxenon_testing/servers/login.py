"""The account and the host keys of a server, new for each server."""

from __future__ import annotations

import functools
import secrets
import socket
from pathlib import Path

import attrs

__all__ = ["KEY_FILE", "LOOPBACK", "Login", "make_login"]

LOOPBACK = "127.0.0.1"
SSH_PORT = 22
KEY_FILE = "id_ecdsa"
PASSWORD_BYTES = 18
# Two types of host key, because clients prefer different ones.
HOST_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256")


@attrs.frozen
class Login:
    """An account on a server, and the server's host keys.

    Attributes:
        username: The account's name.
        password: The account's password. Not in the repr.
        private_key: The file with the account's private key: PEM, mode 0600, no passphrase.
        public_key: The line for ``authorized_keys``.
        host_public_keys: The public host keys, each as ``TYPE BASE64``.
        host_private_keys: The private host keys, by file name. Not in the repr.
    """

    username: str
    password: str = attrs.field(repr=False)
    private_key: Path
    public_key: str
    host_public_keys: tuple[str, ...]
    host_private_keys: dict[str, str] = attrs.field(repr=False)

    def known_hosts(self, host: str, port: int) -> str:
        """Return the lines for a known-hosts file with the keys of the server on *port* of *host*."""
        names = _loopback_names() if host == LOOPBACK else (host,)
        patterns = ",".join(name if port == SSH_PORT else f"[{name}]:{port}" for name in names)
        return "".join(f"{patterns} {key}\n" for key in self.host_public_keys)


@functools.cache
def _loopback_names() -> tuple[str, ...]:
    """Return the names of the loopback address: ``java:`` looks up host keys by the name of the address."""
    try:
        name = socket.gethostbyaddr(LOOPBACK)[0]
    except OSError:
        name = LOOPBACK
    return tuple(dict.fromkeys((LOOPBACK, "localhost", name)))


def make_login(username: str, folder: Path) -> Login:
    """Create a login for *username*, with the private key in *folder*, which must exist and be private."""
    import asyncssh

    key = asyncssh.generate_private_key("ecdsa-sha2-nistp256", comment=username)
    path = folder / KEY_FILE
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(key.export_private_key("pkcs1-pem"))
    hosts = {kind: asyncssh.generate_private_key(kind, comment="") for kind in HOST_KEYS}
    return Login(
        username=username,
        password=secrets.token_urlsafe(PASSWORD_BYTES),
        private_key=path,
        public_key=key.export_public_key().decode().strip(),
        host_public_keys=tuple(" ".join(host.export_public_key().decode().split()[:2]) for host in hosts.values()),
        host_private_keys={f"ssh_host_{kind.split('-')[1]}_key": host.export_private_key().decode() for kind, host in hosts.items()},
    )
