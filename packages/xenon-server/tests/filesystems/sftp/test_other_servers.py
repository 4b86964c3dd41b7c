"""The adaptor sftp on servers that are not OpenSSH: asyncssh's, with and without extensions, which works on requests in any order."""

# What is tested is compared with the system's own calls, and no test minds waiting for them.
# ruff: noqa: ASYNC240
from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asyncssh.sftp import SFTPServerHandler

from file_contract import MODES, check_ranges
from pyxenon_core.errors import (
    ConnectionLostException,
    DirectoryNotEmptyException,
    InvalidPathException,
    IOException,
    NoSuchPathException,
    PathAlreadyExistsException,
    UnsupportedOperationException,
)
from pyxenon_core.messages import CopyRequestCopyMode, CopyStatus, DefaultCredential, PasswordCredential
from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.filesystems.common.permissions import permissions_of
from pyxenon_server.filesystems.local.filesystem import LocalFileSystem
from pyxenon_server.filesystems.sftp.filesystem import SftpFileSystem
from pyxenon_server.transfers.copies import Copies, Place


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


def open_request(location: str, home: Path, resources: Resources) -> OpenRequest:
    """Ada's request to open *location*, the host of which is in the known_hosts in *home*."""
    prefix = "xenon.adaptors.filesystems.sftp"
    given = {f"{prefix}.knownHostsFile": str(home / "known_hosts"), f"{prefix}.loadSshConfig": "false"}
    properties = Properties.check(SftpFileSystem.name, SftpFileSystem.properties, given)
    return OpenRequest(location, PasswordCredential("ada", "open sesame"), properties, resources)


