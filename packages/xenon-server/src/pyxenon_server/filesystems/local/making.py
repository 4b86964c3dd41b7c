"""A file of this machine in the making: without a name until it is complete, so that a program that is killed leaves nothing behind.

Where the system cannot make files without a name (some network file systems), it has a hidden one meanwhile, ``.xenon-….part`` with 16
hexadecimal digits, in the directory that it is for. One of those that is hours old belongs to a server that was killed, and can be deleted.
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
    """Made in a thread, since every method may block. Either :meth:`finish` or :meth:`abandon` is called in the end.

    Args:
        path: The name that it is to have.
        replace: Whether a file or link that is there gives way to it.
        permissions: The bits that it has, whatever it replaces; None for those of the file that it replaces, else *usual*.
        usual: The bits for a new file, from which the process's mask is taken.

    Raises:
        OSError: It cannot be made there.
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
        """Give it its name; raises OSError, with nothing left of it, FileExistsError among them when somebody has the name by now."""
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
        """Give it up. Doing so after :meth:`finish` is no error, and changes nothing."""
        name, self._name = self._name, ""
        try:
            self._close()
        finally:
            if name:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name)  # noqa: PTH108 - beside the other calls of os

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
        """Unless *permissions* say otherwise, who could not read the file before shall not be able to now."""
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
        """Let it belong to whom the file before did: only the superuser may give files to others, who owns one to a group of theirs."""
        try:
            os.fchown(self.number, replaced.st_uid, replaced.st_gid)
        except PermissionError:
            with contextlib.suppress(PermissionError):
                os.fchown(self.number, -1, replaced.st_gid)

    def _appear(self, name: str) -> None:
        """Give a file without a name one; the descriptor is given only since a link is followed no other way."""
        os.link(f"/proc/self/fd/{self.number}", name, src_dir_fd=self.number, follow_symlinks=True)
        self._name = name if name != self._path else ""

    def _move(self) -> None:
        if self._replace:
            os.replace(self._name, self._path)  # noqa: PTH105 - beside the other calls of os
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
    """What is known of a file that is to be replaced; raises OSError when something is there that may not be."""
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
        raise OSError(errno.EINVAL, "It is a pipe, a socket or a device, which no file replaces")
    return there


@functools.cache
def _can_appear() -> bool:
    return os.path.isdir("/proc/self/fd")  # noqa: PTH112 - as above
