"""Rename files on this machine without replacing others, in one step where the system can."""

from __future__ import annotations

import errno
import functools
import os
import stat
import sys
from collections.abc import Callable

__all__ = ["rename_new"]

_HERE = -100  # AT_FDCWD, which has no effect on absolute paths
_EXCLUSIVE = 4 if sys.platform == "darwin" else 1  # RENAME_EXCL, RENAME_NOREPLACE
# The system lacks the call, or the file system does not support the flag; EINVAL also reports a move of a directory into itself.
_CANNOT = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})


def rename_new(source: str, target: str) -> None:
    """Rename *source* to *target*. Raises FileExistsError if *target* exists, which is left unchanged, and other OSErrors."""
    call = _exclusive_rename()
    if call is None:
        _rename_by_link(source, target)
        return
    try:
        call(os.fsencode(source), os.fsencode(target))
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        _rename_by_link(source, target)


@functools.cache
def _exclusive_rename() -> Callable[[bytes, bytes], None] | None:
    """Return the C library's rename call that never replaces; None if there is none."""
    try:
        import ctypes  # imported late, since renames are rare

        library = ctypes.CDLL(None, use_errno=True)
        function = library.renamex_np if sys.platform == "darwin" else library.renameat2
    except (ImportError, OSError, AttributeError):
        return None

    def call(source: bytes, target: bytes) -> None:
        paths = (source, target) if sys.platform == "darwin" else (_HERE, source, _HERE, target)
        if function(*paths, _EXCLUSIVE) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    return call


def _rename_by_link(source: str, target: str) -> None:
    """Rename a file by creating a hard link first, since ``os.rename`` would replace a file created in the meantime.

    For directories, and where hard links are not supported, only check for the target beforehand.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    if not stat.S_ISDIR(os.lstat(source).st_mode):
        try:
            os.link(source, target, follow_symlinks=False)
        except FileExistsError:
            raise
        except OSError:
            pass  # os.rename below reports what is wrong
        else:
            os.unlink(source)  # noqa: PTH108 - consistent with the other calls of os
            return
    os.rename(source, target)  # noqa: PTH104 - as above
