"""Open regular files on this machine, and nothing else: a pipe or a device could block a thread forever."""

from __future__ import annotations

import errno
import os
import stat

__all__ = ["open_file", "write_all"]


def open_file(path: str, flags: int) -> int:
    """Open the existing file *path*. Raises OSError, also for anything that is not a regular file."""
    _require_file(os.stat(path))  # noqa: PTH116 - checked first, because opening a pipe or a device may have side effects
    number = os.open(path, flags | os.O_CLOEXEC)
    try:
        _require_file(os.fstat(number))
    except BaseException:
        os.close(number)
        raise
    return number


def write_all(number: int, data: bytes) -> int:
    """Write all of *data*, however little the system accepts at a time, and return its length."""
    view = memoryview(data)
    while view:
        view = view[os.write(number, view) :]
    return len(data)


def _require_file(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "A pipe, a socket or a device is not a regular file")
