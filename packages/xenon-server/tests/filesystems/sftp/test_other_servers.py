"""The adaptor sftp on servers that are not OpenSSH: asyncssh's, with and without extensions, which works on requests in any order."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest
from asyncssh.sftp import SFTPServerHandler

from xenon_core.errors import DirectoryNotEmptyException, InvalidPathException, IOException, NoSuchPathException, PathAlreadyExistsException
from xenon_core.messages import PasswordCredential
from xenon_server.adaptor import Opening
from xenon_server.filesystems.sftp import SftpFileSystem
from xenon_server.locations import HostPort, SshLocation
from xenon_server.properties import Properties
from xenon_server.resources import Resources
from xenon_server.ssh.settings import SshSettings


class Doorman(asyncssh.SSHServer):
    """Lets everybody in who knows the password."""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == "open sesame"


@pytest.fixture(params=["with extensions", "without extensions"])
def extensions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the server has the extensions that asyncssh's has."""
    if request.param == "without extensions":
        monkeypatch.setattr(SFTPServerHandler, "_extensions", [])
    return bool(request.param == "with extensions")


@contextlib.asynccontextmanager
async def opened(tmp_path: Path) -> AsyncIterator[SftpFileSystem]:
    """The files of a server in this process, opened with :meth:`SftpFileSystem.open_at`."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    async with asyncssh.listen("127.0.0.1", 0, server_factory=Doorman, server_host_keys=[key], sftp_factory=True) as server:
        port = server.get_port()
        (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
        resources = Resources(tmp_path)
        opening = Opening("", PasswordCredential("ada", "open sesame"), Properties.check("sftp", (), {}), resources)
        settings = SshSettings(known_hosts_file=str(tmp_path / "known_hosts"), load_ssh_config=False)
        files = await SftpFileSystem.open_at(SshLocation(HostPort("127.0.0.1", port), str(tmp_path)), opening, settings)
        try:
            yield files
        finally:
            await files.close()
            await resources.close()


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


async def content(files: SftpFileSystem, path: str) -> bytes:
    return b"".join([piece async for piece in files.read(path)])


async def test_files_go_there_and_back(tmp_path: Path, extensions: bool) -> None:
    (tmp_path / "folder").mkdir()
    path, data = f"{tmp_path}/folder/file", os.urandom(3_000_000)
    async with opened(tmp_path) as files:
        assert await files.start_directory() == str(tmp_path)
        await files.write(path, pieces(data))
        assert await content(files, path) == data
        with pytest.raises(PathAlreadyExistsException):
            await files.write(path, pieces(b"other"))
        await files.write(path, pieces(b"second"), replace=True)
        await files.append(path, pieces(b" and", b" more"))
        assert await content(files, path) == b"second and more"
        assert os.listdir(tmp_path / "folder") == ["file"]  # noqa: PTH208 - names are wanted


async def test_whoever_comes_first_is_not_overwritten(tmp_path: Path, extensions: bool) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"mine"
        (tmp_path / "folder" / "file").write_text("theirs")

    (tmp_path / "folder").mkdir()
    async with opened(tmp_path) as files:
        with pytest.raises(PathAlreadyExistsException):
            await files.write(f"{tmp_path}/folder/file", slow())
    assert (tmp_path / "folder" / "file").read_text() == "theirs"
    assert os.listdir(tmp_path / "folder") == ["file"]  # noqa: PTH208 - as above


async def test_what_is_to_be_replaced_is_kept_when_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SFTPServerHandler, "_extensions", [])
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("old")
    rename = os.rename

    def failing(source: bytes, target: bytes) -> None:
        if target.endswith(b"/file") and open(source, "rb").read() == b"new":  # noqa: PTH123, SIM115 - a test's own
            raise PermissionError(1, "no")
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    async with opened(tmp_path) as files:
        with pytest.raises(IOException, match="gives no reason but 'no'"):
            await files.write(f"{tmp_path}/folder/file", pieces(b"new"), replace=True)
    assert (tmp_path / "folder" / "file").read_text() == "old"
    assert os.listdir(tmp_path / "folder") == ["file"]  # noqa: PTH208 - as above


async def test_a_directory_of_hundreds(tmp_path: Path, extensions: bool) -> None:
    (tmp_path / "folder").mkdir()
    for number in range(700):
        (tmp_path / "folder" / str(number)).touch()
    async with opened(tmp_path) as files:
        found = [entry async for batch in files.list(f"{tmp_path}/folder") for entry in batch]
        with pytest.raises(DirectoryNotEmptyException):
            await files.delete(f"{tmp_path}/folder")
        with pytest.raises(InvalidPathException):
            _ = [batch async for batch in files.list(f"{tmp_path}/folder/1")]
    assert len(found) == 700 and all(entry.is_regular and entry.owner for entry in found)


async def test_names_links_and_directories(tmp_path: Path, extensions: bool) -> None:
    root = f"{tmp_path}/folder"
    async with opened(tmp_path) as files:
        await files.create_directory(root)
        await files.create_symbolic_link(f"{root}/link", "../elsewhere")
        assert await files.read_symbolic_link(f"{root}/link") == "../elsewhere"
        assert os.readlink(f"{root}/link") == "../elsewhere"  # noqa: PTH115 - as above
        await files.create_file(f"{root}/file")
        await files.rename(f"{root}/file", f"{root}/renamed")
        with pytest.raises(PathAlreadyExistsException):
            await files.rename(f"{root}/renamed", f"{root}/link")
        with pytest.raises(NoSuchPathException):
            await files.delete(f"{root}/file")
        await asyncio.gather(files.delete(f"{root}/renamed"), files.delete(f"{root}/link"))
        await files.delete(root)
        assert not await files.exists(root)


async def test_a_copy_is_made_there_or_not_at_all(tmp_path: Path, extensions: bool) -> None:
    (tmp_path / "file").write_bytes(b"data")
    async with opened(tmp_path) as files:
        done = await files.copy_here(files, f"{tmp_path}/file", f"{tmp_path}/copy", False, lambda _count: None)
    assert done == extensions  # asyncssh's server runs no command unless told how
    assert set(os.listdir(tmp_path)) - {"known_hosts"} == ({"file", "copy"} if done else {"file"})  # noqa: PTH208 - as above
