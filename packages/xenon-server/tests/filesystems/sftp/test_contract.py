"""The contract of a file system, held over SFTP on OpenSSH."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from file_contract import CONTENT, check_delete_tree, check_permissions, check_range, check_ranges, lengths, offsets, pieces
from pyxenon_core.messages import PosixFilePermission
from pyxenon_server.filesystems.sftp.filesystem import SftpFileSystem
from pyxenon_server.filesystems.sftp.messages import Kind
from pyxenon_server.filesystems.sftp.session import SftpSession
from pyxenon_testing import SshServer

OpenSftp = Callable[..., AbstractAsyncContextManager[SftpFileSystem]]
FreeHandle = Callable[[SftpSession], Awaitable[bytes]]


def test_a_range_is_a_slice(open_sftp: OpenSftp, folder: str) -> None:
    @settings(suppress_health_check=list(HealthCheck))
    @given(offsets, lengths)
    def check(offset: int, length: int | None) -> None:
        for files._buffer_size in (7, 1 << 20):
            loop.run_until_complete(check_range(files, f"{folder}/file", CONTENT, offset, length))

    loop = asyncio.new_event_loop()
    opened = open_sftp()
    files = loop.run_until_complete(opened.__aenter__())
    try:
        loop.run_until_complete(files.write(f"{folder}/file", pieces(CONTENT)))
        check()
    finally:
        loop.run_until_complete(opened.__aexit__(None, None, None))
        loop.close()


async def test_ranges_at_the_edges(open_sftp: OpenSftp, folder: str) -> None:
    async with open_sftp() as files:
        await check_ranges(files, folder)


async def test_requests_begin_and_end_with_the_range(
    open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    xenon_ssh.run(f"cd {folder}; truncate -s 1T file; printf middle | dd of=file bs=1 seek=500G conv=notrunc; printf end >>file")
    asked: list[tuple[int, int]] = []
    original = SftpSession.read

    def read(session: SftpSession, handle: bytes, offset: int, length: int) -> asyncio.Future[bytes]:
        asked.append((offset, length))
        return original(session, handle, offset, length)

    monkeypatch.setattr(SftpSession, "read", read)
    middle, size = 500 << 30, (1 << 40) + 3
    async with open_sftp(bufferSize="4") as files:
        for offset, length, wanted, requests in (
            (middle, 6, b"middle", [(middle, 4), (middle + 4, 2)]),
            (-3, 2, b"en", [(size - 3, 2)]),
            (-3, 100, b"end", None),
            (size, 4, b"", [(size, 4)]),
            (0, 0, b"", []),
        ):
            asked.clear()
            assert b"".join([piece async for piece in files.read(f"{folder}/file", offset, length)]) == wanted
            assert requests is None or asked == requests
    xenon_ssh.run(f"rm {folder}/file")


async def test_a_file_that_tells_no_size_has_ranges(open_sftp: OpenSftp) -> None:
    async with open_sftp() as files:
        whole = b"".join([piece async for piece in files.read("/proc/version")])
        for offset, length in ((0, 10), (6, 7), (6, None), (len(whole), 1), (1 << 70, 1)):
            await check_range(files, "/proc/version", whole, offset, length)
        assert b"".join([piece async for piece in files.read("/proc/version", -5)]) == whole


async def test_whoever_stops_early_leaves_no_file_open(
    open_sftp: OpenSftp, xenon_ssh: SshServer, folder: str, free_handle: FreeHandle
) -> None:
    xenon_ssh.run(f"truncate -s 100M {folder}/file")
    async with open_sftp() as files:
        session = await files._connection.session()
        free = await free_handle(session)
        for offset, length in ((0, None), (5 << 20, 90 << 20), (-(50 << 20), None)):
            reading = files.read(f"{folder}/file", offset, length)
            assert await anext(reading)
            assert await free_handle(session) != free
            await reading.aclose()
            assert await free_handle(session) == free and session.read_ahead == 0
    xenon_ssh.run(f"rm {folder}/file")


@pytest.mark.parametrize("round_trip", ["short", "long"])
async def test_permissions(open_sftp: OpenSftp, folder: str, monkeypatch: pytest.MonkeyPatch, round_trip: str) -> None:
    """Also of files that are written over several channels, which open them by their names."""
    if round_trip == "long":
        monkeypatch.setattr("pyxenon_server.filesystems.sftp.writing.in_flight_for", lambda _round_trip: 16 << 20)
    kinds: list[int] = []
    original = SftpSession.request

    def request(session: SftpSession, kind: int, *arguments: Any, **options: Any) -> asyncio.Future[Any]:
        kinds.append(kind)
        return original(session, kind, *arguments, **options)

    monkeypatch.setattr(SftpSession, "request", request)
    async with open_sftp() as files:
        await check_permissions(files, folder)
        kinds.clear()
        await files.write(f"{folder}/last", pieces(b"content"), permissions=[PosixFilePermission.OWNER_READ])
    assert kinds.index(Kind.RENAME) > max(number for number, kind in enumerate(kinds) if kind == Kind.FSETSTAT)
    assert Kind.SETSTAT not in kinds, "it has its name already when its permissions are set"


async def test_there_is_no_checksum_without_reading(open_sftp: OpenSftp, folder: str) -> None:
    async with open_sftp() as files:
        await files.write(f"{folder}/file", pieces(b"content"))
        assert await files.checksum(f"{folder}/file", "sha256") is None


async def test_a_tree_is_deleted_and_links_are_not_followed(open_sftp: OpenSftp, folder: str) -> None:
    async with open_sftp() as files:
        await check_delete_tree(files, folder)
