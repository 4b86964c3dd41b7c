"""Who may log in, and how a client knows the host: made anew for each server."""

from __future__ import annotations

import secrets
from pathlib import Path

import attrs

__all__ = ["Login", "make_login"]

PASSWORD_BYTES = 18
# Both kinds of host key, since clients differ in which they prefer.
HOST_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256")


@attrs.frozen
class Login:
    """An account on a server, and the server's own keys.

    Attributes:
        username: The account's name.
        password: Its password. Left out of the repr.
        private_key: The file with the key that may log in: PEM, mode 0600, no passphrase.
        public_key: The line for ``authorized_keys``.
        host_public_keys: What the server shows, each as ``TYPE BASE64``.
        host_private_keys: What proves it, by file name. Left out of the repr.
    """

    username: str
    password: str = attrs.field(repr=False)
    private_key: Path
    public_key: str
    host_public_keys: tuple[str, ...]
    host_private_keys: dict[str, str] = attrs.field(repr=False)

    def known_hosts(self, host: str, port: int) -> str:
        """The lines for a known-hosts file that say which keys the server on *port* of *host* has."""
        name = host if port == 22 else f"[{host}]:{port}"
        return "".join(f"{name} {key}\n" for key in self.host_public_keys)


def make_login(username: str, folder: Path) -> Login:
    """A new login for *username*, with the private key in *folder*, which must exist and be private."""
    import asyncssh

    key = asyncssh.generate_private_key("ecdsa-sha2-nistp256", comment=username)
    path = folder / "id_ecdsa"
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