@contextlib.asynccontextmanager
async def opened(
    tmp_path: Path, kind: Callable[[Any], asyncssh.SFTPServer] = asyncssh.SFTPServer, shell: Callable[..., Any] | None = None
) -> AsyncIterator[SftpFileSystem]:
    """The files of a server of that *kind* in this process; *shell* runs its commands."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    options: dict[str, Any] = {"server_host_keys": [key], "sftp_factory": kind, "process_factory": shell, "encoding": None}
    async with asyncssh.listen("127.0.0.1", 0, server_factory=Doorman, **options) as server:
        port = server.get_port()
        (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
        resources = Resources(tmp_path)
        files = await SftpFileSystem.open(open_request(f"127.0.0.1:{port}{tmp_path}", tmp_path, resources))
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


async def test_ranges_at_the_edges(tmp_path: Path, extensions: bool) -> None:
    (tmp_path / "folder").mkdir()
    async with opened(tmp_path) as files:
        await check_ranges(files, f"{tmp_path}/folder")


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
        with pytest.raises(IOException, match="refused the operation on .*: 'no'"):
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


class Liar(asyncssh.SFTPServer):
    """Shows a file in the directory ``loot`` under a name that leads out of it."""

    shown = b""

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async for entry in super().scandir(path):
            if entry.filename == b"file":
                entry = asyncssh.SFTPName(self.shown, "", entry.attrs)
            yield entry


@pytest.mark.parametrize("shown", [b"../outside", b"deep/../../outside", b"/etc/outside", b"", b"..\0"])
async def test_a_name_that_leads_out_of_its_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: bytes) -> None:
    """A server that is not to be trusted must not choose where a copy of its files is written."""
    monkeypatch.setattr(Liar, "shown", shown)
    (tmp_path / "loot").mkdir()
    (tmp_path / "loot" / "file").write_text("of the server")
    (tmp_path / "outside").write_text("of the server")
    (tmp_path / "here").mkdir()
    async with opened(tmp_path, Liar) as files:
        local = local_files(tmp_path)
        with pytest.raises(IOException, match="contains an invalid name"):
            _ = [batch async for batch in files.list(f"{tmp_path}/loot")]
        status = await copied(Place(files, f"{tmp_path}/loot"), Place(local, f"{tmp_path}/here/there"))
    assert status.state == "FAILED" and "contains an invalid name" in status.error_message
    assert not list((tmp_path / "here").iterdir())


def local_files(tmp_path: Path) -> LocalFileSystem:
    properties = Properties.check("file", LocalFileSystem.properties, {})
    return LocalFileSystem(OpenRequest("", DefaultCredential(), properties, Resources(tmp_path)), "/")


async def copied(source: Place, target: Place, mode: CopyRequestCopyMode = CopyRequestCopyMode.REPLACE) -> CopyStatus:
    copies = Copies()
    copy = copies.get(source.filesystem, copies.start(source, target, mode, True))
    await copy.wait(None)
    return copy.status()


@pytest.mark.parametrize("size", [100, 3_000_000])
@pytest.mark.parametrize("before", [None, 0o644, 0o666])
@pytest.mark.parametrize("way", ["up", "down", "there"])
async def test_what_is_private_is_so_from_its_first_byte_on(
    tmp_path: Path, extensions: bool, monkeypatch: pytest.MonkeyPatch, size: int, before: int | None, way: str
) -> None:
    """The permissions that the copy of a secret has while it is made, and under its name before they are set, shut all others out."""
    source, target = tmp_path / "source", tmp_path / "folder" / "target"
    target.parent.mkdir()
    source.write_bytes(os.urandom(size))
    source.chmod(0o600)
    if before is not None:
        target.write_text("everybody may read this")
        target.chmod(before)
    seen: list[int] = []
    rename, link, replace = os.rename, os.link, os.replace

    def watched(call: Callable[..., None]) -> Callable[..., None]:
        def watching(*arguments: Any, **options: Any) -> None:
            call(*arguments, **options)
            seen.extend(path.stat().st_mode & 0o077 for path in target.parent.iterdir() if path.stat().st_size == size)

        return watching

    for name, call in (("rename", rename), ("link", link), ("replace", replace), ("chmod", os.chmod)):
        monkeypatch.setattr(os, name, watched(call))
    async with opened(tmp_path) as files:
        here = local_files(tmp_path)
        one, other = {"up": (here, files), "down": (files, here), "there": (files, files)}[way]
        status = await copied(Place(one, str(source)), Place(other, str(target)))
    assert status.state == "DONE", status.error_message
    assert seen and not any(seen), [oct(mode) for mode in seen]
    assert target.read_bytes() == source.read_bytes() and target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("before", [None, 0o600, 0o666])
@pytest.mark.parametrize("mode", MODES)
async def test_a_file_appears_with_its_permissions(
    tmp_path: Path, extensions: bool, monkeypatch: pytest.MonkeyPatch, mode: int, before: int | None
) -> None:
    target = tmp_path / "folder" / "target"
    target.parent.mkdir()
    if before is not None:
        target.touch()
        target.chmod(before)
    written, appeared = list[int](), list[int]()

    async def data() -> AsyncIterator[bytes]:
        yield bytes(100)
        written.extend(path.stat().st_mode & 0o777 for path in target.parent.iterdir() if path != target)
        yield b"end"

    def watched(call: Callable[..., None]) -> Callable[..., None]:
        def watching(*arguments: Any, **options: Any) -> None:
            call(*arguments, **options)
            if target.exists() and target.stat().st_size == 103:
                appeared.append(target.stat().st_mode & 0o777)

        return watching

    for name in ("rename", "link", "replace"):
        monkeypatch.setattr(os, name, watched(getattr(os, name)))
    async with opened(tmp_path) as files:
        await files.write(str(target), data(), replace=before is not None, permissions=permissions_of(mode))
    assert written and not any(found & ~(mode | 0o600) for found in written), [oct(found) for found in written]
    assert appeared and set(appeared) == {mode}, [oct(found) for found in appeared]


async def test_permissions_that_a_server_cannot_set_make_no_file(tmp_path: Path, extensions: bool) -> None:
    class Refusing(asyncssh.SFTPServer):
        def fsetstat(self, _file: object, _attrs: asyncssh.SFTPAttrs) -> None:
            raise asyncssh.SFTPOpUnsupported("no permissions here")

    (tmp_path / "folder").mkdir()
    async with opened(tmp_path, Refusing) as files:
        with pytest.raises(UnsupportedOperationException):
            await files.write(f"{tmp_path}/folder/file", pieces(b"x"), permissions=permissions_of(0o755))
        await files.write(f"{tmp_path}/folder/other", pieces(b"x"))
        await files.write(f"{tmp_path}/folder/other", pieces(b"y"), replace=True)
    assert os.listdir(tmp_path / "folder") == ["other"]  # noqa: PTH208 - as above


async def test_a_link_is_replaced_and_not_followed(tmp_path: Path, extensions: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "outside").write_text("not to be touched")
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "folder" / "dangling").symlink_to(tmp_path / "nothing")
    async with opened(tmp_path) as files:
        for name in ("link", "dangling"):
            await files.write(f"{tmp_path}/folder/{name}", pieces(b"new"), replace=True)
    assert (tmp_path / "outside").read_text() == "not to be touched" and not (tmp_path / "nothing").exists()
    for name in ("link", "dangling"):
        path = tmp_path / "folder" / name
        assert not path.is_symlink() and path.read_text() == "new"
    assert os.listdir(tmp_path / "folder") in (["link", "dangling"], ["dangling", "link"])  # noqa: PTH208 - as above


class Slow(asyncssh.SFTPServer):
    """Renames a second time when it may; or the connection breaks before."""

    renamed = 0
    breaks = False
    may: asyncio.Event
    waits: asyncio.Event

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        Slow.renamed += 1
        if Slow.renamed == 2:
            Slow.waits.set()
            if Slow.breaks:
                self.channel.get_connection().abort()
                raise asyncssh.SFTPFailure("too late")
            await Slow.may.wait()
        super().rename(oldpath, newpath)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> type[Slow]:
    """A server without posix-rename: between its two steps nothing has the name."""
    monkeypatch.setattr(SFTPServerHandler, "_extensions", [])
    Slow.renamed, Slow.breaks, Slow.may, Slow.waits = 0, False, asyncio.Event(), asyncio.Event()
    return Slow


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file that is to be replaced, alone in its directory."""
    file = tmp_path / "folder" / "file"
    file.parent.mkdir()
    file.write_text("old")
    return file


