"""Paths as they come from clients, made absolute."""

from __future__ import annotations

import re

from pyxenon_core.errors import IllegalArgumentException
from pyxenon_core.messages import Path

__all__ = ["absolute", "checked", "join", "name_of", "parent_of"]

_LONGEST = 32_767  # characters; no file system of today has longer paths
_DOTS = re.compile(r"/(?:\./)+|//+")


def checked(path: Path | None, what: str) -> str:
    """The text of *path*; raises IllegalArgumentException when there is none, or none that any file system could have."""
    if path is None:
        raise IllegalArgumentException(f"the request names no {what}")
    if "\0" in path.path:
        raise IllegalArgumentException(f"the {what} {path.path!r} holds a null character, which no path can hold")
    if len(path.path) > _LONGEST:
        raise IllegalArgumentException(f"the {what} {path.path[:40]!r}… has {len(path.path):,} characters, more than any path can have")
    return path.path


def absolute(path: str, directory: str) -> str:
    """*path* seen from *directory*, which is absolute; without ``.`` and repeated slashes, and with ``..`` left where it is."""
    text = path if path.startswith("/") else f"{directory}/{path}"
    while (shorter := _DOTS.sub("/", text)) != text:
        text = shorter
    text = text[:-2] if text.endswith("/.") else text
    return text.rstrip("/") or "/"


def join(directory: str, name: str) -> str:
    """The path of *name* in *directory*."""
    return f"{directory.rstrip('/')}/{name}"


def parent_of(path: str) -> str:
    """The directory that *path* is in; the root is in itself."""
    return path.rpartition("/")[0] or "/"


def name_of(path: str) -> str:
    """The last part of *path*; empty for the root."""
    return path.rpartition("/")[2]
