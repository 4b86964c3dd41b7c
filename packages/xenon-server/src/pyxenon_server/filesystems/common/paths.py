"""Check paths from clients and make them absolute."""

from __future__ import annotations

import re

from pyxenon_core.errors import IllegalArgumentException
from pyxenon_core.messages import Path

__all__ = ["absolute", "checked", "join", "name_of", "parent_of"]

_LONGEST = 32_767  # characters; no current file system has longer paths
_DOTS = re.compile(r"/(?:\./)+|//+")


def checked(path: Path | None, what: str) -> str:
    """Return the text of *path*. Raises IllegalArgumentException if it is missing or is not a valid path on any file system."""
    if path is None:
        raise IllegalArgumentException(f"the request does not name a {what}")
    if "\0" in path.path:
        raise IllegalArgumentException(f"the {what} {path.path!r} contains a null character, which is not allowed in a path")
    if len(path.path) > _LONGEST:
        raise IllegalArgumentException(
            f"the {what} {path.path[:40]!r}… has {len(path.path):,} characters; a path can have at most {_LONGEST:,}"
        )
    return path.path


def absolute(path: str, directory: str) -> str:
    """Resolve *path* against the absolute *directory*. Remove ``.`` and repeated slashes, but keep ``..``."""
    text = path if path.startswith("/") else f"{directory}/{path}"
    while (shorter := _DOTS.sub("/", text)) != text:
        text = shorter
    text = text[:-2] if text.endswith("/.") else text
    return text.rstrip("/") or "/"


def join(directory: str, name: str) -> str:
    """Return the path of *name* in *directory*."""
    return f"{directory.rstrip('/')}/{name}"


def parent_of(path: str) -> str:
    """Return the parent directory of *path*; that of the root is the root."""
    return path.rpartition("/")[0] or "/"


def name_of(path: str) -> str:
    """Return the last part of *path*; empty for the root."""
    return path.rpartition("/")[2]
