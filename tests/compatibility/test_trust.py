"""Which hosts and keys the released server accepts over ssh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncssh
import attrs
import pytest

import xenon
from xenon.exceptions import XenonException

pytestmark = [pytest.mark.xenon_docker, pytest.mark.parametrize("adaptor", ["sftp", "ssh"])]


@pytest.fixture
def stranger(released_container: Any, adaptor: str) -> Any:
    """A host whose keys no known-hosts file has, with Xenon's session open."""
    server = attrs.evolve(released_container("ssh", copy="stranger"), known_hosts="")
    server.client.prepare(server)
    return server


def access(server: Any, adaptor: str) -> Any:
    return server.files if adaptor == "sftp" else server.jobs[0]


def opened(server: Any, adaptor: str, credential: Any, **properties: str) -> Any:
    """A file system or scheduler with *properties* set, which are told without their prefix."""
    way = access(server, adaptor)
    prefix = next(iter(way.properties)).rpartition(".")[0]
    settings = {**way.properties, **{f"{prefix}.{name}": value for name, value in properties.items()}}
    session = server.client.session()
    made, kind = (session.client.filesystems, xenon.FileSystem) if adaptor == "sftp" else (session.client.schedulers, xenon.Scheduler)
    created: Any = made.create(adaptor, way.location, settings, credential)
    return kind(session, session.portal.call(created))


def use(server: Any, adaptor: str, **properties: str) -> None:
    """Connect, and ask something."""
    with opened(server, adaptor, server.certificate_credential, **properties) as handle:
        assert handle.is_open()


def is_refused(server: Any, adaptor: str, **properties: str) -> bool:
    try:
        use(server, adaptor, **properties)
    except XenonException:
        return True
    return False


def test_unknown_host(stranger: Any, adaptor: str) -> None:
    """Refuse a host whose key is not known"""
    assert is_refused(stranger, adaptor), "the host was accepted"


def test_unknown_host_without_known_hosts(stranger: Any, adaptor: str) -> None:
    """Refuse an unknown host with `loadKnownHosts` off and `strictHostKeyChecking` on"""
    assert is_refused(stranger, adaptor, loadKnownHosts="false"), "the host was accepted"


def test_changed_key(released_container: Any, adaptor: str) -> None:
    """Refuse a host whose key has changed"""
    changed = released_container("ssh", copy=f"changed-{adaptor}")
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()[:2]
    names = changed.known_hosts.split()[0]
    changed = attrs.evolve(changed, known_hosts=f"{names} {' '.join(other)}\n")
    changed.client.prepare(changed)
    assert is_refused(changed, adaptor), "the host was accepted"


@pytest.mark.parametrize(("kind", "form"), [("ssh-ed25519", "openssh"), ("ecdsa-sha2-nistp256", "pkcs1-pem")], ids=["ed25519", "ecdsa"])
def test_keys(server: Any, adaptor: str, tmp_path: Path, kind: str, form: str) -> None:
    """Log in with an Ed25519 key (OpenSSH's form) and an ECDSA key (PEM)"""
    use(with_key(server, tmp_path, kind, form), adaptor)


def test_rsa_key(server: Any, adaptor: str, tmp_path: Path) -> None:
    """Log in with an RSA key, on today's OpenSSH"""
    use(with_key(server, tmp_path, "ssh-rsa", "openssh"), adaptor)


def test_encrypted_key(server: Any, adaptor: str, tmp_path: Path) -> None:
    """Log in with a key that has a passphrase"""
    locked = with_key(server, tmp_path, "ecdsa-sha2-nistp256", "pkcs1-pem", "secret")
    key = xenon.CertificateCredential(username=locked.username, certfile=str(locked.private_key), passphrase="secret")
    with opened(locked, adaptor, key) as handle:
        assert handle.is_open()


def with_key(server: Any, folder: Path, kind: str, form: str, passphrase: str | None = None) -> Any:
    """*server* with a new key that may log in."""
    key = asyncssh.generate_private_key(kind)
    path = folder / "key"
    path.write_bytes(key.export_private_key(form, passphrase))
    path.chmod(0o600)
    server.run("cat >>.ssh/authorized_keys", key.export_public_key().decode())
    server = attrs.evolve(server, private_key=path)
    server.client.prepare(server)
    return server
