"""The ssh server, as OpenSSH's own clients see it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from pyxenon_testing.servers.ssh import SshServer


def test_a_command_runs_and_its_exit_code_comes_back(xenon_ssh: SshServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_ssh)
    assert client.ssh("id -un; cat", b"standard input").stdout == b"xenon\nstandard input"
    assert client.ssh("exit 7", check=False).returncode == 7


def test_a_file_goes_there_and_comes_back(xenon_ssh: SshServer, openssh: Callable[..., Any], tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    (tmp_path / "out").write_bytes(content)
    listing = openssh(xenon_ssh).sftp(
        "mkdir sftp-test",
        f"put {tmp_path}/out sftp-test/file",
        "ls -l sftp-test",
        f"get sftp-test/file {tmp_path}/back",
        "rm sftp-test/file",
    )
    assert f" {len(content)} " in listing
    assert (tmp_path / "back").read_bytes() == content


def test_a_host_with_other_keys_is_refused(xenon_ssh: SshServer, openssh: Callable[..., Any]) -> None:
    name = f"[{xenon_ssh.host}]:{xenon_ssh.port}"
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ"
    done = openssh(attrs.evolve(xenon_ssh, known_hosts=f"{name} {other}\n")).ssh("true", check=False)
    assert done.returncode == 255
    assert b"Host key verification failed" in done.stderr


def test_a_key_that_was_not_made_for_it_is_refused(xenon_ssh: SshServer, openssh: Callable[..., Any], tmp_path: Path) -> None:
    import asyncssh

    other = tmp_path / "other"
    other.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    other.chmod(0o600)
    done = openssh(attrs.evolve(xenon_ssh, private_key=other)).ssh("true", check=False)
    assert b"Permission denied" in done.stderr


def test_two_hosts_have_keys_of_their_own_and_reach_each_other(xenon_container: Any, openssh: Callable[..., Any]) -> None:
    first, second = xenon_container("ssh"), xenon_container("ssh", copy="second")
    assert first.container.id != second.container.id
    assert first.password != second.password
    assert first.private_key.read_bytes() != second.private_key.read_bytes()
    assert not set(first.known_hosts.split()) & set(second.known_hosts.split()) - {"ssh-ed25519", "ecdsa-sha2-nistp256"}
    greeting = openssh(first).ssh(f"exec 3<>/dev/tcp/{second.container.address}/22; head -c 7 <&3").stdout
    assert greeting == b"SSH-2.0"


def test_other_credentials(xenon_container: Any, openssh: Callable[..., Any]) -> None:
    server = xenon_container("ssh", username="ada")
    assert openssh(server).ssh("id -un; pwd").stdout == b"ada\n/home/ada\n"


def test_what_is_asked_of_the_daemon_holds(xenon_container: Any, openssh: Callable[..., Any]) -> None:
    server = xenon_container("ssh", configuration="AcceptEnv GREETING\n")
    client = openssh(server)
    client.config.write_text(client.config.read_text() + "    SetEnv GREETING=hello\n")
    assert client.ssh("echo $GREETING").stdout == b"hello\n"


def test_the_same_options_give_the_same_server(xenon_ssh: SshServer, xenon_container: Any) -> None:
    assert xenon_container("ssh") == xenon_ssh


def test_the_server_does_not_show_its_secrets(xenon_ssh: SshServer) -> None:
    from pyxenon_testing.engine.connection import connect_engine

    shown = f"{xenon_ssh!r} {connect_engine().containers.get(xenon_ssh.container.id).attrs}"
    assert xenon_ssh.password not in shown
    assert "PRIVATE KEY" not in shown
    assert xenon_ssh.password not in xenon_ssh.container.log()


def test_only_this_machine_reaches_it(xenon_ssh: SshServer) -> None:
    from pyxenon_testing.engine.connection import connect_engine

    ports = connect_engine().containers.get(xenon_ssh.container.id).attrs["NetworkSettings"]["Ports"]
    assert [place["HostIp"] for places in ports.values() for place in places or []] == ["127.0.0.1"]
    assert xenon_ssh.host == "127.0.0.1"


def test_only_its_owner_can_read_the_key(xenon_ssh: SshServer) -> None:
    assert xenon_ssh.private_key is not None
    assert xenon_ssh.private_key.stat().st_mode & 0o077 == 0
    assert xenon_ssh.private_key.parent.stat().st_mode & 0o077 == 0


@pytest.mark.xenon_ssh("bullseye", "trixie", "forky")
def test_every_suite(xenon_ssh: SshServer, openssh: Callable[..., Any], request: pytest.FixtureRequest) -> None:
    (suite,) = [suite for suite in ("bullseye", "trixie", "forky") if suite in request.node.name]
    assert f"VERSION_CODENAME={suite}" in openssh(xenon_ssh).ssh("cat /etc/os-release").stdout.decode()
