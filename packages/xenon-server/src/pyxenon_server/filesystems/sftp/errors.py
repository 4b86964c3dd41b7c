"""What a server's refusals mean to a caller. OpenSSH says no more than «Failure» of most, so that some have to be found out by looking."""

from __future__ import annotations

import stat
from collections.abc import Mapping

from pyxenon_core.errors import (
    ConnectionLostException,
    DirectoryNotEmptyException,
    InvalidPathException,
    IOException,
    NoSpaceException,
    NoSuchPathException,
    PathAlreadyExistsException,
    PermissionDeniedException,
    UnsupportedOperationException,
    XenonError,
)
from pyxenon_server.filesystems.common.names import from_bytes
from pyxenon_server.filesystems.common.paths import parent_of
from pyxenon_server.filesystems.sftp.messages import Attributes, SftpError, Status
from pyxenon_server.filesystems.sftp.session import SftpSession

__all__ = ["kind_of", "look", "missing", "why_not_made", "why_not_written", "xenon_error"]

_CLASSES: Mapping[int, tuple[type[XenonError], str]] = {
    Status.NO_SUCH_FILE: (NoSuchPathException, "there is nothing at {}"),
    Status.NO_SUCH_PATH: (NoSuchPathException, "there is nothing at {}"),
    Status.PERMISSION_DENIED: (PermissionDeniedException, "the server does not permit it for {}"),
    Status.WRITE_PROTECT: (PermissionDeniedException, "the disk of {} can only be read"),
    Status.FILE_ALREADY_EXISTS: (PathAlreadyExistsException, "there is something at {} already"),
    Status.NO_SPACE_ON_FILESYSTEM: (NoSpaceException, "the disk of {} is full"),
    Status.QUOTA_EXCEEDED: (NoSpaceException, "the quota of the account is used up on the disk of {}"),
    Status.DIR_NOT_EMPTY: (DirectoryNotEmptyException, "there is something in the directory {}"),
    Status.NOT_A_DIRECTORY: (InvalidPathException, "{} is no directory"),
    Status.FILE_IS_A_DIRECTORY: (InvalidPathException, "{} is a directory"),
    Status.INVALID_FILENAME: (InvalidPathException, "{} is no name that the server takes"),
    Status.LINK_LOOP: (InvalidPathException, "{} goes through too many symbolic links"),
    # OpenSSH says so of names that are too long, and of what the system calls an invalid argument.
    Status.BAD_MESSAGE: (InvalidPathException, "the server takes no such path as {} here: a name in it may be too long"),
    Status.OP_UNSUPPORTED: (UnsupportedOperationException, "the server cannot do this, which was to be done to {}"),
    Status.NO_CONNECTION: (ConnectionLostException, "the server has lost the connection to the disk of {}"),
    Status.CONNECTION_LOST: (ConnectionLostException, "the server has lost the connection to the disk of {}"),
}


def xenon_error(error: SftpError, path: bytes) -> XenonError:
    """The exception for what the server said of *path*, as far as its status tells."""
    shown = from_bytes(path)
    if error.code not in _CLASSES:
        return IOException(f"the server refuses it for {shown}, and gives no reason but {str(error)!r}")
    kind, words = _CLASSES[error.code]
    return kind(words.format(shown))


def missing(path: bytes) -> NoSuchPathException:
    """The exception for when nothing is at *path*."""
    return NoSuchPathException(f"there is nothing at {from_bytes(path)}")


def kind_of(attributes: Attributes) -> int:
    """The type of a file, as in :func:`stat.S_IFMT`; 0 where the server does not tell."""
    return stat.S_IFMT(attributes.mode or 0)


async def look(session: SftpSession, path: bytes) -> Attributes | None:
    """What is at *path*, a link being told of itself; None when that is nothing, or cannot be seen."""
    try:
        return await session.attributes(path)
    except SftpError:
        return None


async def why_not_made(session: SftpSession, error: SftpError, path: bytes) -> XenonError:
    """Why nothing could be made at *path*: something is there, its directory is missing or none, or the disk is full."""
    if error.code in (Status.PERMISSION_DENIED, Status.OP_UNSUPPORTED):
        return xenon_error(error, path)
    if await look(session, path) is not None:
        return PathAlreadyExistsException(f"there is something at {from_bytes(path)} already")
    parent = parent_of(from_bytes(path))
    try:
        directory = await session.target_attributes(path.rpartition(b"/")[0] or b"/")
    except SftpError as refusal:
        if refusal.code == Status.NO_SUCH_FILE:
            return NoSuchPathException(f"there is no directory {parent}")
        return xenon_error(refusal, path)
    if not stat.S_ISDIR(directory.mode or stat.S_IFDIR):
        return InvalidPathException(f"{parent} is no directory")
    return await why_not_written(session, error, path)


async def why_not_written(session: SftpSession, error: SftpError, path: bytes, size: int = 0) -> XenonError:
    """Why *size* bytes could not be written to *path*: its disk may be full, or may only be read."""
    if error.code != Status.FAILURE:
        return xenon_error(error, path)
    shown = from_bytes(path)
    try:
        space = await session.space(path.rpartition(b"/")[0] or b"/")
    except SftpError:
        space = None
    if space is not None and space.read_only:
        return PermissionDeniedException(f"the disk of {shown} can only be read")
    if space is not None and (space.bytes_left <= size or space.files_left == 0):
        return NoSpaceException(f"the disk of {shown} is full")
    return xenon_error(error, path)
