"""Atomic creation of files on this machine: a file has no name until it is complete, so that a killed program leaves nothing behind.

Where the system cannot create unnamed files (some network file systems), the file has a hidden name until it is complete, ``.xenon-….part``
with 16 hexadecimal digits, in its target directory. Such a file that is hours old was left by a killed server and can be deleted.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import secrets
import stat

from pyxenon_server.filesystems.common.paths import join, parent_of
from pyxenon_server.filesystems.common.permissions import shared_with_all
from pyxenon_server.filesystems.local.names import rename_new

__all__ = ["Making"]

_FLAGS = os.O_WRONLY | os.O_CLOEXEC
_NAMELESS: int | None = getattr(os, "O_TMPFILE", None)
_NO_NAMELESS = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT, errno.ENOSYS})
_BITS = 0o777


class Making:
    """A file that is being created. Use it in a thread, since every method may block, and end with :meth:`finish` or :meth:`abandon`.

    Args:
        path: The final path of the file.
        replace: Replace an existing file or link.
        permissions: The mode bits of the file, whatever it replaces; None for those of the file that it replaces, else *usual*.
        usual: The mode bits of a new file, before the process's umask is applied.

    Raises:
        OSError: The file cannot be created there.
    """

    def __init__(self, path: str, replace: bool, permissions: int | None = None, usual: int = 0o666) -> None:
        self._path = path
        self._replace = replace
        self._replaced = _look(path, replace)
        self._name = ""
        self.number = self._open(usual if permissions is None else permissions)
        try:
            self._take_after(self._replaced, permissions)
        except BaseException:
            self.abandon()
            raise

    def finish(self) -> None:
        """Give the file its name. On failure, delete it and raise OSError, such as FileExistsError if the name is taken by now."""
        try:
            if not self._name:
                self._appear(self._hidden() if self._replace else self._path)
            self._close()
            if self._name:
                self._move()
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Delete the file. Calling this after :meth:`finish` has no effect."""
        name, self._name = self._name, ""
        try:
            self._close()
        finally:
            if name:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name)  # noqa: PTH108 - consistent with the other calls of os

    def _open(self, permissions: int) -> int:
        if _NAMELESS is not None and _can_appear():
            try:
                return os.open(parent_of(self._path), _FLAGS | _NAMELESS, permissions)
            except OSError as error:
                if error.errno not in _NO_NAMELESS:
                    raise
        hidden = self._hidden()
        number = os.open(hidden, _FLAGS | os.O_CREAT | os.O_EXCL, permissions)
        self._name = hidden
        return number

    def _take_after(self, replaced: os.stat_result | None, permissions: int | None) -> None:
        """Take over the owner and the mode of the replaced file, so that, unless *permissions* are given, nobody gains access to it."""
        if replaced is not None:
            made = os.fstat(self.number)
            if (made.st_uid, made.st_gid) != (replaced.st_uid, replaced.st_gid):
                self._give_away(replaced)
            if permissions is None:
                kept = os.fstat(self.number).st_gid == replaced.st_gid
                permissions = (replaced.st_mode if kept else shared_with_all(replaced.st_mode)) & _BITS
        if permissions is not None:
            os.fchmod(self.number, permissions)

    def _give_away(self, replaced: os.stat_result) -> None:
        """Take over the owner and group of the replaced file; only root can change the owner, but owners can choose one of their groups."""
        try:
            os.fchown(self.number, replaced.st_uid, replaced.st_gid)
        except PermissionError:
            with contextlib.suppress(PermissionError):
                os.fchown(self.number, -1, replaced.st_gid)

    def _appear(self, name: str) -> None:
        """Name an unnamed file. *src_dir_fd* is only passed because ``os.link`` otherwise does not follow the link in ``/proc``."""
        os.link(f"/proc/self/fd/{self.number}", name, src_dir_fd=self.number, follow_symlinks=True)
        self._name = name if name != self._path else ""

    def _move(self) -> None:
        if self._replace:
            os.replace(self._name, self._path)  # noqa: PTH105 - consistent with the other calls of os
        else:
            rename_new(self._name, self._path)
        self._name = ""

    def _close(self) -> None:
        number, self.number = self.number, -1
        if number >= 0:
            os.close(number)

    def _hidden(self) -> str:
        return join(parent_of(self._path), f".xenon-{secrets.token_hex(8)}.part")


def _look(path: str, replace: bool) -> os.stat_result | None:
    """Return the status of a file to be replaced; None if there is none. Raises OSError if *path* must not be replaced."""
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        return None
    if not replace:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    if stat.S_ISDIR(there.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISLNK(there.st_mode):
        return None
    if not stat.S_ISREG(there.st_mode):
        raise OSError(errno.EINVAL, "A pipe, a socket or a device cannot be replaced by a file")
    return there


@functools.cache
def _can_appear() -> bool:
    return os.path.isdir("/proc/self/fd")  # noqa: PTH112 - as above
