"""The properties of a connection: what is declared, and the settings that come of it."""

from __future__ import annotations

import pytest

from pyxenon_core.errors import InvalidPropertyException
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.ssh.settings import SCHEDULER_SSH, SFTP, SshProperties, SshSettings

NAMES = ("strictHostKeyChecking", "loadKnownHosts", "knownHostsFile", "loadSshConfig", "agent", "agentForwarding")


def test_the_scheduler_declares_what_the_release_has_and_a_known_hosts_file() -> None:
    declared = [(item.name, item.kind.name, item.default_text) for item in SCHEDULER_SSH.declared]
    prefix = "xenon.adaptors.schedulers.ssh"
    assert declared == [
        (f"{prefix}.strictHostKeyChecking", "BOOLEAN", "true"),
        (f"{prefix}.loadKnownHosts", "BOOLEAN", "true"),
        (f"{prefix}.knownHostsFile", "STRING", ""),
        (f"{prefix}.loadSshConfig", "BOOLEAN", "true"),
        (f"{prefix}.agent", "BOOLEAN", "false"),
        (f"{prefix}.agentForwarding", "BOOLEAN", "false"),
        (f"{prefix}.timeout", "LONG", "10000"),
    ]


def test_sftp_declares_the_same_with_a_time_limit_of_its_own() -> None:
    prefix = "xenon.adaptors.filesystems.sftp"
    assert [item.name for item in SFTP.declared] == [f"{prefix}.{name}" for name in (*NAMES, "connection.timeout")]
    assert SFTP.declared[-1].kind.name == "NATURAL"


@pytest.mark.parametrize("properties", [SCHEDULER_SSH, SFTP])
def test_the_defaults_are_those_of_the_settings(properties: SshProperties) -> None:
    assert properties.settings(Properties.check("x", properties.declared, {})) == SshSettings()


def test_what_is_given_arrives_with_the_time_limit_in_seconds() -> None:
    prefix = "xenon.adaptors.filesystems.sftp."
    values = dict(zip(NAMES, ("false", "false", "/known", "false", "true", "true"), strict=True))
    given = {prefix + name: value for name, value in {**values, "connection.timeout": "2500"}.items()}
    settings = SFTP.settings(Properties.check("sftp", SFTP.declared, given))
    assert settings == SshSettings(False, False, "/known", False, True, True, 2.5)


def test_what_a_scheduler_was_given_is_the_same_for_its_file_system() -> None:
    prefix = "xenon.adaptors.schedulers.ssh."
    values = dict(zip(NAMES, ("false", "false", "/known", "false", "true", "true"), strict=True))
    given = {prefix + name: value for name, value in {**values, "timeout": "2500"}.items()}
    properties = Properties.check("ssh", SCHEDULER_SSH.declared, given)
    renamed = SCHEDULER_SSH.given_as(SFTP, properties)
    assert SFTP.settings(Properties.check("sftp", SFTP.declared, renamed)) == SCHEDULER_SSH.settings(properties)
    assert SCHEDULER_SSH.given_as(SFTP, Properties.check("ssh", SCHEDULER_SSH.declared, {})) == {}


def test_a_time_limit_below_zero_is_refused() -> None:
    with pytest.raises(InvalidPropertyException, match=r"schedulers\.ssh\.timeout cannot be '-1'"):
        Properties.check("ssh", SCHEDULER_SSH.declared, {"xenon.adaptors.schedulers.ssh.timeout": "-1"})
