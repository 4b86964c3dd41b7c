"""Every operation of the adaptor sftp on OpenSSH, and its errors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest

from pyxenon_core.errors import (
    DirectoryNotEmptyException,
    IllegalArgumentException,
    InvalidLocationException,
    InvalidPathException,
    NoSuchPathException,
    PathAlreadyExistsException,
    PermissionDeniedException,
    XenonError,
)
from pyxenon_core.messages import PathAttributes, PosixFilePermission
from pyxenon_server.filesystems.sftp.filesystem import SftpFileSystem
from pyxenon_server.filesystems.sftp.session import SftpSession
from pyxenon_testing import ServerFactory, SshServer

OpenSftp = Callable[..., AbstractAsyncContextManager[SftpFileSystem]]
RW_R__R__ = {
    PosixFilePermission.OWNER_READ,
    PosixFilePermission.OWNER_WRITE,
    PosixFilePermission.GROUP_READ,
    PosixFilePermission.OTHERS_READ,
}


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


async def never() -> AsyncIterator[bytes]:
    raise AssertionError("nobody should have asked for this")
    yield b""


async def content(files: SftpFileSystem, path: str) -> bytes:
    return b"".join([piece async for piece in files.read(path)])


async def listed(files: SftpFileSystem, path: str) -> Sequence[PathAttributes]:
    return [entry async for batch in files.list(path) for entry in batch]


def path_of(entry: PathAttributes) -> str:
    assert entry.path is not None
    return entry.path.path


async def names(files: SftpFileSystem, path: str) -> set[str]:
    return {path_of(entry).rpartition("/")[2] for entry in await listed(files, path)}


# --- opening ---------------------------------------------------------------------------------------------------------------------------


async def test_the_working_directory_is_the_home_or_what_the_location_says(open_sftp: OpenSftp, folder: str) -> None:
    async with open_sftp() as files:
        assert await files.start_directory() == "/home/xenon"
    async with open_sftp(workdir=f"{folder}/../{folder.rpartition('/')[2]}") as files:
        assert await files.start_directory() == folder


@pytest.mark.parametrize(
    ("workdir", "words"),
    [
        ("/nowhere", "/nowhere of the location does not exist"),
        pytest.param("/etc/passwd", "/etc/passwd of the location is not a directory", id="/etc/passwd-no directory"),
    ],
)
async def test_a_working_directory_that_is_none_is_named(open_sftp: OpenSftp, workdir: str, words: str) -> None:
    with pytest.raises(InvalidLocationException, match=words) as raised:
        async with open_sftp(workdir=workdir):
            pass
    assert raised.value.adaptor == "sftp"


async def test_many_file_systems_share_what_they_connect_with(open_sftp: OpenSftp, xenon_ssh: SshServer) -> None:
    async with open_sftp() as first, contextlib.AsyncExitStack() as stack:
        location = f"{xenon_ssh.host}:{xenon_ssh.port}"
        others = await asyncio.gather(*(SftpFileSystem.open(replace(first.request, location=location)) for _ in range(100)))
        await others[0].close()
        for other in others[1:]:
            stack.push_async_callback(other.close)
        assert all(await asyncio.gather(*(other.exists("/etc") for other in others[1:])))
        assert {await other._connection.session() for other in others[1:]} == {await first._connection.session()}


def test_the_description_is_that_of_the_adaptor() -> None:
    description = SftpFileSystem.describe()
    defaults = {item.name.removeprefix("xenon.adaptors.filesystems.sftp."): item.default_value for item in description.supported_properties}
    assert defaults == {
        "strictHostKeyChecking": "true",
        "loadKnownHosts": "true",
        "knownHostsFile": "",
        "loadSshConfig": "true",
        "agent": "false",
        "agentForwarding": "false",
        "connection.timeout": "10000",
        "bufferSize": "64K",
    }
    assert (description.supported_locations, description.supported_credentials) == (
        ["host[:port][/workdir]"],
        ["DefaultCredential", "CertificateCredential", "PasswordCredential", "CredentialMap"],
    )
    assert not description.supports_third_party_copy and not description.is_connectionless and not description.needs_size_beforehand
    assert description.can_append and description.can_create_symboliclinks and description.can_read_symboliclinks
    assert description.supports_rename and description.supports_reading_posix_permissions and description.supports_setting_posix_permissions


# --- attributes ------------------------------------------------------------------------------------------------------------------------


async def test_the_attributes_of_a_file(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    xenon_ssh.run(f"cd {folder}; printf hello >.file; chmod 644 .file; touch -a -d @1000 .file; touch -m -d @2000 .file")
    async with open_sftp() as files:
        entry = await files.attributes(f"{folder}/.file")
    assert path_of(entry) == f"{folder}/.file"
    assert (entry.owner, entry.group, entry.size) == ("xenon", "xenon", 5)
    assert (entry.last_access_time, entry.last_modified_time) == (1_000_000, 2_000_000)
    assert (entry.is_regular, entry.is_directory, entry.is_symbolic_link, entry.is_other, entry.is_hidden) == (
        True,
        False,
        False,
        False,
        True,
    )
    assert (entry.is_readable, entry.is_writable, entry.is_executable) == (True, True, False)
    assert set(entry.permissions) == RW_R__R__


async def test_the_attributes_of_a_directory_and_of_something_else(open_sftp: OpenSftp) -> None:
    async with open_sftp() as files:
        etc, null, root = await files.attributes("/etc"), await files.attributes("/dev/null"), await files.attributes("/")
    assert (etc.is_directory, etc.is_regular, etc.owner, etc.group) == (True, False, "root", "root")
    assert (etc.is_readable, etc.is_writable, etc.is_executable, etc.size) == (True, False, True, 0)
    assert (null.is_other, null.is_regular, null.is_readable, null.is_writable) == (True, False, True, True)
    assert root.is_directory and not root.is_hidden


async def test_a_link_is_told_of_itself_with_what_may_be_done_through_it(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    xenon_ssh.run(f"cd {folder}; ln -s /etc/shadow secret; ln -s /etc/passwd public; ln -s nothing dangling")
    async with open_sftp() as files:
        entries = {path_of(entry).rpartition("/")[2]: entry for entry in await listed(files, folder)}
        one = await files.attributes(f"{folder}/public")
    assert all(entry.is_symbolic_link and not entry.is_regular and entry.size == 0 for entry in entries.values())
    assert {name: (entry.is_readable, entry.is_writable) for name, entry in entries.items()} == {
        "secret": (False, False),
        "public": (True, False),
        "dangling": (False, False),
    }
    assert (one.is_symbolic_link, one.is_readable, one.is_writable) == (True, True, False)


async def test_the_groups_of_the_user_count(open_sftp: OpenSftp, xenon_container: ServerFactory) -> None:
    server = xenon_container("ssh", copy="sftp")
    server.container.execute(["sh", "-c", "groupadd team && usermod -aG team xenon"])
    server.container.execute(["sh", "-c", "echo x >/tmp/shared && chown root:team /tmp/shared && chmod 660 /tmp/shared"])
    server.container.execute(["sh", "-c", "echo x >/tmp/theirs && chown root:daemon /tmp/theirs && chmod 660 /tmp/theirs"])
    async with open_sftp(server) as files:
        shared, theirs = await files.attributes("/tmp/shared"), await files.attributes("/tmp/theirs")
    assert (shared.is_readable, shared.is_writable, shared.group) == (True, True, "team")
    assert (theirs.is_readable, theirs.is_writable, theirs.group) == (False, False, "daemon")


async def test_whoever_has_no_name_is_a_number(open_sftp: OpenSftp, xenon_container: ServerFactory) -> None:
    server = xenon_container("ssh", copy="sftp")
    server.container.execute(["sh", "-c", "mkdir -p /tmp/lost && touch /tmp/lost/file && chown 4711:4712 /tmp/lost/file"])
    async with open_sftp(server) as files:
        alone, [entry] = await files.attributes("/tmp/lost/file"), await listed(files, "/tmp/lost")
    assert (alone.owner, alone.group) == (entry.owner, entry.group) == ("4711", "4712")


async def test_nothing_is_no_such_path(open_sftp: OpenSftp, folder: str) -> None:
    async with open_sftp() as files:
        for path in (f"{folder}/nothing", f"{folder}/no/thing", "/etc/passwd/below"):
            with pytest.raises(NoSuchPathException, match=path) as raised:
                await files.attributes(path)
            assert raised.value.adaptor == "sftp"
            assert not await files.exists(path)
        assert await files.exists("/etc/passwd")


async def test_what_may_not_be_seen_is_not_said_to_be_absent(open_sftp: OpenSftp) -> None:
    async with open_sftp() as files:
        with pytest.raises(PermissionDeniedException, match="/root/file"):
            await files.attributes("/root/file")
        with pytest.raises(PermissionDeniedException):
            await files.exists("/root/file")


async def test_a_path_that_cannot_be_sent(open_sftp: OpenSftp) -> None:
    async with open_sftp() as files:
        with pytest.raises(IllegalArgumentException, match="cannot be encoded"):
            await files.exists("/\ud800")
        with pytest.raises(InvalidPathException, match="too long"):
            await files.attributes("/tmp/" + "x" * 300)


# --- listing ---------------------------------------------------------------------------------------------------------------------------


async def test_ten_thousand_entries(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no request for each entry."""
    xenon_ssh.run(f"cd {folder}; seq 10000 | xargs touch")
    requests = 0
    original = SftpSession.request

    def request(session: SftpSession, kind: int, payload: bytes, *rest: Any, **options: Any) -> Any:
        nonlocal requests
        requests += 1
        return original(session, kind, payload, *rest, **options)

    monkeypatch.setattr(SftpSession, "request", request)
    async with open_sftp() as files:
        batches = [batch async for batch in files.list(folder)]
    assert sorted(int(path_of(entry).rpartition("/")[2]) for batch in batches for entry in batch) == list(range(1, 10_001))
    assert len(batches) > 10
    assert 10 < requests < 500


