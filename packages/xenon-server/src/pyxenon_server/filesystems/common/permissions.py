"""Conversion of file permissions between mode bits and :class:`PosixFilePermission`."""

from __future__ import annotations

import functools
import stat
from collections.abc import Iterable, Sequence

from pyxenon_core.messages import PosixFilePermission

__all__ = ["mode_of", "mode_or_usual", "permissions_of", "private_or_usual", "shared_with_all"]

_PERMISSIONS = (
    (stat.S_IRUSR, PosixFilePermission.OWNER_READ),
    (stat.S_IWUSR, PosixFilePermission.OWNER_WRITE),
    (stat.S_IXUSR, PosixFilePermission.OWNER_EXECUTE),
    (stat.S_IRGRP, PosixFilePermission.GROUP_READ),
    (stat.S_IWGRP, PosixFilePermission.GROUP_WRITE),
    (stat.S_IXGRP, PosixFilePermission.GROUP_EXECUTE),
    (stat.S_IROTH, PosixFilePermission.OTHERS_READ),
    (stat.S_IWOTH, PosixFilePermission.OTHERS_WRITE),
    (stat.S_IXOTH, PosixFilePermission.OTHERS_EXECUTE),
)
_BIT = {permission: bit for bit, permission in _PERMISSIONS}


@functools.lru_cache(maxsize=4096)
def permissions_of(mode: int) -> Sequence[PosixFilePermission]:
    """Return the permissions that the bits of *mode* grant."""
    return tuple(permission for bit, permission in _PERMISSIONS if mode & bit)


def mode_of(permissions: Iterable[PosixFilePermission]) -> int:
    """Return the mode bits for *permissions*."""
    return sum({_BIT.get(permission, 0) for permission in permissions})


def mode_or_usual(permissions: Iterable[PosixFilePermission] | None) -> int | None:
    """Return the mode bits for *permissions*; None, for the usual ones, if *permissions* is None."""
    return None if permissions is None else mode_of(permissions)


def private_or_usual(mode: int) -> int | None:
    """Return the permission bits of *mode* if others may not read such a file; else None, for the usual ones."""
    return None if mode & stat.S_IROTH else mode & 0o777


def shared_with_all(mode: int) -> int:
    """Return *mode* with the group's permissions reduced to those of others, for a file whose group has changed."""
    return mode & 0o707 | (mode & (mode << 3) & 0o070)
