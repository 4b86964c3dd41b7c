"""Giving a file of this machine its name, without taking that of another: in one step where the system can."""

from __future__ import annotations

import errno
import functools
import os
import stat
import sys
from collections.abc import Callable

__all__ = ["rename_new"]

_HERE = -100  # AT_FDCWD, for paths that are absolute anyway
_EXCLUSIVE = 4 if sys.platform == "darwin" else 1  # RENAME_EXCL, RENAME_NOREPLACE
# What a system says that has no such call, and a file system that does not know the flag. The latter is also said of a move into itself.
_CANNOT = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})


def rename_new(source: str, target: str) -> None:
    """Give *source* the path *target*; raises FileExistsError when something is there, which stays as it is, and other OSErrors."""
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
    """The C library's call that never replaces; None when there is none."""
    try:
        import ctypes  # late: hardly anybody renames

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
    """Give a file its new name as a second one first, since the usual call would replace a file that came meanwhile.

    For a directory, and where there are no second names, a look beforehand has to do.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    if not stat.S_ISDIR(os.lstat(source).st_mode):
        try:
            os.link(source, target, follow_symlinks=False)
        except FileExistsError:
            raise
        except OSError:
            pass  # the usual call has its own say about what is wrong
        else:
            os.unlink(source)  # noqa: PTH108 - beside the other calls of os
            return
    os.rename(source, target)  # noqa: PTH104 - as above