async def test_a_replacement_that_is_cancelled_between_two_steps_loses_nothing(tmp_path: Path, slow: type[Slow], old: Path) -> None:
    async with opened(tmp_path, slow) as files:
        writing = asyncio.ensure_future(files.write(str(old), pieces(b"new"), replace=True))
        await slow.waits.wait()
        assert not old.exists()
        writing.cancel()
        await asyncio.sleep(0.05)
        slow.may.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert old.read_text() in ("old", "new")
    assert os.listdir(old.parent) == ["file"]  # noqa: PTH208 - as above


async def test_a_replacement_whose_connection_breaks_between_two_steps_loses_nothing(tmp_path: Path, slow: type[Slow], old: Path) -> None:
    slow.breaks = True
    async with opened(tmp_path, slow) as files:
        with pytest.raises(ConnectionLostException):
            await files.write(str(old), pieces(b"new"), replace=True)
        assert not old.exists()
        assert await content(files, str(old)) == b"old", "whoever connects next finds it"
        async for _batch in files.list(str(old.parent)):
            pass
    assert os.listdir(old.parent) == ["file"]  # noqa: PTH208 - as above


async def test_machines_with_one_name_are_not_taken_for_one(tmp_path: Path) -> None:
    """Behind a name there may be several machines, by turns, whose files have the same paths."""
    roots = [tmp_path / "one", tmp_path / "other"]
    for root in roots:
        (root / str(tmp_path).lstrip("/")).mkdir(parents=True)
        (root / str(tmp_path).lstrip("/") / "file").write_text(f"of {root.name}")
    turns = iter(roots)
    async with opened(tmp_path, lambda channel: asyncssh.SFTPServer(channel, os.fsencode(next(turns)))) as one:
        resources = Resources(tmp_path)
        other = await SftpFileSystem.open(open_request(one.request.location, tmp_path, resources))
        try:
            status = await copied(Place(one, f"{tmp_path}/file"), Place(other, f"{tmp_path}/copy"))
            assert status.state == "DONE", status.error_message
            assert await content(other, f"{tmp_path}/copy") == b"of one"
        finally:
            await other.close()
            await resources.close()


async def run_commands(process: asyncssh.SSHServerProcess[bytes]) -> None:
    shell = await asyncio.create_subprocess_shell(
        process.command or "", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    await process.redirect(stdin=shell.stdin, stdout=shell.stdout, stderr=shell.stderr)
    process.exit(await shell.wait())


async def test_a_shell_that_sees_other_disks_copies_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SFTPServerHandler, "_extensions", [])
    root = tmp_path / "root"
    below = root / str(tmp_path).lstrip("/")
    below.mkdir(parents=True)
    (below / "file").write_text("behind the server")
    (tmp_path / "file").write_text("somewhere else")
    async with opened(tmp_path, lambda channel: asyncssh.SFTPServer(channel, os.fsencode(root)), run_commands) as files:
        status = await copied(Place(files, f"{tmp_path}/file"), Place(files, f"{tmp_path}/copy"))
        assert status.state == "DONE", status.error_message
    assert (below / "copy").read_text() == "behind the server"
    assert sorted(os.listdir(below)) == ["copy", "file"]  # noqa: PTH208 - as above
