"""Making files over SFTP, all or nothing: under a name of their own beside where they shall be, which is exchanged when they are whole."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import stat
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from xenon_core.errors import InvalidPathException, PathAlreadyExistsException
from xenon_server.filesystems.sftp_connection import SftpConnection
from xenon_server.filesystems.sftp_errors import kind_of, look, why_not_made, why_not_written
from xenon_server.filesystems.sftp_messages import Attributes, Open, SftpError, Status
from xenon_server.filesystems.sftp_names import from_bytes
from xenon_server.filesystems.sftp_session import SftpSession

__all__ = ["Made", "make", "temporary_beside"]

_MOST_LINKS = 40
_PERMISSIONS = 0o7777


@dataclass(frozen=True)
class Made:
    """A file that is being made.

    Attributes:
        session: The session in which it is open.
        handle: Its handle there; whoever uses it closes it.
        name: The name that it has until it is whole.
        path: The name that it shall have.
        round_trip: Seconds that it took to open it.
        mode_set: The request that gives it the permissions of what it replaces; None where it replaces nothing.
    """

    session: SftpSession
    handle: bytes
    name: bytes
    path: bytes
    round_trip: float
    mode_set: asyncio.Future[None] | None


def temporary_beside(path: bytes) -> bytes:
    """A new, hidden name in the directory that *path* is in."""
    return b"%b/.xenon-%b.part" % (path.rpartition(b"/")[0], secrets.token_hex(8).encode())


@contextlib.asynccontextmanager
async def make(connection: SftpConnection, path: bytes, replace: bool) -> AsyncIterator[Made]:
    """An empty file, open for writing, that gets the name *path* at the end and is gone when that is not reached.

    Whatever uses it closes the handle, with everything written. Raises what :meth:`FileSystem.write` raises for what is in the way.
    """
    made = await connection.ask(lambda session: _begin(connection, session, path, replace))
    try:
        yield made
        if made.mode_set is not None:
            with contextlib.suppress(SftpError):
                await made.mode_set
        await (_take_over if replace else _take_free)(made.session, made.name, made.path)
    except BaseException:
        await connection.discard(made.session, made.name)
        raise


async def _begin(connection: SftpConnection, session: SftpSession, path: bytes, replace: bool) -> Made:
    """Make the file under its first name. A link is replaced where it points to, as if it were written through."""
    for _ in range(_MOST_LINKS):
        name = temporary_beside(path)
        try:
            made = await _open_beside(session, path, name, replace)
        except BaseException:
            await connection.discard(session, name)
            raise
        if made is not None:
            return made
        await connection.discard(session, name)
        path = await _target_of(session, path)
    raise InvalidPathException(f"{from_bytes(path)} goes through too many symbolic links")


async def _open_beside(session: SftpSession, path: bytes, name: bytes, replace: bool) -> Made | None:
    """Open the file *name*, while looking at what is at *path* already; None when that is a link to be followed."""
    began = time.monotonic()
    looking = session.attributes(path)
    opening = session.open(name, Open.WRITE | Open.CREATE | Open.EXCLUSIVE)
    try:
        before = await _seen(looking)
        if before is not None and not replace:
            raise PathAlreadyExistsException(f"there is something at {from_bytes(path)} already")
        _require_file(before, path)
        handle = await opening
    except SftpError as error:
        raise await why_not_made(session, error, path) from error
    except BaseException:
        _abandon(session, opening)
        raise
    round_trip = time.monotonic() - began
    if before is None or before.mode is None:
        return Made(session, handle, name, path, round_trip, None)
    if stat.S_ISLNK(before.mode):
        session.release(handle)
        return None
    # What was private stays so.
    return Made(session, handle, name, path, round_trip, session.set_file_mode(handle, before.mode & _PERMISSIONS))


def _abandon(session: SftpSession, opening: asyncio.Future[bytes]) -> None:
    """Close what has been opened, or is going to be."""
    if opening.done() and not opening.cancelled() and opening.exception() is None:
        session.release(opening.result())
    else:
        opening.cancel()


async def _seen(looking: asyncio.Future[Attributes]) -> Attributes | None:
    try:
        return await looking
    except SftpError as error:
        if error.code in (Status.NO_SUCH_FILE, Status.NO_SUCH_PATH):
            return None
        raise


def _require_file(before: Attributes | None, path: bytes) -> None:
    """Only files are replaced, and links followed."""
    if before is None or kind_of(before) in (0, stat.S_IFREG, stat.S_IFLNK):
        return
    what = "a directory" if kind_of(before) == stat.S_IFDIR else "no regular file"
    raise InvalidPathException(f"{from_bytes(path)} is {what}, and a file is to be written")


async def _target_of(session: SftpSession, path: bytes) -> bytes:
    """Where the link at *path* points to in the end, whether something is there or not."""
    for _ in range(_MOST_LINKS):
        attributes = await look(session, path)
        if attributes is None or kind_of(attributes) != stat.S_IFLNK:
            return path
        target = await session.read_link(path)
        path = target if target.startswith(b"/") else b"%b/%b" % (path.rpartition(b"/")[0], target)
    raise InvalidPathException(f"{from_bytes(path)} goes through too many symbolic links")


async def _take_over(session: SftpSession, name: bytes, path: bytes) -> None:
    """Give the file *name* the name *path*, in the place of what is there."""
    try:
        if b"posix-rename@openssh.com" in session.extensions:
            await session.rename_over(name, path)
        else:
            await _exchange(session, name, path)
    except SftpError as error:
        _require_file(await look(session, path), path)
        raise await why_not_written(session, error, path) from error


async def _exchange(session: SftpSession, name: bytes, path: bytes) -> None:
    """As :func:`_take_over` on a server that needs two steps: for a moment nothing has the name; what was there is kept until then."""
    if await look(session, path) is None:
        await session.rename(name, path)
        return
    kept = temporary_beside(path)
    await session.rename(path, kept)
    try:
        await session.rename(name, path)
    except SftpError:
        await session.rename(kept, path)
        raise
    await session.remove(kept)


async def _take_free(session: SftpSession, name: bytes, path: bytes) -> None:
    """Give the file *name* the name *path*, if nothing else has it.

    A second name for the file can only be made where there is none. OpenSSH renames in just that way; of other servers, some replace what
    is there, against the protocol.
    """
    try:
        if not session.in_order and b"hardlink@openssh.com" in session.extensions:
            await session.link(name, path)
            await session.remove(name)
            return
        if not session.in_order and await look(session, path) is not None:
            raise SftpError(Status.FILE_ALREADY_EXISTS)
        await session.rename(name, path)
    except SftpError as error:
        raise await why_not_made(session, error, path) from error
