"""Over ssh: which hosts are trusted, which keys log in, what hosts are on the way, and what the account may not do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as LocalPath
from typing import Any

import asyncssh
import pytest

import xenon
from conformance.batch import shell
from conformance.grounds import Ground
from conformance.places import Place, on
from conformance.servers import OURS, Servers
from pyxenon_testing.fixtures.containers import ServerFactory
from pyxenon_testing.servers.ssh import SshServer
from xenon import CertificateCredential, CredentialMap, DefaultCredential, Path, UserCredential
from xenon.exceptions import PermissionDeniedException, XenonException

OVER_SSH = on("sftp", "ssh")
SFTP = on("sftp")


def properties(place: Place, **changes: str) -> Mapping[str, str]:
    """The properties of *place*, some of them changed, which are named without their prefix."""
    prefix = next(iter(place.properties)).rpartition(".")[0]
    return {**place.properties, **{f"{prefix}.{name}": value for name, value in changes.items()}}


@pytest.fixture
def stranger(xenon_container: ServerFactory) -> SshServer:
    """A host whose keys no server knows."""
    return xenon_container("ssh", copy="stranger")


def is_refused(place: Place, host: SshServer, **changes: str) -> str:
    """Why *host* is refused; empty when it is not."""
    key = {"certificate_credential": CertificateCredential(username=host.username, certfile=str(host.private_key))}
    try:
        with place.create(location=f"{host.host}:{host.port}", properties=properties(place, **changes), credential=key) as handle:
            assert handle.is_open()
    except XenonException as error:
        assert error.adaptor == place.adaptor
        return error.reason
    return ""


@OVER_SSH
def test_unknown_host(place: Place, stranger: SshServer) -> None:
    """Refuse a host whose key is not known"""
    assert is_refused(place, stranger), "the host was accepted"


@OVER_SSH
def test_changed_host(servers: Servers, place: Place, stranger: SshServer) -> None:
    """Refuse a host whose key has changed"""
    with servers.knowing_wrongly(place.server, stranger):
        assert is_refused(place, stranger), "the host was accepted"


@OVER_SSH
def test_host_without_check(place: Place, stranger: SshServer) -> None:
    """Accept an unknown host with `strictHostKeyChecking` off"""
    assert not is_refused(place, stranger, strictHostKeyChecking="false")


@OVER_SSH
def test_host_without_known_hosts(place: Place, stranger: SshServer) -> None:
    """Refuse every host with `loadKnownHosts` off and `strictHostKeyChecking` on"""
    assert is_refused(place, stranger, loadKnownHosts="false"), "the host was accepted"


@OVER_SSH
def test_own_key(servers: Servers, place: Place) -> None:
    """Log in with the key of the user whom the server runs as"""
    assert place.host is not None
    own = {"default_credential": DefaultCredential(username=place.host.username)}
    with servers.having_key(place.server, place.host), place.create(credential=own) as handle:
        assert handle.is_open()


KINDS = {"ed25519": ("ssh-ed25519", "openssh"), "ecdsa": ("ecdsa-sha2-nistp256", "pkcs1-pem"), "rsa": ("ssh-rsa", "openssh")}


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[LocalPath, bytes]]:
    """Private keys of each kind in files, with a passphrase, and the public ones."""
    folder = tmp_path_factory.mktemp("keys")
    made = {}
    for name, (kind, form) in KINDS.items():
        key = asyncssh.generate_private_key(kind)
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(key.export_private_key(form, "secret-word"))
        made[name] = folder / name, key.export_public_key()
    return made


@OVER_SSH
@pytest.mark.parametrize("kind", KINDS)
def test_key(place: Place, ground: Ground, keys: Mapping[str, tuple[LocalPath, bytes]], kind: str) -> None:
    """Log in with a key that has a passphrase, and keep that"""
    assert place.host is not None
    private, public = keys[kind]
    ground.run("mkdir -p .ssh && cat >>.ssh/authorized_keys", public)
    given = CertificateCredential(username=place.host.username, certfile=str(private), passphrase="secret-word")
    with place.create(credential={"certificate_credential": given}) as handle:
        told = handle.get_credential()
    assert isinstance(told, CertificateCredential)
    assert told.certfile == given.certfile
    assert not told.passphrase, "the passphrase is told"


@SFTP
def test_wrong_passphrase(place: Place, tmp_path: LocalPath) -> None:
    """Refuse a wrong passphrase, and do not repeat it"""
    assert place.host is not None
    key = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_bytes(key.export_private_key("pkcs1-pem", "right"))
    given = CertificateCredential(username=place.host.username, certfile=str(tmp_path / "key"), passphrase="secret-word")
    with pytest.raises(XenonException) as caught:
        place.create(credential={"certificate_credential": given})
    assert caught.value.adaptor == "sftp"
    assert "secret-word" not in str(caught.value)


def hop(place: Place) -> tuple[str, str]:
    """The host as it is seen from itself, and how it is reached from here."""
    assert place.host is not None
    return f"{place.host.container.address}:22", f"{place.host.host}:{place.host.port}"


@on("ssh", "slurm", without=(("java", "slurm"),))
def test_hop(place: Place, ground: Ground, folder: Path) -> None:
    """Reach a host by way of another"""
    inner, outer = hop(place)
    scheme = "ssh://" if place.adaptor == "slurm" else ""
    with place.create(location=f"{scheme}{inner} via:{outer}") as scheduler:
        job = scheduler.submit_batch_job(shell("echo $SSH_CONNECTION >out", working_directory=str(folder)))
        status = scheduler.wait_until_done(job, timeout=30_000)
    assert status.exit_code == 0 and not status.error_message, status.error_message
    assert ground.run(f"ls '{folder}'") == b"out\n"


@on("ssh")
def test_credentials_of_a_hop(place: Place) -> None:
    """Log in on each host on the way with its own credential"""
    assert place.host is not None
    inner, outer = hop(place)
    key: Any = place.credential["certificate_credential"]
    password = xenon.PasswordCredential(username=place.host.username, password=place.host.password)
    entries = {inner: UserCredential(password_credential=password), outer: UserCredential(certificate_credential=key)}
    with place.create(location=f"{inner} via:{outer}", credential={"credential_map": CredentialMap(entries=entries)}) as scheduler:
        assert scheduler.is_open()


@on("sftp", servers=OURS)
def test_hop_for_files(place: Place) -> None:
    """Reach files by way of another host, which is this project's own"""
    inner, outer = hop(place)
    with place.create(location=f"{inner} via:{outer}") as filesystem:
        assert filesystem.exists("/etc/passwd")


# --- what the account may not do ---


@SFTP
@pytest.mark.parametrize("what", ["read", "list", "create", "write", "delete", "permissions"])
def test_permission_denied(filesystem: xenon.FileSystem, folder: Path, ground: Ground, what: str) -> None:
    """Say that something is not permitted"""
    ground.run(f"cd '{folder}' && echo >secret && mkdir closed && chmod 000 secret closed")
    attempts = {
        "read": lambda: list(filesystem.read_from_file(folder / "secret")),
        "list": lambda: list(filesystem.list(folder / "closed")),
        "create": lambda: filesystem.create_directory("/etc/new"),
        "write": lambda: filesystem.write_to_file("/etc/new", b"content"),
        "delete": lambda: filesystem.delete("/etc/passwd"),
        "permissions": lambda: filesystem.set_posix_file_permissions("/etc/passwd", []),
    }
    with pytest.raises(XenonException) as caught:
        attempts[what]()
    assert type(caught.value) is PermissionDeniedException, f"refused with {type(caught.value).__name__}: {caught.value}"
    assert caught.value.adaptor == "sftp"
    ground.run(f"chmod 700 '{folder}/closed'")
