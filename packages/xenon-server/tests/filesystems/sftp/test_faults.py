"""The adaptor sftp when things go wrong: a full disk, a lost connection, a server that stands still, one that restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from pyxenon_core.errors import (
    ConnectionLostException,
    FileSystemClosedException,
    InvalidLocationException,
    NoSpaceException,
    NotConnectedException,
    XenonError,
)
from pyxenon_server.filesystems.sftp.filesystem import SftpFileSystem
from pyxenon_testing import ServerFactory, SshServer

OpenSftp = Callable[..., AbstractAsyncContextManager[SftpFileSystem]]
MEBIBYTE = 1 << 20


@pytest.fixture
def server(xenon_container: ServerFactory) -> SshServer:
    """Start a server that no other test uses at the same time."""
    return xenon_container("ssh", copy="sftpfaults-{worker}", disk="64m")


@pytest.fixture
def home(server: SshServer) -> str:
    """A new directory in the home of the account, which has a disk of its own."""
    return server.run('mktemp -d "$HOME/XXXXXX"').strip()


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(MEBIBYTE)
        await asyncio.sleep(0)


def ignore(_count: int) -> None:
    """Want no progress told."""


async def content(files: SftpFileSystem, path: str) -> bytes:
    return b"".join([piece async for piece in files.read(path)])


async def names(files: SftpFileSystem, path: str) -> set[str]:
    return {entry.path.path.rpartition("/")[2] async for batch in files.list(path) for entry in batch if entry.path}


async def test_a_full_disk_leaves_what_was_there(open_sftp: OpenSftp, server: SshServer, home: str) -> None:
    async with open_sftp(server) as files:
        await files.write(f"{home}/file", pieces(b"old"))
        with pytest.raises(NoSpaceException, match=f"the disk of {home}/file is full"):
            await files.write(f"{home}/file", endless(), replace=True)
        assert await names(files, home) == {"file"}
        with server.faults.full_disk():
            for replace in (True, False):
                with pytest.raises(NoSpaceException):
                    await files.write(f"{home}/{'file' if replace else 'new'}", pieces(bytes(100_000)), replace=replace)
            with pytest.raises(NoSpaceException):
                await files.append(f"{home}/file", pieces(bytes(100_000)))
        assert (await content(files, f"{home}/file")).startswith(b"old")
        assert await names(files, home) == {"file"}


async def test_a_copy_on_the_host_that_fills_its_disk_leaves_nothing(open_sftp: OpenSftp, server: SshServer, home: str) -> None:
    server.run(f"head -c 40000000 /dev/zero >{home}/file")
    async with open_sftp(server) as files:
        with pytest.raises(NoSpaceException):
            await files.copy_here(files, f"{home}/file", f"{home}/copy", False, ignore)
        assert await names(files, home) == {"file"}
    server.run(f"rm -r {home}")


async def test_a_lost_connection_is_made_again_by_the_next_call(open_sftp: OpenSftp, server: SshServer, home: str) -> None:
    async with open_sftp(server) as files:
        await files.write(f"{home}/file", pieces(b"data"))
        server.faults.drop_connections()
        assert await content(files, f"{home}/file") == b"data"
        server.faults.drop_connections()
        await files.write(f"{home}/file", pieces(b"other"), replace=True)
        server.faults.drop_connections()
        assert await names(files, home) == {"file"}
        server.faults.drop_connections()
        assert (await files.attributes(f"{home}/file")).size == 5


async def test_a_connection_that_is_lost_while_writing_leaves_nothing(open_sftp: OpenSftp, server: SshServer, home: str) -> None:
    async with open_sftp(server) as files:
        await files.write(f"{home}/file", pieces(b"old"))
        writing = asyncio.ensure_future(files.write(f"{home}/file", slowly(), replace=True))
        await asyncio.sleep(0.3)
        await asyncio.to_thread(server.faults.drop_connections)
        with pytest.raises(ConnectionLostException, match="connection was"):
            await asyncio.wait_for(writing, 60)
        assert await content(files, f"{home}/file") == b"old"
        assert await names(files, home) == {"file"}


async def slowly() -> AsyncIterator[bytes]:
    while True:
        yield bytes(100_000)
        await asyncio.sleep(0.1)


async def test_a_connection_that_is_lost_while_reading_is_told(open_sftp: OpenSftp, server: SshServer, home: str) -> None:
    server.run(f"head -c 30000000 /dev/zero >{home}/file")
    async with open_sftp(server) as files:
        reading = files.read(f"{home}/file")
        await reading.__anext__()
        server.faults.drop_connections()
        with pytest.raises(ConnectionLostException):
            async for _piece in reading:
                await asyncio.sleep(0.001)
        assert await files.exists(f"{home}/file")
    server.run(f"rm -r {home}")


async def test_a_server_that_stood_still_goes_on(open_sftp: OpenSftp, server: SshServer, home: str) -> None:
    async with open_sftp(server) as files:
        await files.write(f"{home}/file", pieces(bytes(20 * MEBIBYTE)))
        reading = files.read(f"{home}/file")
        read = len(await reading.__anext__())
        with server.faults.paused():
            rest = asyncio.ensure_future(count(reading))
            writing = asyncio.ensure_future(files.write(f"{home}/other", pieces(bytes(10 * MEBIBYTE))))
            await asyncio.sleep(0.5)
            assert not rest.done() and not writing.done()
        assert read + await rest == 20 * MEBIBYTE
        await writing
        assert (await files.attributes(f"{home}/other")).size == 10 * MEBIBYTE
    server.run(f"rm -r {home}")


async def count(reading: AsyncIterator[bytes]) -> int:
    return sum([len(piece) async for piece in reading])


async def test_cancelling_does_not_wait_for_a_server_that_stands_still(open_sftp: OpenSftp, server: SshServer, home: str) -> None:
    async with open_sftp(server) as files:
        writing = asyncio.ensure_future(files.write(f"{home}/file", endless()))
        await asyncio.sleep(0.05)
        with server.faults.paused():
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing  # while it stands still
        assert await names(files, home) == set()


async def test_a_restarted_server_is_connected_to_again(open_sftp: OpenSftp, server: SshServer, home: str) -> None:
    async with open_sftp(server) as files:
        server.faults.stop_daemon()
        server.faults.drop_connections()
        try:
            with pytest.raises(NotConnectedException):
                await files.exists(home)
        finally:
            server.faults.start_daemon()
        assert await files.exists(home)


async def test_a_closed_file_system_says_so(open_sftp: OpenSftp, server: SshServer) -> None:
    async with open_sftp(server) as files:
        await files.close()
        with pytest.raises(FileSystemClosedException):
            await files.exists("/")


def configured(xenon_container: ServerFactory, edit: str) -> SshServer:
    """A server whose configuration is the usual one, changed by a command of sed."""
    server = xenon_container("ssh", copy="sftpconfig-{worker}")
    config = "/etc/ssh/sshd_config"
    server.container.execute(["sh", "-c", f"cp -n {config} /root/; sed '{edit}' /root/sshd_config >{config}"])
    server.faults.restart_daemon()
    return server


@pytest.mark.parametrize("subsystem", ["/bin/false", "/bin/echo Welcome to this machine"])
async def test_a_host_without_sftp_is_named(open_sftp: OpenSftp, xenon_container: ServerFactory, subsystem: str) -> None:
    server = configured(xenon_container, f"s|^Subsystem.*|Subsystem sftp {subsystem}|")
    with pytest.raises((NotConnectedException, InvalidLocationException), match="SFTP"):
        async with open_sftp(server):
            pass


async def test_a_server_for_files_only_is_enough(open_sftp: OpenSftp, xenon_container: ServerFactory) -> None:
    server = configured(xenon_container, "1i ForceCommand internal-sftp")
    folder = "/tmp/filesonly"
    server.container.execute(["sh", "-c", f"mkdir -p {folder} && chown xenon {folder} && touch {folder}/theirs"])
    server.container.execute(["sh", "-c", f"chown root:daemon {folder}/theirs && chmod 660 {folder}/theirs"])
    async with open_sftp(server) as files:
        await files.write(f"{folder}/file", pieces(b"data"))
        assert not (await files.attributes(f"{folder}/theirs")).is_readable
        assert await files.copy_here(files, f"{folder}/file", f"{folder}/copy", False, ignore)
        assert await content(files, f"{folder}/copy") == b"data"


async def test_every_error_names_the_adaptor(open_sftp: OpenSftp, server: SshServer, home: str) -> None:
    async with open_sftp(server) as files:
        for failing in (files.delete(f"{home}/no"), files.create_directory(f"{home}/no/no"), files.rename(f"{home}/no", f"{home}/yes")):
            with pytest.raises(XenonError) as raised:
                await failing
            assert raised.value.adaptor == "sftp"
