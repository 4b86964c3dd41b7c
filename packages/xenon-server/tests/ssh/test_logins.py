"""Logging in: keys, certificates, encrypted keys, the agent, passwords and questions, and how a refusal is explained."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from pyxenon_core.errors import (
    CertificateNotFoundException,
    CredentialNotFoundException,
    InvalidCredentialException,
)
from pyxenon_core.messages import (
    CertificateCredential,
    CredentialMap,
    DefaultCredential,
    KeytabCredential,
    PasswordCredential,
    UserCredential,
)
from pyxenon_server.adaptors.locations import HostPort, SshLocation
from pyxenon_testing import SshServer

Connect = Callable[..., Any]
ShellOn = Callable[..., Any]
SECRET = "correct horse battery"


@contextlib.contextmanager
def agent(folder: Path, *keys: Path) -> Iterator[str]:
    """An SSH agent with *keys*; its socket."""
    path = str(folder / "agent.sock")
    started = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert started.stdout is not None
        started.stdout.readline()
        for key in keys:
            subprocess.run(["ssh-add", "-q", str(key)], check=True, env={**os.environ, "SSH_AUTH_SOCK": path}, capture_output=True)
        yield path
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(60)
        started.stdout.close()


def encrypted(server: SshServer, folder: Path, passphrase: str = SECRET, form: str = "openssh") -> Path:
    """The server's key, encrypted by OpenSSH itself."""
    file = folder / f"encrypted-{form}"
    file.touch(mode=0o600)
    file.write_bytes(Path(str(server.private_key)).read_bytes())
    forms = {"openssh": [], "pkcs8": ["-m", "PKCS8"], "pem": ["-m", "PEM"]}
    subprocess.run(["ssh-keygen", "-q", "-p", "-f", str(file), "-N", passphrase, *forms[form]], check=True, capture_output=True)
    assert b"ENCRYPTED" in file.read_bytes() or form == "openssh"
    return file


def unknown_key(folder: Path, name: str = "unknown") -> Path:
    file = folder / name
    file.touch(mode=0o600)
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(file))
    return file


async def login(connect: Connect, credential: Any, **options: Any) -> str:
    async with connect(credential, **options) as link:
        return str(link.user)


async def test_a_private_key(connect: Connect, xenon_ssh: SshServer) -> None:
    assert await login(connect, xenon_ssh.certificate_credential) == xenon_ssh.username


async def test_a_key_below_the_home_folder(connect: Connect, xenon_ssh: SshServer, home: Path) -> None:
    shutil.copy(str(xenon_ssh.private_key), home / "key")
    assert await login(connect, CertificateCredential(username=xenon_ssh.username, certfile="~/key")) == xenon_ssh.username


@pytest.mark.parametrize("form", ["openssh", "pkcs8", "pem"])
async def test_an_encrypted_key(connect: Connect, xenon_ssh: SshServer, tmp_path: Path, form: str) -> None:
    file = encrypted(xenon_ssh, tmp_path, form=form)
    credential = CertificateCredential(username=xenon_ssh.username, certfile=str(file), passphrase=SECRET)
    assert await login(connect, credential) == xenon_ssh.username
    for wrong, words in (("", "the credential has no passphrase for it"), ("no", "the passphrase of the credential is wrong")):
        credential = CertificateCredential(username=xenon_ssh.username, certfile=str(file), passphrase=wrong)
        with pytest.raises(InvalidCredentialException) as error:
            await login(connect, credential)
        assert f"the private key {file} is encrypted, and {words}" in error.value.reason
        assert "Give the passphrase in the credential, or add the key to the SSH agent" in error.value.hint


