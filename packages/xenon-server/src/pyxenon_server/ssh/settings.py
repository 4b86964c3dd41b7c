"""The properties of an SSH connection, which several adaptors declare under names of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyxenon_server.adaptors.properties import Properties, Property, boolean, long, natural, string

__all__ = ["SCHEDULER_SSH", "SFTP", "SshProperties", "SshSettings"]

DEFAULT_TIMEOUT = 10_000
MILLISECONDS = 1000


@dataclass(frozen=True)
class SshSettings:
    """How to connect over SSH.

    Attributes:
        strict_host_key_checking: Refuse a host whose key is not known; if False, accept any key, with a warning in the log.
        load_known_hosts: Read the known-hosts files of the user and of the system.
        known_hosts_file: The known-hosts file to read instead of the user's; empty for the user's.
        load_ssh_config: Read the user's and the system's SSH configuration.
        agent: Use the keys of the SSH agent in addition to a private key file. A default credential always uses the agent.
        agent_forwarding: Let the remote host use the SSH agent, too.
        timeout: Seconds that connecting and logging in to a host may take; 0 for no limit.
    """

    strict_host_key_checking: bool = True
    load_known_hosts: bool = True
    known_hosts_file: str = ""
    load_ssh_config: bool = True
    agent: bool = False
    agent_forwarding: bool = False
    timeout: float = DEFAULT_TIMEOUT / MILLISECONDS


class SshProperties:
    """The properties of an SSH connection, with names that begin with *prefix*.

    Args:
        prefix: The prefix of the names, without the last dot.
        timeout: The rest of the name of the timeout property.
        timeout_type: :func:`~pyxenon_server.adaptors.properties.long` or :func:`~pyxenon_server.adaptors.properties.natural`.
    """

    def __init__(self, prefix: str, *, timeout: str, timeout_type: Callable[[str, int, str], Property[int]]) -> None:
        self._strict = boolean(
            f"{prefix}.strictHostKeyChecking",
            True,
            "Refuse a host whose key is not in a known-hosts file. If false, accept any key that is not revoked.",
        )
        self._load_known_hosts = boolean(
            f"{prefix}.loadKnownHosts", True, "Read the known-hosts files of the user (~/.ssh/known_hosts) and of the system."
        )
        self._known_hosts_file = string(
            f"{prefix}.knownHostsFile", "", "Path of a known-hosts file on the server's machine to read instead of ~/.ssh/known_hosts."
        )
        self._load_ssh_config = boolean(f"{prefix}.loadSshConfig", True, "Read ~/.ssh/config and the system's SSH configuration.")
        self._agent = boolean(
            f"{prefix}.agent",
            False,
            "Use the keys of the SSH agent in addition to the credential's private key. A default credential always uses the agent.",
        )
        self._agent_forwarding = boolean(f"{prefix}.agentForwarding", False, "Let commands on the remote host use the SSH agent.")
        self._timeout = timeout_type(
            f"{prefix}.{timeout}", DEFAULT_TIMEOUT, "Milliseconds that connecting and logging in to each host may take; 0 for no limit."
        )

    @property
    def declared(self) -> tuple[Property[bool] | Property[str] | Property[int], ...]:
        """The properties for an adaptor to declare."""
        return (
            self._strict,
            self._load_known_hosts,
            self._known_hosts_file,
            self._load_ssh_config,
            self._agent,
            self._agent_forwarding,
            self._timeout,
        )

    def settings(self, properties: Properties) -> SshSettings:
        """Return the settings from the adaptor's *properties*."""
        return SshSettings(
            strict_host_key_checking=properties[self._strict],
            load_known_hosts=properties[self._load_known_hosts],
            known_hosts_file=properties[self._known_hosts_file],
            load_ssh_config=properties[self._load_ssh_config],
            agent=properties[self._agent],
            agent_forwarding=properties[self._agent_forwarding],
            timeout=properties[self._timeout] / MILLISECONDS,
        )

    def given_as(self, other: SshProperties, properties: Properties) -> dict[str, str]:
        """Return the connection properties that were given, renamed to those of *other*."""
        pairs = zip(self.declared, other.declared, strict=True)
        return {theirs.name: properties.given[ours.name] for ours, theirs in pairs if ours.name in properties.given}


def _duration(name: str, default: int, description: str) -> Property[int]:
    return long(name, default, description, least=0)


SCHEDULER_SSH = SshProperties("xenon.adaptors.schedulers.ssh", timeout="timeout", timeout_type=_duration)
SFTP = SshProperties("xenon.adaptors.filesystems.sftp", timeout="connection.timeout", timeout_type=natural)
