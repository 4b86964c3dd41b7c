"""Translate a server's errors to exceptions for callers. OpenSSH reports most as «Failure», so the cause must be found by checking."""

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
    Status.NO_SUCH_FILE: (NoSuchPathException, "{} does not exist"),
    Status.NO_SUCH_PATH: (NoSuchPathException, "{} does not exist"),
    Status.PERMISSION_DENIED: (PermissionDeniedException, "the server denies access to {}"),
    Status.WRITE_PROTECT: (PermissionDeniedException, "the disk of {} is read-only"),
    Status.FILE_ALREADY_EXISTS: (PathAlreadyExistsException, "{} already exists"),
    Status.NO_SPACE_ON_FILESYSTEM: (NoSpaceException, "the disk of {} is full"),
    Status.QUOTA_EXCEEDED: (NoSpaceException, "the account's quota on the disk of {} is used up"),
    Status.DIR_NOT_EMPTY: (DirectoryNotEmptyException, "the directory {} is not empty"),
    Status.NOT_A_DIRECTORY: (InvalidPathException, "{} is not a directory"),
    Status.FILE_IS_A_DIRECTORY: (InvalidPathException, "{} is a directory"),
    Status.INVALID_FILENAME: (InvalidPathException, "the server does not accept the name {}"),
    Status.LINK_LOOP: (InvalidPathException, "{} goes through too many symbolic links"),
    # OpenSSH reports this for names that are too long, and for what the system calls an invalid argument.
    Status.BAD_MESSAGE: (InvalidPathException, "the server does not accept the path {} here: a name in it may be too long"),
    Status.OP_UNSUPPORTED: (UnsupportedOperationException, "the server does not support this operation on {}"),
    Status.NO_CONNECTION: (ConnectionLostException, "the server has lost the connection to the disk of {}"),
    Status.CONNECTION_LOST: (ConnectionLostException, "the server has lost the connection to the disk of {}"),
}


def xenon_error(error: SftpError, path: bytes) -> XenonError:
    """Return the exception for the server's *error* about *path*, based on its status alone."""
    shown = from_bytes(path)
    if error.code not in _CLASSES:
        return IOException(f"the server refused the operation on {shown}: {str(error)!r}")
    kind, words = _CLASSES[error.code]
    return kind(words.format(shown))


def missing(path: bytes) -> NoSuchPathException:
    """Return the exception for a *path* that does not exist."""
    return NoSuchPathException(f"{from_bytes(path)} does not exist")


def kind_of(attributes: Attributes) -> int:
    """Return the type of a file, as in :func:`stat.S_IFMT`; 0 if the server does not report it."""
    return stat.S_IFMT(attributes.mode or 0)


async def look(session: SftpSession, path: bytes) -> Attributes | None:
    """Return the attributes of *path*, or of the link itself if it is one; None if it does not exist or is not accessible."""
    try:
        return await session.attributes(path)
    except SftpError:
        return None


async def why_not_made(session: SftpSession, error: SftpError, path: bytes) -> XenonError:
    """Find out why *path* could not be created: it exists, its parent is missing or not a directory, or the disk is full."""
    if error.code in (Status.PERMISSION_DENIED, Status.OP_UNSUPPORTED):
        return xenon_error(error, path)
    if await look(session, path) is not None:
        return PathAlreadyExistsException(f"{from_bytes(path)} already exists")
    parent = parent_of(from_bytes(path))
    try:
        directory = await session.target_attributes(path.rpartition(b"/")[0] or b"/")
    except SftpError as refusal:
        if refusal.code == Status.NO_SUCH_FILE:
            return NoSuchPathException(f"the directory {parent} does not exist")
        return xenon_error(refusal, path)
    if not stat.S_ISDIR(directory.mode or stat.S_IFDIR):
        return InvalidPathException(f"{parent} is not a directory")
    return await why_not_written(session, error, path)


async def why_not_written(session: SftpSession, error: SftpError, path: bytes, size: int = 0) -> XenonError:
    """Find out why *size* bytes could not be written to *path*: its disk may be full or read-only."""
    if error.code != Status.FAILURE:
        return xenon_error(error, path)
    shown = from_bytes(path)
    try:
        space = await session.space(path.rpartition(b"/")[0] or b"/")
    except SftpError:
        space = None
    if space is not None and space.read_only:
        return PermissionDeniedException(f"the disk of {shown} is read-only")
    if space is not None and (space.bytes_left <= size or space.files_left == 0):
        return NoSpaceException(f"the disk of {shown} is full")
    return xenon_error(error, path)
