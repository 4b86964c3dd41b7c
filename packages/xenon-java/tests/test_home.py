"""Whose known hosts the server goes by, seen by connecting to a small SSH server on the loopback interface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

import pyxenon_core
from pyxenon_core.errors import XenonError
from pyxenon_core.messages import CertificateCredential

pytestmark = pytest.mark.java

SECONDS = 60


@asynccontextmanager
async def sftp_server(host_key: asyncssh.SSHKey, client_key: asyncssh.SSHKey) -> AsyncIterator[int]:
    """An SFTP server that lets the owner of *client_key* in; gives its port."""
    allowed = asyncssh.import_authorized_keys(client_key.export_public_key().decode())
    server = await asyncssh.listen("127.0.0.1", 0, server_host_keys=[host_key], authorized_client_keys=allowed, sftp_factory=True)
    async with server:
        yield server.get_port()


async def connect_knowing(home: Path, known_hosts: str, host_key: asyncssh.SSHKey) -> bool:
    """Whether a Java server with *home*, where *known_hosts* stands, opens a file system on a host with *host_key*."""
    client_key = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    certificate = home / "key"
    client_key.write_private_key(certificate)
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh" / "known_hosts").write_text(known_hosts, encoding="ascii")
    (home / ".ssh" / "known_hosts").chmod(0o600)  # the Java server passes over a file that others may write to
    credential = CertificateCredential(username="somebody", certfile=str(certificate))
    async with (
        sftp_server(host_key, client_key) as port,
        await pyxenon_core.connect(f"java:?home={home}") as client,
        await client.filesystems.create("sftp", f"127.0.0.1:{port}", certificate_credential=credential) as filesystem,
    ):
        return await filesystem.exists("/")


@pytest.fixture
def host_key() -> asyncssh.SSHKey:
    """The kind of key that the Java server asks for first."""
    return asyncssh.generate_private_key("ecdsa-sha2-nistp256")


def test_a_host_that_the_home_folder_knows_is_connected_to(tmp_path: Path, host_key: asyncssh.SSHKey) -> None:
    known = f"* {host_key.export_public_key().decode()}"  # any name: Java looks up which one belongs to the address
    assert asyncio.run(asyncio.wait_for(connect_knowing(tmp_path, known, host_key), SECONDS))


@pytest.mark.parametrize("known", ["nothing", "another key"])
def test_a_host_that_the_home_folder_does_not_know_is_refused(tmp_path: Path, host_key: asyncssh.SSHKey, known: str) -> None:
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode()
    lines = "" if known == "nothing" else f"* {other}"
    with pytest.raises(XenonError, match="authentication failed"):
        asyncio.run(asyncio.wait_for(connect_knowing(tmp_path, lines, host_key), SECONDS))
    assert (tmp_path / ".ssh" / "known_hosts").read_text(encoding="ascii") == lines
