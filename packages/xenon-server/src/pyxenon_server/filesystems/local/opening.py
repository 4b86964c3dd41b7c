"""Opening files of this machine, and nothing but files: a pipe or a device would keep a thread waiting for as long as it likes."""

from __future__ import annotations

import errno
import os
import stat

__all__ = ["open_file", "write_all"]


def open_file(path: str, flags: int) -> int:
    """Open the file *path*, which exists; raises OSError, also for anything that is no file."""
    _require_file(os.stat(path))  # noqa: PTH116 - before it is opened, which a pipe or a device may notice
    number = os.open(path, flags | os.O_CLOEXEC)
    try:
        _require_file(os.fstat(number))
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


def _require_file(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "It is a pipe, a socket or a device, and no file")
