"""The configuration of a host, from the SSH configuration files, the settings and the user's home directory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from pyxenon_core.errors import InvalidPropertyException
from pyxenon_server.adaptors.locations import HostPort
from pyxenon_server.ssh.settings import SshSettings

__all__ = ["HostConfiguration", "Jump", "configure", "expand"]

SYSTEM = Path("/etc/ssh")
SSH_PORT = 22
# Give up a host after a minute of silence, but not after half a minute.
KEEP_ALIVE_SECONDS = 15
KEEP_ALIVE_TRIES = 3
# Fastest first: they are equally strong, and the processors on both sides nearly always accelerate AES.
_CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)


@dataclass(frozen=True)
class Jump:
    """A jump host from the configuration, and the user there; an empty user stands for the one that the configuration names."""

    place: HostPort
    user: str = ""

    def leads_to(self, *places: HostPort) -> bool:
        """Return True if the jump host is one of *places*, by host and port, so that the jump would lead back to it."""
        return any((place.host, place.port or SSH_PORT) == (self.place.host, self.place.port or SSH_PORT) for place in places)


@dataclass(frozen=True)
class HostConfiguration:
    """The configuration of a host, as known before connecting.

    Attributes:
        options: The options for asyncssh, including the configuration.
        known_hosts_files: The known-hosts files to search for the host's key.
        identity_files: The private keys that the configuration names; may be empty.
        certificate_files: The certificates that the configuration names for these keys.
        identities_only: True if the only agent keys that may be used are those in *identity_files*.
        agent: The socket of the SSH agent; empty if there is none.
        jumps: The jump hosts, in the order in which they are reached.
    """

    options: asyncssh.SSHClientConnectionOptions
    known_hosts_files: tuple[Path, ...]
    identity_files: tuple[Path, ...]
    certificate_files: tuple[Path, ...]
    identities_only: bool
    agent: str
    jumps: tuple[Jump, ...]

    @property
    def ciphers(self) -> dict[str, Any]:
        """The ciphers to offer, as an option of asyncssh; empty if the configuration sets Ciphers."""
        return {} if "Ciphers" in _names(self.options) else {"encryption_algs": _CIPHERS}

    @property
    def user(self) -> str:
        """The user to log in as."""
        return str(self.options.username)

    @property
    def address(self) -> HostPort:
        """The host's real address and port."""
        return HostPort(self.options.host, self.options.port)


async def configure(adaptor: str, home: Path, settings: SshSettings, place: HostPort, user: str) -> HostConfiguration:
    """Return the configuration of *place*; *user* is the user named in the credential, or an empty string.

    Raises InvalidPropertyException if the SSH configuration cannot be parsed or the known-hosts file does not exist.
    """
    given: dict[str, Any] = {"username": user} if user else {}
    files = _configuration_files(home, settings)
    try:
        options = await _options(place, config=files, **_fixed(settings), **given)
        if options.config.has_match_final():
            options = await _options(place, config=files, final=True, **_fixed(settings), **given)
    except (ValueError, OSError) as error:
        reason = f"cannot connect to {place}: its SSH configuration cannot be used: {error}"
        raise InvalidPropertyException(reason, adaptor=adaptor, hint=_mend(home)) from None
    return HostConfiguration(
        options=options,
        known_hosts_files=_known_hosts_files(adaptor, home, settings, options),
        identity_files=tuple(expand(home, name) for name in _texts(options, "IdentityFile")),
        certificate_files=tuple(expand(home, name) for name in _texts(options, "CertificateFile")),
        identities_only=bool(options.config.get("IdentitiesOnly")),
        agent=_agent(home, options),
        jumps=_jumps(options.tunnel),
    )


def expand(home: Path, name: str) -> Path:
    """Expand a leading ``~`` in *name* to *home*, and ``~user`` to that user's home directory."""
    if name.startswith("~/"):
        return home / name[2:]
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name).absolute()  # No user has that name: a file name that begins with a tilde.


async def _options(place: HostPort, **given: Any) -> asyncssh.SSHClientConnectionOptions:
    options: asyncssh.SSHClientConnectionOptions = await asyncssh.SSHClientConnectionOptions.construct(
        host=place.host, port=place.port or (), **given
    )
    return options


def _fixed(settings: SshSettings) -> dict[str, Any]:
    """Return the options that override the configuration: keys and passwords are supplied on request, and compression is off."""
    return {
        "client_keys": None,
        "agent_path": None,
        "compression_algs": ["none"],
        "x509_trusted_certs": None,
        "keepalive_interval": KEEP_ALIVE_SECONDS,
        "keepalive_count_max": KEEP_ALIVE_TRIES,
        "connect_timeout": settings.timeout or None,
        "login_timeout": 0,
        "encoding": None,
        "request_pty": False,
        "x11_forwarding": False,
        "command": None,
    }


def _configuration_files(home: Path, settings: SshSettings) -> list[str] | None:
    if not settings.load_ssh_config:
        return None
    files = (home / ".ssh" / "config", SYSTEM / "ssh_config")
    return [str(file) for file in files if os.access(file, os.R_OK)] or None


def _known_hosts_files(adaptor: str, home: Path, settings: SshSettings, options: asyncssh.SSHClientConnectionOptions) -> tuple[Path, ...]:
    files: list[Path] = []
    if settings.known_hosts_file:
        files = [expand(home, settings.known_hosts_file)]
        if files[0].is_dir() or not files[0].exists():  # /dev/null is allowed: it stands for an empty file
            raise InvalidPropertyException(
                f"the known-hosts file {files[0]} does not exist or is a directory",
                adaptor=adaptor,
                hint="Set the property that ends with knownHostsFile to the path of a file on the server's machine",
            )
    elif settings.load_known_hosts:
        named = _texts(options, "UserKnownHostsFile") if "UserKnownHostsFile" in _names(options) else None
        files = [expand(home, name) for name in (["~/.ssh/known_hosts", "~/.ssh/known_hosts2"] if named is None else named)]
    if settings.load_known_hosts:
        system = _texts(options, "GlobalKnownHostsFile") or [str(SYSTEM / "ssh_known_hosts"), str(SYSTEM / "ssh_known_hosts2")]
        files += [expand(home, name) for name in system]
    return tuple(files)


def _agent(home: Path, options: asyncssh.SSHClientConnectionOptions) -> str:
    """Return the agent's socket: IdentityAgent is SSH_AUTH_SOCK, a variable, a path, or None if no agent is to be used."""
    name = options.config.get("IdentityAgent", "SSH_AUTH_SOCK") if "IdentityAgent" in _names(options) else "SSH_AUTH_SOCK"
    if name == "SSH_AUTH_SOCK":
        return os.environ.get("SSH_AUTH_SOCK", "")
    return str(expand(home, str(name))) if name else ""


def _jumps(tunnel: object) -> tuple[Jump, ...]:
    if not tunnel or not isinstance(tunnel, str):
        return ()
    return tuple(_jump(part.strip()) for part in tunnel.split(","))


def _jump(text: str) -> Jump:
    user, _, address = text.removeprefix("ssh://").rpartition("@")
    host, colon, port = address.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        return Jump(HostPort(address.strip("[]")), user)
    return Jump(HostPort(host.strip("[]"), int(port)), user)


def _names(options: asyncssh.SSHClientConnectionOptions) -> Sequence[str]:
    return list(options.config.get_options(False))


def _texts(options: asyncssh.SSHClientConnectionOptions, name: str) -> list[str]:
    value = options.config.get(name)
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else []


def _mend(home: Path) -> str:
    return f"Fix {home / '.ssh' / 'config'}, or set the property that ends with loadSshConfig to false"
