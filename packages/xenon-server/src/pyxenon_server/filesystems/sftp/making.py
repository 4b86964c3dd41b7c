"""Making files over SFTP, all or nothing: under a name of their own beside where they shall be, which is exchanged when they are whole."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import stat
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pyxenon_core.errors import InvalidPathException, PathAlreadyExistsException
from pyxenon_server.filesystems.common.names import from_bytes
from pyxenon_server.filesystems.common.permissions import shared_with_all
from pyxenon_server.filesystems.sftp.connection import SftpConnection
from pyxenon_server.filesystems.sftp.errors import kind_of, look, why_not_made, why_not_written, xenon_error
from pyxenon_server.filesystems.sftp.messages import Attributes, Open, SftpError, Status
from pyxenon_server.filesystems.sftp.session import SftpSession

__all__ = ["Made", "make", "temporary_beside"]

_PERMISSIONS = 0o777
_USUAL = 0o666
# More channels open the file by its name while it is written, as does a command that copies into it.
_OWNERS = 0o600


@dataclass(frozen=True)
class Made:
    """A file that is being made.

    Attributes:
        session: The session in which it is open.
        handle: Its handle there; whoever uses it closes it.
        name: The name that it has until it is whole.
        path: The name that it shall have.
        round_trip: Seconds that it took to open it.
        permissions: The ones that it shall have; None for those of what it replaces, else the usual ones.
        mode_set: The request that gives it these, with what its owner needs to write it; None where it has the usual ones.
    """

    session: SftpSession
    handle: bytes
    name: bytes
    path: bytes
    round_trip: float
    permissions: int | None
    mode_set: asyncio.Future[None] | None

    async def restrict(self) -> None:
        """Take from its owner what only writing it needed: nobody opens it any more, but it is open. Raises :class:`SftpError`."""
        if self.permissions is not None and self.permissions & _OWNERS != _OWNERS:
            await self.session.set_file_mode(self.handle, self.permissions)


def temporary_beside(path: bytes) -> bytes:
    """A new, hidden name in the directory that *path* is in."""
    return b"%b/.xenon-%b.part" % (path.rpartition(b"/")[0], secrets.token_hex(8).encode())


@contextlib.asynccontextmanager
async def make(connection: SftpConnection, path: bytes, replace: bool, permissions: int | None = None) -> AsyncIterator[Made]:
    """An empty file, open for writing, that gets the name *path* at the end and is gone when that is not reached.

    Whatever uses it restricts it and closes the handle, with everything written. *permissions* are as in :meth:`FileSystem.write`. Raises
    what that raises for what is in the way.
    """
    made = await connection.ask(lambda session: _begin(connection, session, path, replace, permissions))
    try:
        yield made
        await _require_mode(made)
        if replace:
            await _take_over(connection, made.session, made.name, made.path)
        else:
            await _take_free(made.session, made.name, made.path)
    except BaseException:
        await connection.discard(made.session, made.name)
        raise


async def _begin(connection: SftpConnection, session: SftpSession, path: bytes, replace: bool, permissions: int | None) -> Made:
    """Make the file under its first name."""
    name = temporary_beside(path)
    try:
        return await _open_beside(session, path, name, replace, permissions)
    except BaseException:
        await connection.discard(session, name)
        raise


async def _open_beside(session: SftpSession, path: bytes, name: bytes, replace: bool, permissions: int | None) -> Made:
    """Open the file *name*, while looking at what is at *path* already."""
    began = time.monotonic()
    looking = session.attributes(path)
    mode = None if permissions is None else (permissions | _OWNERS) & _USUAL
    opening = session.open(name, Open.WRITE | Open.CREATE | Open.EXCLUSIVE, mode)
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
    if before is None or kind_of(before) == stat.S_IFLNK:
        before = Attributes()
    try:
        return Made(session, handle, name, path, round_trip, permissions, await _protected(session, handle, before, permissions))
    except BaseException:
        session.release(handle)
        raise


async def _protected(session: SftpSession, handle: bytes, before: Attributes, permissions: int | None) -> asyncio.Future[None] | None:
    """Give it *permissions*, where these are given.

    Else who could not read what was there *before* shall not be able to read what comes in its place, not even while it is written.
    """
    if permissions is not None:
        mode = permissions | _OWNERS
    elif before.mode is not None:
        mode = await _mode_after(session, handle, before.mode & _PERMISSIONS, before.gid)
    else:
        return None
    setting = session.set_file_mode(handle, mode)
    if not session.in_order:
        await asyncio.wait([setting])
    return setting


async def _mode_after(session: SftpSession, handle: bytes, mode: int, group: int | None) -> int:
    """The permissions *mode* of what was there; the group's only as far as everybody has them where the new file is in another *group*."""
    if group is not None and mode != shared_with_all(mode):
        with contextlib.suppress(SftpError):
            if (await session.file_attributes(handle)).gid != group:
                return shared_with_all(mode)
    return mode


async def _require_mode(made: Made) -> None:
    """Raise what has become of the permissions that were asked for; a server need not know how to set those of what is replaced."""
    if made.mode_set is None:
        return
    try:
        await made.mode_set
    except SftpError as error:
        if made.permissions is not None:
            raise xenon_error(error, made.path) from error


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
    """Only files and links are replaced."""
    if before is None or kind_of(before) in (0, stat.S_IFREG, stat.S_IFLNK):
        return
    what = "a directory" if kind_of(before) == stat.S_IFDIR else "no regular file"
    raise InvalidPathException(f"{from_bytes(path)} is {what}, and a file is to be written")


async def _take_over(connection: SftpConnection, session: SftpSession, name: bytes, path: bytes) -> None:
    """Give the file *name* the name *path*, in the place of what is there."""
    try:
        if b"posix-rename@openssh.com" in session.extensions:
            await session.rename_over(name, path)
        else:
            await _exchange(connection, session, name, path)
    except SftpError as error:
        _require_file(await look(session, path), path)
        raise await why_not_written(session, error, path) from error


async def _exchange(connection: SftpConnection, session: SftpSession, name: bytes, path: bytes) -> None:
    """As :func:`_take_over` on a server that needs two steps: for a moment nothing has the name; what was there is kept until then."""
    if await look(session, path) is None:
        await session.rename(name, path)
        return
    kept = temporary_beside(path)
    connection.keep(kept, path)
    renaming: asyncio.Future[None] | None = None
    try:
        for source, target in ((path, kept), (name, path)):
            renaming = session.rename(source, target)
            await asyncio.shield(renaming)
    except BaseException:
        await connection.restore(session, renaming)
        raise
    connection.forget(kept)
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
