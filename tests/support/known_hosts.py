"""A home folder in which servers in Docker are known by names, as the hosts of a reader are."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from pyxenon_testing import SshServer

__all__ = ["home_with"]


def home_with(hosts: Mapping[str, SshServer], folder: Path) -> Path:
    """Make *folder* a home, where ``ssh NAME`` leads to the server of that name; the first one's key is ``~/.ssh/id_ed25519``."""
    ssh = folder / ".ssh"
    ssh.mkdir(mode=0o700, parents=True)
    (ssh / "known_hosts").write_text("".join(server.known_hosts for server in hosts.values()))
    (ssh / "config").write_text("".join(_entry(name, server, ssh) for name, server in hosts.items()))
    return folder


def _entry(name: str, server: SshServer, ssh: Path) -> str:
    key = ssh / ("id_ed25519" if not (ssh / "id_ed25519").exists() else f"{name}_ed25519")
    assert server.private_key is not None
    shutil.copy(server.private_key, key)
    key.chmod(0o600)
    words = (f"Host {name}", f"HostName {server.host}", f"Port {server.port}", f"User {server.username}", f"IdentityFile {key}\n\n")
    return "\n    ".join(words)
