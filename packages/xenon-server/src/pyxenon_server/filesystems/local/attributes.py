"""Convert the operating system's attributes of a path to a message."""

from __future__ import annotations

import functools
import grp
import os
import pwd
import stat

from pyxenon_core.messages import Path, PathAttributes
from pyxenon_core.wire import build
from pyxenon_server.filesystems.common.names import shown
from pyxenon_server.filesystems.common.permissions import permissions_of

__all__ = ["attributes_of"]

_USUAL = frozenset({stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK})


def attributes_of(path: str, status: os.stat_result) -> PathAttributes:
    """Return the attributes of *path*, whose ``lstat`` result is *status*."""
    mode = status.st_mode
    kind = stat.S_IFMT(mode)
    text = shown(path)
    # All fields are set at once, since a constructor would cost more than everything else together.
    return build(
        PathAttributes,
        {
            "path": build(Path, {"path": text, "separator": "/", "_unknown_fields": b""}),
            "creation_time": _created(status),
            "group": _group_name(status.st_gid),
            "is_directory": kind == stat.S_IFDIR,
            # Without an execute bit, asking is pointless; a link's own bits are meaningless.
            "is_executable": (kind == stat.S_IFLNK or mode & 0o111 != 0) and os.access(path, os.X_OK),
            "is_hidden": "/." in text and text.startswith("/.", text.rfind("/")),
            "is_other": kind not in _USUAL,
            "is_readable": os.access(path, os.R_OK),
            "is_regular": kind == stat.S_IFREG,
            "is_symbolic_link": kind == stat.S_IFLNK,
            "is_writable": os.access(path, os.W_OK),
            "last_access_time": status.st_atime_ns // 1_000_000 if status.st_atime > 0 else 0,
            "last_modified_time": status.st_mtime_ns // 1_000_000 if status.st_mtime > 0 else 0,
            "owner": _user_name(status.st_uid),
            "permissions": list(permissions_of(mode)),
            "size": status.st_size if kind == stat.S_IFREG else 0,
            "_unknown_fields": b"",
        },
    )


def _change_time(status: os.stat_result) -> int:
    return status.st_ctime_ns // 1_000_000 if status.st_ctime > 0 else 0


def _birth_time(status: os.stat_result) -> int:
    return max(0, int(status.st_birthtime * 1000))  # type: ignore[attr-defined]  # not on Linux


_created = _birth_time if hasattr(os.stat_result, "st_birthtime") else _change_time


@functools.lru_cache(maxsize=1024)
def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


@functools.lru_cache(maxsize=1024)
def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
