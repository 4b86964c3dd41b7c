"""Hosts behind others, hopped over as the location or the SSH configuration says."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyxenon_core.errors import InvalidCredentialException, InvalidLocationException, NotConnectedException
from pyxenon_core.messages import CredentialMap, DefaultCredential, PasswordCredential, UserCredential
from pyxenon_server.adaptors.locations import HostPort, SshLocation
from pyxenon_server.shells.ssh import SshShell
from pyxenon_server.ssh.connections import SshConnections
from pyxenon_server.ssh.settings import SshSettings
from pyxenon_testing import ServerFactory, SshServer

Connect = Callable[..., Any]
SETTINGS = SshSettings(load_ssh_config=False)


@pytest.fixture
def inner(xenon_container: ServerFactory, home: Path, xenon_ssh: SshServer) -> SshServer:
    """A host that is reached through another one, where it answers at its own address; both are known."""
    inner = xenon_container("ssh", copy="inner")
    with (home / ".ssh" / "known_hosts").open("a", encoding="ascii") as known:
        known.write(inner.known_hosts)
    return inner


def behind(jump: SshServer, inner: SshServer) -> SshLocation:
    return SshLocation(HostPort(str(inner.container.address)), via=(HostPort(jump.host, jump.port),))


def for_both(jump: SshServer, inner: SshServer) -> CredentialMap:
    return CredentialMap(
        entries={
            f"{inner.container.address}:22": UserCredential(certificate_credential=inner.certificate_credential),
            f"{jump.host}:{jump.port}": UserCredential(password_credential=jump.password_credential),
        }
    )


async def test_a_host_behind_another(connect: Connect, xenon_ssh: SshServer, inner: SshServer) -> None:
    async with connect(for_both(xenon_ssh, inner), place=behind(xenon_ssh, inner)) as link:
        done = await SshShell(link).run("hostname; echo $SSH_CONNECTION")
        assert inner.run("hostname").strip() in done.stdout.decode()
        assert str(xenon_ssh.container.address) in done.stdout.decode()


async def test_links_over_one_jump_host_share_the_connection_to_it(home: Path, xenon_container: ServerFactory, inner: SshServer) -> None:
    xenon_ssh = xenon_container("ssh", copy="jump-{worker}")  # on which no other test has a connection
    with (home / ".ssh" / "known_hosts").open("a", encoding="ascii") as known:
        known.write(xenon_ssh.known_hosts)
    pool, credential, place = SshConnections(home), for_both(xenon_ssh, inner), behind(xenon_ssh, inner)
    first = await pool.open("ssh", place, credential, SETTINGS)
    second = await pool.open("sftp", place.via and SshLocation(place.via[0]), credential, SETTINGS)
    third = await pool.open("sftp", place, credential, SETTINGS)
    shells = [SshShell(link) for link in (first, second, third)]
    ports = [(await shell.run("echo $SSH_CLIENT")).stdout for shell in shells]
    assert ports[0] == ports[2] != ports[1]
    assert xenon_ssh.container.execute(["sh", "-c", "ss -Htn state established '( sport = :22 )' | wc -l"]).strip() == "1"
    await first.close()
    await third.close()
    assert (await shells[1].run("echo still here")).stdout == b"still here\n"
    await second.close()
    assert pool._routes._routes == {}
    await pool.close()


async def test_each_host_is_checked(connect: Connect, home: Path, xenon_ssh: SshServer, inner: SshServer) -> None:
    credential, place = for_both(xenon_ssh, inner), behind(xenon_ssh, inner)
    (home / ".ssh" / "known_hosts").write_text(xenon_ssh.known_hosts, encoding="ascii")
    with pytest.raises(NotConnectedException) as error:
        async with connect(credential, place=place):
            pass
    address, jump = inner.container.address, f"{xenon_ssh.host}:{xenon_ssh.port}"
    assert f"cannot connect to {address} via {jump}: its host key is not known" in error.value.reason
    (home / ".ssh" / "known_hosts").write_text(inner.known_hosts, encoding="ascii")
    with pytest.raises(NotConnectedException, match=f"cannot connect to {jump}: its host key is not known"):
        async with connect(credential, place=place):
            pass


async def test_each_login_is_told_apart(connect: Connect, xenon_ssh: SshServer, inner: SshServer) -> None:
    for wrong in (xenon_ssh, inner):
        place, credential = behind(xenon_ssh, inner), for_both(xenon_ssh, inner)
        key = f"{inner.container.address}:22" if wrong is inner else f"{xenon_ssh.host}:{xenon_ssh.port}"
        credential.entries[key] = UserCredential(password_credential=PasswordCredential(username="xenon", password="wrong"))
        with pytest.raises(InvalidCredentialException) as error:
            async with connect(credential, place=place):
                pass
        where = f"{inner.container.address} via " if wrong is inner else f"{xenon_ssh.host}:{xenon_ssh.port} as"
        assert f"cannot log in to {where}" in error.value.reason


async def test_a_host_that_the_jump_host_does_not_reach(connect: Connect, xenon_ssh: SshServer) -> None:
    place = SshLocation(HostPort("127.0.0.1", 4), via=(HostPort(xenon_ssh.host, xenon_ssh.port),))
    with pytest.raises(NotConnectedException, match=f"port 4 of 127.0.0.1 cannot be reached from 127.0.0.1:{xenon_ssh.port}"):
        async with connect(place=place):
            pass


@pytest.mark.xenon_ssh(copy="no-forwarding", configuration="AllowTcpForwarding no\n")
async def test_a_jump_host_that_forwards_nothing(connect: Connect, xenon_ssh: SshServer) -> None:
    place = SshLocation(HostPort("127.0.0.1"), via=(HostPort(xenon_ssh.host, xenon_ssh.port),))
    with pytest.raises(NotConnectedException, match="does not forward connections to port 22") as error:
        async with connect(place=place):
            pass
    assert "AllowTcpForwarding" in error.value.hint


async def test_the_configuration_names_the_jump_host(connect: Connect, home: Path, xenon_ssh: SshServer, inner: SshServer) -> None:
    shutil.copy(str(xenon_ssh.private_key), home / "jump-key")
    shutil.copy(str(inner.private_key), home / "inner-key")
    (home / ".ssh" / "config").write_text(
        f"""
        Host jump
            HostName {xenon_ssh.host}
            Port {xenon_ssh.port}
            IdentityFile ~/jump-key
        Host cluster
            HostName {inner.container.address}
            User xenon
            ProxyJump xenon@jump
            IdentityFile ~/inner-key
        """,
        encoding="ascii",
    )
    place = SshLocation(HostPort("cluster"))
    for credential in (DefaultCredential(), inner.password_credential, inner.certificate_credential):
        async with connect(credential, place=place, load_ssh_config=True) as link:
            assert str(xenon_ssh.container.address) in (await SshShell(link).run("echo $SSH_CLIENT")).stdout.decode()


RELAY = """
import socket, sys, threading
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def copy():
    while data := peer.recv(65536):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