async def test_an_empty_directory_and_one_left_early(open_sftp: OpenSftp, folder: str) -> None:
    async with open_sftp() as files:
        assert await listed(files, folder) == []
        batches = files.list("/usr/bin")
        assert await batches.__anext__()
        await batches.aclose()
        assert path_of((await listed(files, "/"))[0]).startswith("/")


async def test_what_cannot_be_listed(open_sftp: OpenSftp, folder: str) -> None:
    async with open_sftp() as files:
        for path, error in (
            (f"{folder}/nothing", NoSuchPathException),
            ("/etc/passwd", InvalidPathException),
            ("/root", PermissionDeniedException),
        ):
            with pytest.raises(error, match=path):
                await listed(files, path)


async def test_a_name_that_is_no_text_is_shown_and_can_be_used(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    xenon_ssh.run(f"cd {folder}; name=$(printf 'caf\\351'); printf old >$name")
    async with open_sftp() as files:
        [entry] = await listed(files, folder)
        path = path_of(entry)
        assert path == f"{folder}/caf\uefe9" and path.encode()
        assert await content(files, path) == b"old"
        await files.rename(path, path + "2")
        await files.delete(path + "2")
        assert await listed(files, folder) == []


# --- making and changing ---------------------------------------------------------------------------------------------------------------


async def test_files_and_directories_are_made_and_deleted(open_sftp: OpenSftp, folder: str) -> None:
    async with open_sftp() as files:
        await files.create_file(f"{folder}/file")
        await files.create_directory(f"{folder}/directory")
        await files.create_symbolic_link(f"{folder}/link", "directory")
        assert await names(files, folder) == {"file", "directory", "link"}
        assert await files.read_symbolic_link(f"{folder}/link") == "directory"
        for name in ("file", "link", "directory"):
            await files.delete(f"{folder}/{name}")
        assert await names(files, folder) == set()


async def test_a_link_is_read_as_it_was_made(open_sftp: OpenSftp, folder: str) -> None:
    async with open_sftp() as files:
        for number, target in enumerate(("/etc/passwd", "../up", "with space and 'quotes'", "no such thing", "ümlaut")):
            await files.create_symbolic_link(f"{folder}/{number}", target)
            assert await files.read_symbolic_link(f"{folder}/{number}") == target
        with pytest.raises(InvalidPathException, match="/etc/passwd is not a symbolic link"):
            await files.read_symbolic_link("/etc/passwd")
        with pytest.raises(NoSuchPathException):
            await files.read_symbolic_link(f"{folder}/nothing")


async def test_nothing_is_made_where_something_is(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    xenon_ssh.run(f"cd {folder}; printf old >file; mkdir directory; ln -s nothing dangling")
    makers: list[Callable[[SftpFileSystem, str], Awaitable[None]]] = [
        SftpFileSystem.create_file,
        SftpFileSystem.create_directory,
        lambda files, path: files.create_symbolic_link(path, "target"),
        lambda files, path: files.write(path, never()),
        lambda files, path: files.rename(f"{folder}/file", path),
    ]
    async with open_sftp() as files:
        for name in ("file", "directory", "dangling"):
            for make in makers:
                with pytest.raises(PathAlreadyExistsException, match=f"{folder}/{name}"):
                    await make(files, f"{folder}/{name}")
        assert await content(files, f"{folder}/file") == b"old"
        assert await names(files, folder) == {"file", "directory", "dangling"}


async def test_nothing_is_made_where_no_directory_is(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    xenon_ssh.run(f"printf old >{folder}/file")
    makers: list[Callable[[SftpFileSystem, str], Awaitable[None]]] = [
        SftpFileSystem.create_file,
        SftpFileSystem.create_directory,
        lambda files, path: files.create_symbolic_link(path, "target"),
        lambda files, path: files.write(path, pieces(b"new")),
        lambda files, path: files.write(path, pieces(b"new"), replace=True),
        lambda files, path: files.rename(f"{folder}/file", path),
    ]
    expected: list[tuple[str, type[XenonError], str]] = [
        (f"{folder}/no/thing", NoSuchPathException, f"the directory {folder}/no does not exist"),
        (f"{folder}/file/thing", InvalidPathException, f"{folder}/file is not a directory"),
        ("/root/thing", PermissionDeniedException, "/root/thing"),
    ]
    async with open_sftp() as files:
        for path, error, words in expected:
            for make in makers:
                with pytest.raises(error, match=words):
                    await make(files, path)
        assert await names(files, folder) == {"file"}


async def test_what_cannot_be_deleted(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    xenon_ssh.run(f"mkdir -p {folder}/full/inner")
    async with open_sftp() as files:
        with pytest.raises(DirectoryNotEmptyException, match=f"{folder}/full"):
            await files.delete(f"{folder}/full")
        with pytest.raises(NoSuchPathException, match=f"{folder}/nothing"):
            await files.delete(f"{folder}/nothing")
        with pytest.raises(PermissionDeniedException, match="/etc/passwd"):
            await files.delete("/etc/passwd")


async def test_a_link_to_a_directory_is_deleted_and_renamed_by_itself(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    xenon_ssh.run(f"cd {folder}; mkdir directory; touch directory/inner; ln -s directory link")
    async with open_sftp() as files:
        await files.rename(f"{folder}/link", f"{folder}/renamed")
        assert await files.read_symbolic_link(f"{folder}/renamed") == "directory"
        await files.delete(f"{folder}/renamed")
        assert await names(files, folder) == {"directory"}
        assert await names(files, f"{folder}/directory") == {"inner"}


async def test_files_and_directories_are_renamed(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    xenon_ssh.run(f"cd {folder}; printf data >file; mkdir directory; touch directory/inner")
    async with open_sftp() as files:
        await files.rename(f"{folder}/file", f"{folder}/directory/file")
        await files.rename(f"{folder}/directory", f"{folder}/moved")
        assert await content(files, f"{folder}/moved/file") == b"data"
        assert await names(files, f"{folder}/moved") == {"file", "inner"}
        with pytest.raises(NoSuchPathException, match=f"{folder}/nothing"):
            await files.rename(f"{folder}/nothing", f"{folder}/other")
        with pytest.raises(InvalidPathException, match="does not accept the path"):
            await files.rename(f"{folder}/moved", f"{folder}/moved/into itself")


async def test_permissions_are_set_exactly(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    xenon_ssh.run(f"cd {folder}; touch file; chmod 777 file; ln -s file link")
    async with open_sftp() as files:
        await files.set_permissions(f"{folder}/link", RW_R__R__)
        assert set((await files.attributes(f"{folder}/file")).permissions) == RW_R__R__
        await files.set_permissions(f"{folder}/file", [PosixFilePermission.NONE])
        assert (await files.attributes(f"{folder}/file")).permissions == []
        with pytest.raises(NoSuchPathException, match=f"{folder}/nothing"):
            await files.set_permissions(f"{folder}/nothing", [])
        with pytest.raises(PermissionDeniedException, match="/etc/passwd"):
            await files.set_permissions("/etc/passwd", [])
