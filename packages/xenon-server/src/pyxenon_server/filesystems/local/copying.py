"""Copy files within this machine: the kernel copies the bytes or shares the blocks, and holes are preserved."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from pyxenon_server.filesystems.local.opening import open_file, write_all

__all__ = ["Source"]

_AT_ONCE = 8 << 20
_READ_AT_ONCE = 1 << 20
_BLOCK = 512  # the unit of st_blocks, whatever the block size of the file system
_copy_file_range: Callable[[int, int, int], int] | None = getattr(os, "copy_file_range", None)
_NO_COPYING = frozenset({errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF})


class Source:
    """A file to copy from, opened in a thread. Raises OSError if it cannot be read or is not a regular file."""

    def __init__(self, path: str) -> None:
        self._number = open_file(path, os.O_RDONLY)
        status = os.fstat(self._number)
        self.permissions = status.st_mode & 0o777
        self._has_holes = hasattr(os, "SEEK_DATA") and status.st_blocks * _BLOCK < status.st_size

    def close(self) -> None:
        """Close the file."""
        os.close(self._number)

    def copy_next(self, target: int) -> int:
        """Copy up to 8 MiB to the file *target*, and return the number of bytes: 0 at the end."""
        if self._has_holes:
            return self._copy_hole(target) or self._copy(target, self._until_hole())
        return self._copy(target, _AT_ONCE)

    def _copy(self, target: int, most: int) -> int:
        if _copy_file_range is not None:
            try:
                if count := _copy_file_range(self._number, target, most):
                    return count
            except OSError as error:
                if error.errno not in _NO_COPYING:
                    raise
        # Also after a count of 0, which some kernels return for virtual files, such as those in /proc.
        return write_all(target, os.read(self._number, min(most, _READ_AT_ONCE)))

    def _copy_hole(self, target: int) -> int:
        """Skip a hole and return its length in bytes; 0 if there is data at the current position."""
        here = os.lseek(self._number, 0, os.SEEK_CUR)
        try:
            there = os.lseek(self._number, here, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:  # only a hole follows
                raise
            there = max(here, os.fstat(self._number).st_size)
            os.ftruncate(target, there)
            os.lseek(self._number, there, os.SEEK_SET)
        os.lseek(target, there, os.SEEK_SET)
        return there - here

    def _until_hole(self) -> int:
        here = os.lseek(self._number, 0, os.SEEK_CUR)
        try:
            hole = os.lseek(self._number, here, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:  # at the end of the file
                raise
            hole = here + 1
        os.lseek(self._number, here, os.SEEK_SET)
        return min(_AT_ONCE, max(1, hole - here))