threading.Thread(target=copy, daemon=True).start()
while data := sys.stdin.buffer.read1(65536):
    peer.sendall(data)
"""


async def test_a_proxy_command(connect: Connect, home: Path, xenon_ssh: SshServer) -> None:
    (home / "relay.py").write_text(RELAY, encoding="ascii")
    (home / ".ssh" / "config").write_text(
        f"Host cluster\n HostName 127.0.0.1\n Port {xenon_ssh.port}\n ProxyCommand {sys.executable} {home}/relay.py %h %p\n",
        encoding="ascii",
    )
    place = SshLocation(HostPort("cluster"))
    async with connect(place=place, load_ssh_config=True) as link:
        assert (await SshShell(link).run("id -un")).stdout.decode().strip() == xenon_ssh.username
    (home / ".ssh" / "config").write_text("ProxyCommand false\n", encoding="ascii")
    with pytest.raises(NotConnectedException, match="cannot connect to cluster: port 22 of cluster ended the connection"):
        async with connect(place=place, load_ssh_config=True):
            pass


async def test_hosts_that_hop_over_each_other(connect: Connect, home: Path) -> None:
    (home / ".ssh" / "config").write_text("Host a\n ProxyJump b\nHost b\n ProxyJump a\n", encoding="ascii")
    with pytest.raises(InvalidLocationException, match="the jump hosts form a loop: a via b via a"):
        async with connect(DefaultCredential(), place=SshLocation(HostPort("a")), load_ssh_config=True):
            pass


async def test_a_jump_host_for_all_hosts_does_not_hop_over_itself(connect: Connect, home: Path, xenon_ssh: SshServer) -> None:
    (home / ".ssh" / "config").write_text(f"Host *\n ProxyJump {xenon_ssh.host}:{xenon_ssh.port}\n", encoding="ascii")
    async with connect(load_ssh_config=True) as link:
        assert link.user == xenon_ssh.username


@pytest.mark.xenon_ssh(copy="broken-{worker}")
async def test_a_lost_jump_host_is_connected_anew(connect: Connect, xenon_ssh: SshServer, inner: SshServer) -> None:
    async with connect(for_both(xenon_ssh, inner), place=behind(xenon_ssh, inner)) as link:
        shell = SshShell(link)
        first = (await shell.run("echo $SSH_CLIENT")).stdout
        xenon_ssh.faults.drop_connections()
        second = (await shell.run("echo $SSH_CLIENT")).stdout
        assert first != second
