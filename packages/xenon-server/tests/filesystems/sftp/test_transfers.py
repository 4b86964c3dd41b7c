"""Reading, writing, appending and copying over SFTP on OpenSSH: any content, all or nothing, many at once, in little memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyxenon_core.errors import InvalidPathException, NoSuchPathException, PathAlreadyExistsException, PermissionDeniedException
from pyxenon_core.messages import DefaultCredential, PosixFilePermission
from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.filesystems.local.filesystem import LocalFileSystem
from pyxenon_server.filesystems.sftp.connection import SftpConnection
from pyxenon_server.filesystems.sftp.filesystem import SftpFileSystem
from pyxenon_server.filesystems.sftp.session import SftpSession
from pyxenon_server.filesystems.sftp.writing import blocks_of
from pyxenon_testing import ServerFactory, SshServer

OpenSftp = Callable[..., AbstractAsyncContextManager[SftpFileSystem]]
FreeHandle = Callable[[SftpSession], Awaitable[bytes]]
MEBIBYTE = 1 << 20


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


async def content(files: SftpFileSystem, path: str) -> bytes:
    return b"".join([piece async for piece in files.read(path)])


def ignore(_count: int) -> None:
    """Want no progress told."""


async def names(files: SftpFileSystem, path: str) -> set[str]:
    return {entry.path.path.rpartition("/")[2] async for batch in files.list(path) for entry in batch if entry.path}


@pytest.mark.parametrize("size", [0, 1, 255 * 1024 - 1, 255 * 1024, 255 * 1024 + 1, 3 * 255 * 1024, 5 * MEBIBYTE + 7])
async def test_what_is_written_is_read(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str, size: int) -> None:
    data = os.urandom(size)
    async with open_sftp() as files:
        await files.write(f"{folder}/file", pieces(data[:100], b"", data[100:]))
        assert await content(files, f"{folder}/file") == data
        assert (await files.attributes(f"{folder}/file")).size == size
        assert await names(files, folder) == {"file"}
    assert xenon_ssh.run(f"sha256sum <{folder}/file").split()[0] == hashlib.sha256(data).hexdigest()


file_names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda name: name not in (".", "..") and not any("\uef80" <= character <= "\uefff" for character in name)
)


def test_any_name_and_any_content(open_sftp: OpenSftp, folder: str) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(file_names, st.lists(st.binary(max_size=200), max_size=4))
    def check(name: str, data: list[bytes]) -> None:
        loop.run_until_complete(one(name, data))

    async def one(name: str, data: list[bytes]) -> None:
        path = f"{folder}/{name}"
        await files.write(path, pieces(*data))
        assert await content(files, path) == b"".join(data)
        assert await names(files, folder) == {name}
        await files.append(path, pieces(b"more"))
        assert await content(files, path) == b"".join(data) + b"more"
        await files.delete(path)

    loop = asyncio.new_event_loop()
    opened = open_sftp()
    files = loop.run_until_complete(opened.__aenter__())
    try:
        check()
    finally:
        loop.run_until_complete(opened.__aexit__(None, None, None))
        loop.close()


@given(st.lists(st.binary(max_size=30), max_size=20), st.integers(1, 20))
def test_blocks_are_whole(data: list[bytes], size: int) -> None:
    async def collect() -> list[bytes]:
        return [bytes(block) async for block in blocks_of(pieces(*data), size)]

    blocks = asyncio.run(collect())
    assert b"".join(blocks) == b"".join(data)
    assert all(len(block) == size for block in blocks[:-1])
    assert all(0 < len(block) <= size for block in blocks)


# --- reading ---------------------------------------------------------------------------------------------------------------------------


async def test_files_that_are_made_up_as_they_are_read(open_sftp: OpenSftp, xenon_ssh: SshServer) -> None:
    async with open_sftp() as files:
        assert (await files.attributes("/proc/version")).size == 0
        assert await content(files, "/proc/version") == xenon_ssh.run("cat /proc/version").encode()
        assert (await content(files, "/proc/kallsyms")).count(b"\n") == int(xenon_ssh.run("wc -l </proc/kallsyms"))


async def test_a_file_that_changes_while_it_is_read(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    xenon_ssh.run(f"head -c 3000000 /dev/zero >{folder}/file")
    async with open_sftp(bufferSize="16K") as files:
        reading = files.read(f"{folder}/file")
        first = await reading.__anext__()
        xenon_ssh.run(f"truncate -s 2500000 {folder}/file")
        assert len(first) + sum([len(piece) async for piece in reading]) in (2_500_000, 3_000_000)
        reading = files.read(f"{folder}/file")
        await reading.__anext__()
        xenon_ssh.run(f"head -c 100000 /dev/zero >>{folder}/file")
        assert sum([len(piece) async for piece in reading]) >= 2_500_000 - 16 * 1024


async def test_the_size_of_a_piece_is_the_buffer_size(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    xenon_ssh.run(f"head -c 100000 /dev/zero >{folder}/file")
    async with open_sftp(bufferSize="32K") as files:
        assert [len(piece) async for piece in files.read(f"{folder}/file")] == [32768, 32768, 32768, 1696]
    async with open_sftp() as files:
        assert [len(piece) async for piece in files.read(f"{folder}/file")] == [100000]


async def test_what_cannot_be_read(open_sftp: OpenSftp, folder: str) -> None:
    async with open_sftp() as files:
        for path, error in (
            (f"{folder}/no", NoSuchPathException),
            (folder, InvalidPathException),
            ("/etc/shadow", PermissionDeniedException),
        ):
            with pytest.raises(error):
                await content(files, path)


async def test_nothing_stays_open_when_reading_stops_early(
    open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str, free_handle: FreeHandle
) -> None:
    xenon_ssh.run(f"head -c 20000000 /dev/zero >{folder}/file")
    async with open_sftp() as files:
        session = await files._connection.session()
        free = await free_handle(session)
        for _ in range(20):
            reading = files.read(f"{folder}/file")
            await reading.__anext__()
            await reading.aclose()
        assert await free_handle(session) == free


# --- writing ---------------------------------------------------------------------------------------------------------------------------


async def test_a_file_is_replaced_only_when_that_is_asked_for(open_sftp: OpenSftp, folder: str) -> None:
    async with open_sftp() as files:
        await files.write(f"{folder}/file", pieces(b"first, and longer"))
        with pytest.raises(PathAlreadyExistsException):
            await files.write(f"{folder}/file", pieces(b"second"))
        assert await content(files, f"{folder}/file") == b"first, and longer"
        await files.write(f"{folder}/file", pieces(b"third"), replace=True)
        assert await content(files, f"{folder}/file") == b"third"
        assert await names(files, folder) == {"file"}


async def test_what_is_replaced_keeps_its_permissions(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    xenon_ssh.run(f"cd {folder}; printf secret >file; chmod 600 file")
    async with open_sftp() as files:
        await files.write(f"{folder}/file", pieces(b"new secret"), replace=True)
        assert set((await files.attributes(f"{folder}/file")).permissions) == {
            PosixFilePermission.OWNER_READ,
            PosixFilePermission.OWNER_WRITE,
        }


async def test_a_link_is_replaced_and_appended_through(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    """As on this machine: a copy writes nowhere but where it is to go."""
    xenon_ssh.run(f"cd {folder}; mkdir deep; printf old >deep/file; ln -s deep/file link; ln -s deep/new dangling; ln -s loop loop")
    async with open_sftp() as files:
        await files.append(f"{folder}/link", pieces(b"er"))
        for name in ("link", "dangling", "loop"):
            await files.write(f"{folder}/{name}", pieces(b"new"), replace=True)
            assert await content(files, f"{folder}/{name}") == b"new" and (await files.attributes(f"{folder}/{name}")).is_regular
        assert await content(files, f"{folder}/deep/file") == b"older"
        assert await names(files, f"{folder}/deep") == {"file"}


async def test_a_directory_is_not_written_to(open_sftp: OpenSftp, folder: str) -> None:
    async with open_sftp() as files:
        await files.create_directory(f"{folder}/directory")
        with pytest.raises(InvalidPathException, match="is a directory"):
            await files.write(f"{folder}/directory", pieces(b"x"), replace=True)
        with pytest.raises(InvalidPathException, match="is a directory"):
            await files.append(f"{folder}/directory", pieces(b"x"))
        with pytest.raises(NoSuchPathException):
            await files.append(f"{folder}/nothing", pieces(b"x"))
        assert await names(files, folder) == {"directory"}


async def test_whoever_comes_first_is_not_overwritten(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"mine"
        xenon_ssh.run(f"printf theirs >{folder}/file")

    async with open_sftp() as files:
        with pytest.raises(PathAlreadyExistsException):
            await files.write(f"{folder}/file", slow())
        assert await content(files, f"{folder}/file") == b"theirs"
        assert await names(files, folder) == {"file"}


class Interruption(Exception):
    """What a source of data raises in these tests."""


@pytest.mark.parametrize("replace", [False, True])
async def test_when_the_data_fail_nothing_has_changed(open_sftp: OpenSftp, folder: str, replace: bool) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield bytes(3 * MEBIBYTE)
        raise Interruption

    async with open_sftp() as files:
        if replace:
            await files.write(f"{folder}/file", pieces(b"old"))
        with pytest.raises(Interruption):
            await files.write(f"{folder}/file", failing(), replace=replace)
        assert await names(files, folder) == ({"file"} if replace else set())
        assert not replace or await content(files, f"{folder}/file") == b"old"


async def test_when_it_is_cancelled_nothing_has_changed_whenever_that_is(open_sftp: OpenSftp, folder: str) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(MEBIBYTE)

    async with open_sftp() as files:
        await files.write(f"{folder}/file", pieces(b"old"))
        for milliseconds in (0, 0.2, 0.5, 1, 2, 5, 20, 100):
            writing = asyncio.ensure_future(files.write(f"{folder}/file", endless(), replace=True))
            await asyncio.sleep(milliseconds / 1000)
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
            assert await names(files, folder) == {"file"}
            assert await content(files, f"{folder}/file") == b"old"


async def test_a_large_file_goes_over_several_channels_when_the_line_is_long(
    open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyxenon_server.filesystems.sftp.writing.in_flight_for", lambda _round_trip: 16 * MEBIBYTE)
    used: set[SftpSession] = set()
    original = SftpSession.write

    def write(session: SftpSession, handle: bytes, offset: int, block: bytes) -> asyncio.Future[None]:
        used.add(session)
        return original(session, handle, offset, block)

    monkeypatch.setattr(SftpSession, "write", write)
    data = os.urandom(MEBIBYTE)

    async def many() -> AsyncIterator[bytes]:
        for _ in range(48):
            yield data
            await asyncio.sleep(0.002)

    async with open_sftp() as files:
        await files.write(f"{folder}/file", many(), size=48 * MEBIBYTE)
        assert len(used) == 4
        assert [session.is_open for session in used].count(True) == 1
        used.clear()
        writing = asyncio.ensure_future(files.write(f"{folder}/other", many(), size=48 * MEBIBYTE))
        await asyncio.sleep(0.1)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert await names(files, folder) == {"file"}
    expected = hashlib.sha256(data * 48).hexdigest()
    assert xenon_ssh.run(f"sha256sum <{folder}/file; rm {folder}/file").split()[0] == expected


async def test_appending_adds_to_the_end(open_sftp: OpenSftp, folder: str) -> None:
    data = os.urandom(2 * MEBIBYTE)
    async with open_sftp() as files, open_sftp() as others:
        await files.write(f"{folder}/file", pieces(b"head"))
        await files.append(f"{folder}/file", pieces(data, b"tail"))
        assert await content(files, f"{folder}/file") == b"head" + data + b"tail"
        await asyncio.gather(*(each.append(f"{folder}/file", pieces(b"one line\n")) for each in (files, others) for _ in range(20)))
        assert (await content(files, f"{folder}/file")).endswith(b"tail" + b"one line\n" * 40)


# --- many, and much --------------------------------------------------------------------------------------------------------------------


async def test_five_thousand_small_files(open_sftp: OpenSftp, folder: str) -> None:
    async def some(numbers: range) -> None:
        for number in numbers:
            await files.write(f"{folder}/{number}", pieces(b"%d" % number))

    async def check(numbers: range) -> None:
        for number in numbers:
            assert await content(files, f"{folder}/{number}") == b"%d" % number

    async with open_sftp() as files:
        await asyncio.gather(*(some(range(start, 5000, 20)) for start in range(20)))
        assert len(await names(files, folder)) == 5000
        await asyncio.gather(*(check(range(start, 5000, 20)) for start in range(20)))


async def test_a_large_file_takes_little_memory(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    piece = os.urandom(MEBIBYTE)

    async def large() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield piece

    async with open_sftp() as files:
        tracemalloc.start()
        try:
            await files.write(f"{folder}/file", large())
            read = 0
            async for part in files.read(f"{folder}/file"):
                read += len(part)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        await files.delete(f"{folder}/file")
    assert read == 200 * MEBIBYTE
    assert most < 60 * MEBIBYTE


# --- copying ---------------------------------------------------------------------------------------------------------------------------


async def copied(files: SftpFileSystem, source: str, target: str, replace: bool = False) -> list[int]:
    progress: list[int] = []
    assert await files.copy_here(files, source, target, replace, progress.append)
    return progress


@pytest.mark.parametrize("suite", ["bookworm", "bullseye"])  # OpenSSH 9.2 copies by itself, 8.4 has to be told to
async def test_a_copy_within_the_host_is_made_there(open_sftp: OpenSftp, xenon_container: ServerFactory, suite: str) -> None:
    server = xenon_container("ssh", suite=suite)
    folder = server.run("mktemp -d").strip()
    server.run(f"cd {folder}; head -c 20000000 /dev/urandom >file; touch empty; mkdir directory; printf old >other; chmod 600 other")
    async with open_sftp(server) as files:
        session = await files._connection.session()
        assert (b"copy-data" in session.extensions) == (suite == "bookworm")
        assert sum(await copied(files, f"{folder}/file", f"{folder}/copy it's")) == 20_000_000
        assert sum(await copied(files, f"{folder}/empty", f"{folder}/also empty")) == 0
        with pytest.raises(PathAlreadyExistsException):
            await copied(files, f"{folder}/file", f"{folder}/other")
        assert await content(files, f"{folder}/other") == b"old"
        await copied(files, f"{folder}/file", f"{folder}/other", replace=True)
        with pytest.raises(NoSuchPathException, match=f"{folder}/nothing"):
            await copied(files, f"{folder}/nothing", f"{folder}/new")
        assert not await files.copy_here(files, f"{folder}/directory", f"{folder}/new", False, ignore)
        assert await names(files, folder) == {"file", "empty", "directory", "other", "copy it's", "also empty"}
        assert len((await files.attributes(f"{folder}/other")).permissions) == 2
        await files.delete(f"{folder}/other")
        assert await files.copy_here(files, f"{folder}/file", f"{folder}/other", False, ignore, [PosixFilePermission.OWNER_READ])
        assert (await files.attributes(f"{folder}/other")).permissions == [PosixFilePermission.OWNER_READ]
    sums = server.run(f"cd {folder}; sha256sum file 'copy it'\\''s' other | cut -d' ' -f1; rm -r {folder}").split()
    assert len(sums) == 3 and len(set(sums)) == 1


async def test_a_copy_within_the_host_is_cancelled(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    xenon_ssh.run(f"head -c 100000000 /dev/zero >{folder}/file")
    async with open_sftp() as files:
        copying = asyncio.ensure_future(copied(files, f"{folder}/file", f"{folder}/copy"))
        await asyncio.sleep(0.02)
        copying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await copying
        assert await names(files, folder) == {"file"}
    xenon_ssh.run(f"rm -r {folder}")


async def test_two_file_systems_on_one_host_copy_there_and_two_hosts_do_not(
    open_sftp: OpenSftp, xenon_ssh: SshServer, xenon_container: ServerFactory, folder: str
) -> None:
    xenon_ssh.run(f"printf data >{folder}/file")
    async with open_sftp() as one, open_sftp() as same, open_sftp(xenon_container("ssh", copy="sftp")) as other:
        assert await same.copy_here(one, f"{folder}/file", f"{folder}/copy", False, ignore)
        assert await content(one, f"{folder}/copy") == b"data"
        assert not await other.copy_here(one, f"{folder}/file", f"{folder}/copy", False, ignore)


async def test_small_files_of_this_machine_are_sent_at_once(open_sftp: OpenSftp, folder: str, tmp_path: Path) -> None:
    local = LocalFileSystem(
        OpenRequest("", DefaultCredential(), Properties.check("file", LocalFileSystem.properties, {}), Resources(tmp_path)), str(tmp_path)
    )
    (tmp_path / "small").write_bytes(b"small")
    (tmp_path / "large").write_bytes(bytes(2 * MEBIBYTE))
    (tmp_path / "directory").mkdir()
    progress: list[int] = []
    async with open_sftp() as files:
        assert await files.copy_here(local, str(tmp_path / "small"), f"{folder}/small", False, progress.append)
        for name in ("large", "directory", "nothing"):
            assert not await files.copy_here(local, str(tmp_path / name), f"{folder}/{name}", False, progress.append)
        with pytest.raises(PathAlreadyExistsException):
            await files.copy_here(local, str(tmp_path / "small"), f"{folder}/small", False, progress.append)
        assert await content(files, f"{folder}/small") == b"small"
        assert await names(files, folder) == {"small"}
    assert progress == [5]


async def test_what_is_left_behind_is_removed_by_the_next_session(open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str) -> None:
    xenon_ssh.run(f"touch {folder}/left")
    async with open_sftp() as files:
        connection: SftpConnection = files._connection
        session = await connection.session()
        session.end()
        await connection.discard(session, f"{folder}/left".encode())
        assert await names(files, folder) == set()


async def test_many_large_files_at_once_take_little_memory(open_sftp: OpenSftp, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("reading", "writing"):
        monkeypatch.setattr(f"pyxenon_server.filesystems.sftp.{module}.in_flight_for", lambda _round_trip: 16 * MEBIBYTE)
    most = [0, 0]

    async def watched(session: SftpSession, number: int) -> None:
        await files.write(f"{folder}/{number}", pieces(*[bytes(MEBIBYTE)] * 6))
        async for _piece in files.read(f"{folder}/{number}"):
            most[0] = max(most[0], session.read_ahead)
            most[1] = max(most[1], session.written_ahead)
        await files.delete(f"{folder}/{number}")

    async with open_sftp() as files:
        session = await files._connection.session()
        await asyncio.gather(*(watched(session, number) for number in range(24)))
        assert (session.read_ahead, session.written_ahead) == (0, 0)
    assert 0 < most[0] <= 40 * MEBIBYTE
    assert most[1] <= 16 * MEBIBYTE
