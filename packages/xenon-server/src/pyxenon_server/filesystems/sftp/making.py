"""Atomic creation of files over SFTP: a file has a temporary name in its target directory until it is complete, and is then renamed."""

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
# The owner needs these while the file is written: other channels, and a command that copies into it, open the file by its name.
_OWNERS = 0o600


@dataclass(frozen=True)
class Made:
    """A file that is being created.

    Attributes:
        session: The session in which the file is open.
        handle: Its handle in that session, which the user of this object closes.
        name: The temporary path, until the file is complete.
        path: The final path.
        round_trip: Seconds that opening the file took.
        permissions: The final permissions; None for those of the file that it replaces, else the usual ones.
        mode_set: The request that sets the permissions, plus those that the owner needs to write; None for the usual permissions.
    """

    session: SftpSession
    handle: bytes
    name: bytes
    path: bytes
    round_trip: float
    permissions: int | None
    mode_set: asyncio.Future[None] | None

    async def restrict(self) -> None:
        """Remove the owner's permissions that only writing needed; the file must still be open here. Raises :class:`SftpError`."""
        if self.permissions is not None and self.permissions & _OWNERS != _OWNERS:
            await self.session.set_file_mode(self.handle, self.permissions)


def temporary_beside(path: bytes) -> bytes:
    """Return a new hidden path in the directory of *path*."""
    return b"%b/.xenon-%b.part" % (path.rpartition(b"/")[0], secrets.token_hex(8).encode())


@contextlib.asynccontextmanager
async def make(connection: SftpConnection, path: bytes, replace: bool, permissions: int | None = None) -> AsyncIterator[Made]:
    """Provide an empty file, open for writing, that is renamed to *path* on success and deleted on failure.

    The caller must write everything, call :meth:`Made.restrict` and close the handle. *permissions* are as in :meth:`FileSystem.write`.
    Raises the same errors as that method if something is in the way.
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
    """Create the file under its temporary name."""
    name = temporary_beside(path)
    try:
        return await _open_beside(session, path, name, replace, permissions)
    except BaseException:
        await connection.discard(session, name)
        raise


async def _open_beside(session: SftpSession, path: bytes, name: bytes, replace: bool, permissions: int | None) -> Made:
    """Create the file *name*, and check at the same time what exists at *path*."""
    began = time.monotonic()
    looking = session.attributes(path)
    mode = None if permissions is None else (permissions | _OWNERS) & _USUAL
    opening = session.open(name, Open.WRITE | Open.CREATE | Open.EXCLUSIVE, mode)
    try:
        before = await _seen(looking)
        if before is not None and not replace:
            raise PathAlreadyExistsException(f"{from_bytes(path)} already exists")
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
    """Set the mode of the new file to *permissions* if given, else to that of the replaced file, *before*.

    In the latter case, nobody who could not read the old file can read the new one, not even while it is written.
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
    """Return the replaced file's *mode*; if the new file is not in *group*, with the group's permissions reduced to those of others."""
    if group is not None and mode != shared_with_all(mode):
        with contextlib.suppress(SftpError):
            if (await session.file_attributes(handle)).gid != group:
                return shared_with_all(mode)
    return mode


async def _require_mode(made: Made) -> None:
    """Raise the error if requested permissions could not be set; failing to copy those of the replaced file is tolerated."""
    if made.mode_set is None:
        return
    try:
        await made.mode_set
    except SftpError as error:
        if made.permissions is not None:
            raise xenon_error(error, made.path) from error


def _abandon(session: SftpSession, opening: asyncio.Future[bytes]) -> None:
    """Close the file if it has been opened, else cancel opening it."""
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
    """Raise InvalidPathException unless *path* can be replaced, as only regular files and links can."""
    if before is None or kind_of(before) in (0, stat.S_IFREG, stat.S_IFLNK):
        return
    what = "a directory" if kind_of(before) == stat.S_IFDIR else "not a regular file"
    raise InvalidPathException(f"{from_bytes(path)} is {what} and cannot be replaced by a file")


async def _take_over(connection: SftpConnection, session: SftpSession, name: bytes, path: bytes) -> None:
    """Rename the file *name* to *path*, replacing what exists there."""
    try:
        if b"posix-rename@openssh.com" in session.extensions:
            await session.rename_over(name, path)
        else:
            await _exchange(connection, session, name, path)
    except SftpError as error:
        _require_file(await look(session, path), path)
        raise await why_not_written(session, error, path) from error


async def _exchange(connection: SftpConnection, session: SftpSession, name: bytes, path: bytes) -> None:
    """Replace *path* in two steps, for servers without an atomic rename: *path* is briefly missing; the old file is kept until the end."""
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
    """Rename the file *name* to *path* if *path* does not exist.

    A hard link can only be created if the name is free. OpenSSH itself renames this way; some other servers replace the target, which
    violates the protocol.
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
