"""Translate the operating system's errors to exceptions for callers."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator, Mapping

from pyxenon_core.errors import (
    DirectoryNotEmptyException,
    InvalidPathException,
    IOException,
    NoSpaceException,
    NoSuchPathException,
    PathAlreadyExistsException,
    PermissionDeniedException,
    XenonError,
)
from pyxenon_server.filesystems.common.names import shown

__all__ = ["from_os_error", "translated"]

_CLASSES: Mapping[int, type[XenonError]] = {
    errno.ENOENT: NoSuchPathException,
    errno.EEXIST: PathAlreadyExistsException,
    errno.ENOTEMPTY: DirectoryNotEmptyException,
    errno.ENOTDIR: NoSuchPathException,  # a parent in the path is not a directory, so that nothing can exist below it
    errno.EISDIR: InvalidPathException,
    errno.EINVAL: InvalidPathException,
    errno.ELOOP: InvalidPathException,
    errno.ENAMETOOLONG: InvalidPathException,
    errno.EACCES: PermissionDeniedException,
    errno.EPERM: PermissionDeniedException,
    errno.EROFS: PermissionDeniedException,
    errno.ENOSPC: NoSpaceException,
    errno.EDQUOT: NoSpaceException,
    errno.EFBIG: NoSpaceException,
}
_WORDS: Mapping[int, str] = {errno.ENOTDIR: "A parent in the path is not a directory"}
_HINTS: Mapping[int, str] = {
    errno.EXDEV: "Source and target are on different disks: copy the file, then delete the source",
}


def from_os_error(error: OSError, adaptor: str, path: str = "") -> XenonError:
    """Return the exception for *error* about *path*, a path on this machine as Python represents it."""
    words = shown(_WORDS.get(error.errno or 0) or error.strerror or str(error))
    about = f": {shown(path)}" if path and shown(path) not in words else ""
    return _CLASSES.get(error.errno or 0, IOException)(f"{words}{about}", adaptor=adaptor, hint=_HINTS.get(error.errno or 0, ""))


@contextlib.contextmanager
def translated(adaptor: str, path: str = "") -> Iterator[None]:
    """Translate an OSError raised inside to an exception for callers."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, adaptor, path) from error
