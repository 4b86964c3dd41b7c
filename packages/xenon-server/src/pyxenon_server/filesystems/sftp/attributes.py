"""Convert SFTP attributes of a path to a message."""

from __future__ import annotations

import stat

from pyxenon_core.messages import Path, PathAttributes
from pyxenon_core.wire import build
from pyxenon_server.filesystems.common.permissions import permissions_of
from pyxenon_server.filesystems.sftp.id_names import IdNames
from pyxenon_server.filesystems.sftp.messages import Attributes

__all__ = ["path_attributes"]

_MILLISECONDS = 1000
_READ, _WRITE, _EXECUTE = 4, 2, 1


def path_attributes(path: str, attributes: Attributes, target: Attributes | None, names: IdNames) -> PathAttributes:
    """Return the attributes of *path*. *target* holds those of a link's target, None for a dangling link, or the same for other files."""
    mode = attributes.mode or 0
    kind = stat.S_IFMT(mode)
    rights = 0 if target is None else names.me.rights(target)
    modified = (attributes.modified or 0) * _MILLISECONDS
    # All fields are set at once, since a constructor would cost more than everything else together.
    return build(
        PathAttributes,
        {
            "path": build(Path, {"path": path, "separator": "/", "_unknown_fields": b""}),
            "creation_time": modified,  # SFTP has no creation time
            "group": names.group(attributes),
            "is_directory": kind == stat.S_IFDIR,
            "is_executable": bool(rights & _EXECUTE),
            "is_hidden": path[path.rfind("/") + 1 :].startswith("."),
            "is_other": kind not in (stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK),
            "is_readable": bool(rights & _READ),
            "is_regular": kind == stat.S_IFREG,
            "is_symbolic_link": kind == stat.S_IFLNK,
            "is_writable": bool(rights & _WRITE),
            "last_access_time": (attributes.accessed or 0) * _MILLISECONDS,
            "last_modified_time": modified,
            "owner": names.owner(attributes),
            "permissions": list(permissions_of(mode & 0o777)),
            "size": (attributes.size or 0) if kind == stat.S_IFREG else 0,
            "_unknown_fields": b"",
        },
    )
