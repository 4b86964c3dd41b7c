"""What the operating system's errors mean to a caller."""

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
    errno.ENOTDIR: NoSuchPathException,  # a part of the path is no directory, so that nothing can be below it
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
_WORDS: Mapping[int, str] = {errno.ENOTDIR: "Something above it is no directory"}
_HINTS: Mapping[int, str] = {
    errno.EXDEV: "Source and target are on different disks: copy it there, and delete it here",
}


def from_os_error(error: OSError, adaptor: str, path: str = "") -> XenonError:
    """The exception for *error*; *path* is what it was about, as Python has it of this machine's own files."""
    words = shown(_WORDS.get(error.errno or 0) or error.strerror or str(error))
    about = f": {shown(path)}" if path and shown(path) not in words else ""
    return _CLASSES.get(error.errno or 0, IOException)(f"{words}{about}", adaptor=adaptor, hint=_HINTS.get(error.errno or 0, ""))


@contextlib.contextmanager
def translated(adaptor: str, path: str = "") -> Iterator[None]:
    """Turn what the operating system raises inside into an exception for callers."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, adaptor, path) from error
