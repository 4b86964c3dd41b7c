"""Opening files of this machine, and nothing but files: a pipe or a device would keep a thread waiting for as long as it likes."""

from __future__ import annotations

import errno
import os
import stat

__all__ = ["open_file", "require_file", "write_all"]


def require_file(place: str | int) -> None:
    """Raise OSError when the path, or what is open under the number, is anything but a file.

    A path is looked at before it is opened, which a pipe or a device may notice, and what was opened once more.
    """
    mode = os.stat(place).st_mode  # noqa: PTH116 - a number has no path
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "It is a pipe, a socket or a device, and no file")


def open_file(path: str, flags: int) -> int:
    """Open the file *path*, which exists; raises OSError, also for anything that is no file."""
    require_file(path)
    number = os.open(path, flags | os.O_CLOEXEC)
    try:
        require_file(number)
    except BaseException:
        os.close(number)
        raise
    return number


def write_all(number: int, data: bytes) -> int:
    """Write all of *data*, however little the system takes at a time, and give its length."""
    view = memoryview(data)
    while view:
        view = view[os.write(number, view) :]
    return len(data)
