"""What the operating system's errors mean to a caller."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator, Mapping

from xenon_core.errors import (
    DirectoryNotEmptyException,
    InvalidPathException,
    IOException,
    NoSpaceException,
    NoSuchPathException,
    PathAlreadyExistsException,
    PermissionDeniedException,
    XenonError,
)

__all__ = ["from_os_error", "translated"]

_CLASSES: Mapping[int, type[XenonError]] = {
    errno.ENOENT: NoSuchPathException,
    errno.EEXIST: PathAlreadyExistsException,
    errno.ENOTEMPTY: DirectoryNotEmptyException,
    errno.ENOTDIR: InvalidPathException,
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


def from_os_error(error: OSError, adaptor: str, path: str = "") -> XenonError:
    """The exception for *error*; *path* is what it was about, where the request alone does not tell."""
    about = f": {path}" if path else ""
    return _CLASSES.get(error.errno or 0, IOException)(f"{error.strerror or error}{about}", adaptor=adaptor)


@contextlib.contextmanager
def translated(adaptor: str, path: str = "") -> Iterator[None]:
    """Turn what the operating system raises inside into an exception for callers."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, adaptor, path) from error
