"""What the SSH configuration, the settings and the home of the user say about a host."""

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
# A host that is silent for a minute is gone; one that is for half a minute may come back.
KEEP_ALIVE_SECONDS = 15
KEEP_ALIVE_TRIES = 3
# The fastest first: both are as strong, and both sides have the processor's help for AES nearly everywhere.
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
    """A host that the configuration says to hop over, and the user there; an empty one for whom the configuration names."""

    place: HostPort
    user: str = ""

    def leads_to(self, *places: HostPort) -> bool:
        """Whether it is the same host and port as one of *places*, so that hopping over it would lead back to it."""
        return any((place.host, place.port or SSH_PORT) == (self.place.host, self.place.port or SSH_PORT) for place in places)


@dataclass(frozen=True)
class HostConfiguration:
    """What is known about a host before anything is sent.

    Attributes:
        options: What asyncssh needs, with the configuration in it.
        known_hosts_files: The files that say which key the host has.
        identity_files: The private keys that the configuration names; empty where it names none.
        certificate_files: The certificates that the configuration names for them.
        identities_only: Whether no key of the agent may be used but those in *identity_files*.
        agent: The socket of the SSH agent; empty where there is none.
        jumps: The hosts to hop over, the first to be reached first.
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
        """The ciphers to offer, as an option of asyncssh; none where the configuration names some."""
        return {} if "Ciphers" in _names(self.options) else {"encryption_algs": _CIPHERS}

    @property
    def user(self) -> str:
        """Who logs in."""
        return str(self.options.username)

    @property
    def address(self) -> HostPort:
        """Where the host really is."""
        return HostPort(self.options.host, self.options.port)


async def configure(adaptor: str, home: Path, settings: SshSettings, place: HostPort, user: str) -> HostConfiguration:
    """Find out about *place*; *user* is who the credential says, or an empty text.

    Raises InvalidPropertyException for a configuration that cannot be understood, and for a known-hosts file that is not there.
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
    """The path *name*, in which a ``~`` at the beginning stands for *home*, and ``~user`` for that user's."""
    if name.startswith("~/"):
        return home / name[2:]
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name).absolute()  # There is no such user, so that it is the name of a file.


async def _options(place: HostPort, **given: Any) -> asyncssh.SSHClientConnectionOptions:
    options: asyncssh.SSHClientConnectionOptions = await asyncssh.SSHClientConnectionOptions.construct(
        host=place.host, port=place.port or (), **given
    )
    return options


def _fixed(settings: SshSettings) -> dict[str, Any]:
    """What no configuration changes: keys and passwords are asked for when it comes to them, and nothing is compressed."""
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
        if files[0].is_dir() or not files[0].exists():  # /dev/null is a way to say that no host is known
            raise InvalidPropertyException(
                f"the known-hosts file {files[0]} does not exist, or is a directory",
                adaptor=adaptor,
                hint="Give the path of a file on the server's machine",
            )
    elif settings.load_known_hosts:
        named = _texts(options, "UserKnownHostsFile") if "UserKnownHostsFile" in _names(options) else None
        files = [expand(home, name) for name in (["~/.ssh/known_hosts", "~/.ssh/known_hosts2"] if named is None else named)]
    if settings.load_known_hosts:
        system = _texts(options, "GlobalKnownHostsFile") or [str(SYSTEM / "ssh_known_hosts"), str(SYSTEM / "ssh_known_hosts2")]
        files += [expand(home, name) for name in system]
    return tuple(files)


def _agent(home: Path, options: asyncssh.SSHClientConnectionOptions) -> str:
    """The agent's socket: IdentityAgent says SSH_AUTH_SOCK, a variable, a path, or (as None) that none is to be used."""
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
    return f"Mend {home / '.ssh' / 'config'}, or set the property that ends with loadSshConfig to false"
