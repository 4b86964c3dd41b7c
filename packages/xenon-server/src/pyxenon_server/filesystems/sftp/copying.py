"""Copies within one host, done on the host by the SFTP server if it can, else by ``cp``; and reading of small local files."""

from __future__ import annotations

import asyncio
import os
import stat
from collections import deque

from pyxenon_core.errors import XenonError
from pyxenon_server.adaptors.base import Progress
from pyxenon_server.filesystems.common.permissions import private_or_usual
from pyxenon_server.filesystems.sftp.connection import SftpConnection
from pyxenon_server.filesystems.sftp.errors import why_not_written, xenon_error
from pyxenon_server.filesystems.sftp.making import Made, make
from pyxenon_server.filesystems.sftp.messages import Attributes, Open, SftpError, Status
from pyxenon_server.filesystems.sftp.session import SftpSession
from pyxenon_server.shells.base import Shell
from pyxenon_server.shells.words import quote

__all__ = ["copy_file", "small_content"]

# Limited, because the server does nothing else during a request. Several requests are in flight, so that it need not wait for the next.
_AT_ONCE = 8 << 20
_UNDER_WAY = 4
_SMALL = 1 << 20


class _NotHere(Exception):
    """The host cannot make the copy itself."""


async def copy_file(
    connection: SftpConnection,
    origin: SftpConnection,
    shell: Shell,
    source: bytes,
    target: bytes,
    replace: bool,
    progress: Progress,
    permissions: int | None,
) -> bool:
    """Copy *source* of *origin* to *target*, as :meth:`FileSystem.copy_here` does. Returns False if the host cannot."""
    session = await connection.session()
    try:
        attributes = await session.target_attributes(source)
    except SftpError as error:
        raise xenon_error(error, source) from error
    if not stat.S_ISREG(attributes.mode or 0) or not await _is_seen_by(origin, connection, source, attributes):
        return False
    size = attributes.size or 0
    wanted = private_or_usual(attributes.mode or 0) if permissions is None else permissions
    try:
        async with make(connection, target, replace, wanted) as made:
            if b"copy-data" in made.session.extensions:
                await _copy_by_server(made, source, target, size, progress)
            else:
                await _copy_by_command(made, shell, source, size, progress)
    except _NotHere:
        return False
    return True


async def _is_seen_by(origin: SftpConnection, connection: SftpConnection, path: bytes, attributes: Attributes) -> bool:
    """Return True if *origin* has the same file: several machines, each with its own disks, may share one host name."""
    if origin.sessions is connection.sessions:
        return True
    try:
        there = await (await origin.session()).target_attributes(path)
    except SftpError:
        return False
    return there._replace(accessed=None) == attributes._replace(accessed=None)


async def _copy_by_server(made: Made, source: bytes, target: bytes, size: int, progress: Progress) -> None:
    session, handles = made.session, [made.handle]
    try:
        try:
            handles.append(await session.open(source, Open.READ))
        except SftpError as error:
            raise xenon_error(error, source) from error
        await _copy_pieces(made, handles[1], size, progress)
        await made.restrict()
        await session.close_handle(handles.pop(0))
    except SftpError as error:
        raise await why_not_written(session, error, target, min(size, _AT_ONCE)) from error
    finally:
        for handle in handles:
            session.release(handle)


async def _copy_pieces(made: Made, source: bytes, size: int, progress: Progress) -> None:
    """Copy *size* bytes, and any bytes by which the file has grown since."""
    under_way: deque[tuple[int, asyncio.Future[None]]] = deque()
    try:
        for offset in range(0, size, _AT_ONCE):
            length = min(_AT_ONCE, size - offset)
            under_way.append((length, made.session.copy_data(source, offset, length, made.handle)))
            if len(under_way) == _UNDER_WAY:
                await _copied(under_way, progress)
        under_way.append((0, made.session.copy_data(source, size, 0, made.handle)))
        while under_way:
            await _copied(under_way, progress)
    finally:
        for _length, request in under_way:
            request.cancel()


async def _copied(under_way: deque[tuple[int, asyncio.Future[None]]], progress: Progress) -> None:
    length, request = under_way.popleft()
    try:
        await request
    except SftpError as error:
        if error.code != Status.EOF:  # reported if the file has become shorter
            raise
    else:
        progress(length)


async def _copy_by_command(made: Made, shell: Shell, source: bytes, size: int, progress: Progress) -> None:
    """Copy with ``cp``. Raises :class:`_NotHere` on any failure; the copy is then streamed, which reports errors better."""
    words = " ".join(quote(name.decode("utf-8", "surrogateescape")) for name in (source, made.name))
    try:
        await _run(shell, f"exec cp -- {words}")
        # The shell may see other disks than the SFTP server, or run on another machine of that name; then nothing was copied here.
        if await _size(made.session, made.name) != await _size(made.session, source):
            raise _NotHere
        await made.restrict()
    finally:
        made.session.release(made.handle)
    progress(size)


async def _run(shell: Shell, command: str) -> None:
    try:
        ended = await shell.run(command)
    except XenonError as error:
        raise _NotHere from error
    if ended.exit_code != 0:
        raise _NotHere


async def _size(session: SftpSession, path: bytes) -> int | None:
    try:
        return (await session.target_attributes(path)).size
    except SftpError as error:
        raise _NotHere from error


def small_content(path: str) -> tuple[bytes, int] | None:
    """Return the content and the mode of a small file on this machine; None if it is not small or cannot be read.

    Call it in a thread. Streaming a small file would need several calls in a thread, which cost more than the file itself.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(number)
            if not stat.S_ISREG(status.st_mode) or status.st_size >= _SMALL:
                return None
            content = os.read(number, status.st_size + 1)  # a buffer of 1 MiB would cost more than a small file
            return (content, status.st_mode) if len(content) == status.st_size else None
        finally:
            os.close(number)
    except OSError:
        return None
