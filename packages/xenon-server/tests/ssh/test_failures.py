"""Why a host is not reached: each reason is an error of its own, which says what to do."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from pyxenon_core.errors import InvalidPropertyException, NotConnectedException, Status, XenonError
from pyxenon_core.messages import CertificateCredential, CredentialMap, PasswordCredential
from pyxenon_server.adaptors.locations import HostPort, SshLocation
from pyxenon_testing import SshServer

Connect = Callable[..., Any]


async def refused(connect: Connect, *arguments: Any, **options: Any) -> NotConnectedException:
    """The error that an attempt to connect ends with."""
    with pytest.raises(NotConnectedException) as error:
        async with connect(*arguments, **options):
            pass
    return error.value


def other_key() -> str:
    return " ".join(asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()[:2])


async def test_a_host_that_is_not_known(connect: Connect, home: Path, xenon_ssh: SshServer) -> None:
    (home / ".ssh" / "known_hosts").write_text("", encoding="ascii")
    error = await refused(connect)
    assert error.status is Status.FAILED_PRECONDITION
    what = f"cannot connect to 127.0.0.1:{xenon_ssh.port}"
    assert error.reason.startswith(f"{what}: its host key is not known: it presents ssh-ed25519 SHA256:")
    assert str(home / ".ssh" / "known_hosts") in error.reason
    assert f"`ssh -p {xenon_ssh.port} 127.0.0.1`" in error.hint
    assert f"`ssh-keyscan -p {xenon_ssh.port} 127.0.0.1` to {home / '.ssh' / 'known_hosts'}" in error.hint


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa"])
async def test_a_key_for_the_plain_host_does_not_make_another_port_changed(
    connect: Connect, home: Path, xenon_ssh: SshServer, kind: str
) -> None:
    key = " ".join(asyncssh.generate_private_key(kind).export_public_key().decode().split()[:2])
    (home / ".ssh" / "known_hosts").write_text(f"127.0.0.1 {key}\n", encoding="ascii")
    assert "its host key is not known" in (await refused(connect)).reason


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa"])
async def test_a_host_whose_key_has_changed(connect: Connect, home: Path, xenon_ssh: SshServer, kind: str) -> None:
    key = " ".join(asyncssh.generate_private_key(kind).export_public_key().decode().split()[:2])
    file = home / ".ssh" / "known_hosts"
    file.write_text(f"# one\n[127.0.0.1]:{xenon_ssh.port} {key}\n", encoding="ascii")
    error = await refused(connect)
    assert error.status is Status.FAILED_PRECONDITION
    assert "its host key has changed" in error.reason
    assert f"{asyncssh.import_public_key(key).get_fingerprint()} in {file} line 2" in error.reason
    assert f"`ssh-keygen -R '[127.0.0.1]:{xenon_ssh.port}' -f {file}`" in error.hint


async def test_a_key_that_is_revoked_is_refused_even_without_strictness(connect: Connect, home: Path, xenon_ssh: SshServer) -> None:
    keys = "".join(f"@revoked * {' '.join(line.split()[1:])}\n" for line in xenon_ssh.known_hosts.splitlines())
    (home / ".ssh" / "known_hosts").write_text(xenon_ssh.known_hosts + keys, encoding="ascii")
    for strict in (True, False):
        error = await refused(connect, strict_host_key_checking=strict)
        assert "its host key is revoked" in error.reason
        assert "@revoked" in error.hint


async def test_without_strictness_an_unknown_and_a_changed_key_are_accepted(
    connect: Connect, home: Path, xenon_ssh: SshServer, caplog: pytest.LogCaptureFixture
) -> None:
    for text, state in (("", "is not known"), (f"[127.0.0.1]:{xenon_ssh.port} {other_key()}\n", "has changed")):
        (home / ".ssh" / "known_hosts").write_text(text, encoding="ascii")
        caplog.clear()
        async with connect(strict_host_key_checking=False) as link:
            assert link.user == xenon_ssh.username
        assert f"the host key of 127.0.0.1 port {xenon_ssh.port} {state} and was accepted unchecked" in caplog.text


async def test_known_hosts_that_are_not_to_be_read_make_every_host_unknown(connect: Connect, home: Path, xenon_ssh: SshServer) -> None:
    error = await refused(connect, load_known_hosts=False)
    assert "its host key is not known" in error.reason
    assert "the properties disable known-hosts files" in error.reason
    other = home / "other"
    other.write_text(xenon_ssh.known_hosts, encoding="ascii")
    async with connect(load_known_hosts=False, known_hosts_file=str(other)) as link:
        assert link.user == xenon_ssh.username
    with pytest.raises(InvalidPropertyException, match="does not exist"):
        async with connect(known_hosts_file=str(home / "nowhere")):
            pass


async def test_hashed_known_hosts(connect: Connect, home: Path, xenon_ssh: SshServer) -> None:
    done = await asyncio.create_subprocess_exec(
        "ssh-keygen", "-q", "-H", "-f", str(home / ".ssh" / "known_hosts"), stderr=asyncio.subprocess.DEVNULL
    )
    assert await done.wait() == 0
    assert "127.0.0.1" not in (home / ".ssh" / "known_hosts").read_text(encoding="ascii")
    async with connect() as link:
        assert link.user == xenon_ssh.username


@pytest.mark.xenon_ssh(copy="signed-host", configuration="HostCertificate /etc/ssh/host-cert.pub\n")
async def test_an_authority_for_hosts(connect: Connect, home: Path, xenon_ssh: SshServer) -> None:
    authority = asyncssh.generate_private_key("ssh-ed25519")
    public = xenon_ssh.container.execute(["cat", "/etc/ssh/ssh_host_ed25519_key"])
    key = asyncssh.import_private_key(public)
    known = home / ".ssh" / "known_hosts"
    known.write_text(f"@cert-authority [127.0.0.1]:* {authority.export_public_key().decode()}", encoding="ascii")
    for principal in ("127.0.0.1", "elsewhere.org"):
        certificate = authority.generate_host_certificate(key.convert_to_public(), "host", principals=[principal]).export_certificate()
        script = f"cat >/etc/ssh/host-cert.pub <<'END'\n{certificate.decode()}END\n"
        xenon_ssh.container.execute(["sh", "-c", script])
        xenon_ssh.faults.restart_daemon()
        if principal == "127.0.0.1":
            async with connect() as link:
                assert link.user == xenon_ssh.username
        else:
            error = await refused(connect)
            assert "its host certificate is not valid" in error.reason
            async with connect(strict_host_key_checking=False) as link:
                assert link.user == xenon_ssh.username
    known.write_text(f"@cert-authority [127.0.0.1]:* {other_key()}\n", encoding="ascii")
    assert "its host key has changed" in (await refused(connect)).reason


async def test_a_port_where_nobody_listens(connect: Connect) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        error = await refused(connect, place=SshLocation(HostPort("127.0.0.1", port)))
    assert error.status is Status.UNAVAILABLE
    assert f"port {port} of 127.0.0.1 cannot be reached" in error.reason
    assert "refused" in error.reason
    assert "Check the port" in error.hint


async def test_a_name_that_is_not_known(connect: Connect) -> None:
    error = await refused(connect, place=SshLocation(HostPort("no-such-host.invalid")))
    assert error.reason.startswith("cannot connect to no-such-host.invalid: the host name no-such-host.invalid cannot be resolved: ")
    assert "spelling" in error.hint


async def test_a_host_that_does_not_answer(connect: Connect) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        place = SshLocation(HostPort("127.0.0.1", silent.getsockname()[1]))
        error = await refused(connect, place=place, timeout=0.3)
    assert "did not complete the login within 0.3 seconds" in error.reason
    assert "firewall" in error.hint


async def test_something_that_does_not_speak_ssh(connect: Connect) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        error = await refused(connect, place=SshLocation(HostPort("127.0.0.1", port)))
        assert f"port {port} of 127.0.0.1 ended the connection" in error.reason
        assert "Check that an SSH server listens there" in error.hint
    finally:
        server.close()
        await server.wait_closed()


async def test_a_host_under_an_alias(connect: Connect, home: Path, xenon_ssh: SshServer) -> None:
    (home / ".ssh" / "config").write_text("HostKeyAlias the-cluster\n", encoding="ascii")
    keys = [" ".join(line.split()[1:]) for line in xenon_ssh.known_hosts.splitlines()]
    known = home / ".ssh" / "known_hosts"
    known.write_text("".join(f"the-cluster {key}\n" for key in keys), encoding="ascii")
    async with connect(load_ssh_config=True) as link:
        assert link.user == xenon_ssh.username
    known.write_text(f"the-cluster {other_key()}\n", encoding="ascii")
    error = await refused(connect, load_ssh_config=True)
    assert "its host key has changed" in error.reason
    assert f"`ssh-keygen -R 'the-cluster' -f {known}`" in error.hint


def secrets_in(error: BaseException | None, secret: str) -> list[str]:
    """Where *secret* stands in what a traceback with variables would show of our code and the library's."""
    found: list[str] = []
    while error is not None:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format(chain=False))
        ours = [part for part in shown.split("\n  File ") if "/pyxenon_server/" in part or "/asyncssh/" in part or "Error" in part]
        found += [part for part in ours if secret in part]
        error = error.__cause__ or error.__context__
    return found


async def test_no_failure_holds_the_secret(connect: Connect, tmp_path: Path) -> None:
    secret = "q7Zr-secret-word"
    key = tmp_path / "key"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(key), passphrase="another")
    credentials = [
        PasswordCredential(username="xenon", password=secret),
        CertificateCredential(username="xenon", certfile=str(key), passphrase=secret),
        CertificateCredential(username="xenon", certfile="/nowhere", passphrase=secret),
        CredentialMap(password_credential=PasswordCredential(username="xenon", password=secret)),
    ]
    for credential in credentials:
        with pytest.raises(XenonError) as error:
            async with connect(credential):
                pass
        assert secrets_in(error.value, secret) == []
    with pytest.raises(NotConnectedException) as refusal:
        async with connect(credentials[0], load_known_hosts=False):
            pass
    assert secrets_in(refusal.value, secret) == []