async def test_a_key_that_is_not_there(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(CertificateNotFoundException, match="the private key /nowhere/key cannot be read: No such file"):
        await login(connect, CertificateCredential(username="xenon", certfile="/nowhere/key"))
    with pytest.raises(CertificateNotFoundException, match="the private key .*~no-such-user/key cannot be read"):
        await login(connect, CertificateCredential(username="xenon", certfile="~no-such-user/key"))
    with pytest.raises(CertificateNotFoundException, match="does not name a private key"):
        await login(connect, CertificateCredential(username="xenon"))
    with pytest.raises(CertificateNotFoundException, match="Is a directory"):
        await login(connect, CertificateCredential(username="xenon", certfile=str(tmp_path)))


async def test_a_file_that_is_no_private_key(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("PuTTY-User-Key-File-3: ssh-ed25519\n", encoding="ascii")
    with pytest.raises(InvalidCredentialException, match="is not a usable private key") as error:
        await login(connect, CertificateCredential(username="xenon", certfile=str(tmp_path / "text")))
    assert "puttygen" in str(error.value)


async def test_a_key_that_the_host_does_not_know(connect: Connect, tmp_path: Path, xenon_ssh: SshServer) -> None:
    key = unknown_key(tmp_path)
    with pytest.raises(InvalidCredentialException) as error:
        await login(connect, CertificateCredential(username="xenon", certfile=str(key)))
    fingerprint = asyncssh.read_private_key(str(key)).get_fingerprint()
    assert error.value.reason == (
        f"cannot log in to 127.0.0.1:{xenon_ssh.port} as xenon: the host refused. "
        f"It offers publickey, password; tried the key ssh-ed25519 {fingerprint}"
    )
    assert "with `ssh-copy-id`" in error.value.hint


@pytest.mark.xenon_ssh(copy="signed-user", configuration="TrustedUserCAKeys /etc/ssh/user-ca.pub\n")
async def test_a_certificate_beside_the_key(connect: Connect, xenon_ssh: SshServer, tmp_path: Path) -> None:
    authority, key = asyncssh.generate_private_key("ssh-ed25519"), unknown_key(tmp_path)
    line = authority.export_public_key().decode().strip()
    xenon_ssh.container.execute(["sh", "-c", f"echo '{line}' >/etc/ssh/user-ca.pub"])
    public = asyncssh.read_private_key(str(key)).convert_to_public()
    signed = authority.generate_user_certificate(public, "ada", principals=[xenon_ssh.username])
    credential = CertificateCredential(username=xenon_ssh.username, certfile=str(key))
    with pytest.raises(InvalidCredentialException, match="the host refused"):
        await login(connect, credential)
    signed.write_certificate(f"{key}-cert.pub")
    assert await login(connect, credential) == xenon_ssh.username


async def test_a_password(connect: Connect, xenon_ssh: SshServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert await login(connect, xenon_ssh.password_credential) == xenon_ssh.username
    with pytest.raises(InvalidCredentialException) as error:
        await login(connect, PasswordCredential(username=xenon_ssh.username, password="not the secret"))
    assert "tried the password" in error.value.reason
    assert "Check the user name and the password" in error.value.hint
    assert "not the secret" not in str(error.value)
    assert xenon_ssh.password not in caplog.text and "not the secret" not in caplog.text


@pytest.mark.xenon_ssh(copy="questions", configuration="PasswordAuthentication no\nKbdInteractiveAuthentication yes\nUsePAM yes\n")
async def test_a_password_as_the_answer_to_a_question(connect: Connect, xenon_ssh: SshServer) -> None:
    assert await login(connect, xenon_ssh.password_credential) == xenon_ssh.username
    with pytest.raises(InvalidCredentialException, match="It offers publickey, keyboard-interactive; tried the password"):
        await login(connect, PasswordCredential(username=xenon_ssh.username, password="wrong"))


@pytest.mark.xenon_ssh(copy="keys-only", configuration="PasswordAuthentication no\nKbdInteractiveAuthentication no\n")
async def test_a_password_for_a_host_that_takes_none(connect: Connect, xenon_ssh: SshServer) -> None:
    with pytest.raises(CredentialNotFoundException, match="It offers publickey; tried nothing") as error:
        await login(connect, xenon_ssh.password_credential)
    assert "The host does not accept passwords: use a certificate credential" in error.value.hint


async def test_the_default_credential_finds_the_users_key(connect: Connect, xenon_ssh: SshServer, home: Path) -> None:
    with pytest.raises(CredentialNotFoundException) as error:
        await login(connect, DefaultCredential(username=xenon_ssh.username))
    assert f"No usable key was found in {home}/.ssh/id_ed25519, " in error.value.reason
    assert "no SSH agent runs" in error.value.reason
    (home / ".ssh" / "id_ecdsa").write_bytes(encrypted(xenon_ssh, home).read_bytes())
    with pytest.raises(CredentialNotFoundException, match=r"id_ecdsa is encrypted \(add it to the agent with `ssh-add`\)"):
        await login(connect, DefaultCredential(username=xenon_ssh.username))
    shutil.copy(str(xenon_ssh.private_key), home / ".ssh" / "id_ecdsa")
    assert await login(connect, DefaultCredential(username=xenon_ssh.username)) == xenon_ssh.username


async def test_the_default_credential_does_as_the_configuration_says(connect: Connect, xenon_ssh: SshServer, home: Path) -> None:
    shutil.copy(str(xenon_ssh.private_key), home / "key")
    (home / ".ssh" / "config").write_text(
        f"Host cluster\n HostName 127.0.0.1\n Port {xenon_ssh.port}\n User {xenon_ssh.username}\n IdentityFile ~/key\n", encoding="ascii"
    )
    place = SshLocation(HostPort("cluster"))
    assert await login(connect, DefaultCredential(), place=place, load_ssh_config=True) == xenon_ssh.username


async def test_the_default_credential_asks_the_agent(
    connect: Connect, xenon_ssh: SshServer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with agent(tmp_path, Path(str(xenon_ssh.private_key))) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        assert await login(connect, DefaultCredential(username=xenon_ssh.username)) == xenon_ssh.username
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))
        with pytest.raises(CredentialNotFoundException, match="the SSH agent has no keys"):
            await login(connect, DefaultCredential(username=xenon_ssh.username))
        (home / ".ssh" / "config").write_text(f"IdentityAgent {path}\n", encoding="ascii")
        assert await login(connect, DefaultCredential(username=xenon_ssh.username), load_ssh_config=True) == xenon_ssh.username


async def test_too_many_keys_in_the_agent(
    connect: Connect, xenon_ssh: SshServer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [unknown_key(tmp_path, f"unknown{number}") for number in range(7)]
    with agent(tmp_path, *keys, Path(str(xenon_ssh.private_key))) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        with pytest.raises(InvalidCredentialException, match="Too many authentication failures") as error:
            await login(connect, DefaultCredential(username=xenon_ssh.username))
        assert "IdentitiesOnly" in error.value.hint
        public = asyncssh.read_private_key(str(xenon_ssh.private_key)).export_public_key()
        (home / ".ssh" / "mine.pub").write_bytes(public)
        for only in ("yes", "no"):
            (home / ".ssh" / "config").write_text(f"IdentitiesOnly {only}\nIdentityFile ~/.ssh/mine\n", encoding="ascii")
            assert await login(connect, DefaultCredential(username=xenon_ssh.username), load_ssh_config=True) == xenon_ssh.username


async def test_the_agent_opens_what_is_encrypted(
    connect: Connect, xenon_ssh: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = CertificateCredential(username=xenon_ssh.username, certfile=str(encrypted(xenon_ssh, tmp_path)))
    with pytest.raises(CredentialNotFoundException, match="no SSH agent is running: SSH_AUTH_SOCK is not set"):
        await login(connect, credential, agent=True)
    with agent(tmp_path, Path(str(xenon_ssh.private_key))) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        assert await login(connect, credential, agent=True) == xenon_ssh.username
        with pytest.raises(InvalidCredentialException, match="has no passphrase for it"):
            await login(connect, credential)


async def test_the_agent_is_forwarded_when_that_is_asked_for(
    shell: ShellOn, xenon_ssh: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with agent(tmp_path, Path(str(xenon_ssh.private_key))) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        async with shell(agent_forwarding=True) as opened:
            assert b"ECDSA" in (await opened.run("ssh-add -l")).stdout
        async with shell() as opened:
            assert (await opened.run('echo "$SSH_AUTH_SOCK"')).stdout == b"\n"
    monkeypatch.delenv("SSH_AUTH_SOCK")
    async with shell(agent_forwarding=True) as opened:
        assert (await opened.run('echo "$SSH_AUTH_SOCK"')).stdout == b"\n"
    assert "cannot forward the SSH agent" in caplog.text


async def test_a_map_of_credentials(connect: Connect, xenon_ssh: SshServer) -> None:
    right = UserCredential(password_credential=xenon_ssh.password_credential)
    wrong = PasswordCredential(username=xenon_ssh.username, password="wrong")
    key = f"127.0.0.1:{xenon_ssh.port}"
    assert await login(connect, CredentialMap(entries={key: right}, password_credential=wrong)) == xenon_ssh.username
    assert await login(connect, CredentialMap(entries={"127.0.0.1": right}, password_credential=wrong)) == xenon_ssh.username
    assert await login(connect, CredentialMap(password_credential=xenon_ssh.password_credential)) == xenon_ssh.username
    with pytest.raises(InvalidCredentialException, match="tried the password"):
        await login(connect, CredentialMap(entries={"127.0.0.1:22": right}, password_credential=wrong))


async def test_a_kind_of_credential_that_ssh_has_no_use_for(connect: Connect) -> None:
    with pytest.raises(InvalidCredentialException, match="a KeytabCredential cannot be used to log in over SSH"):
        await login(connect, KeytabCredential(username="ada", keytabfile="/keytab"))
