"""Paths on any file system, local or remote."""

from __future__ import annotations

import os
from pathlib import PurePath, PurePosixPath
from typing import TypeAlias

__all__ = ["Path", "StrPath", "path_text"]

StrPath: TypeAlias = "str | os.PathLike[str]"


class Path(PurePosixPath):
    """A path on a Xenon file system: a :class:`pathlib.PurePosixPath`, whatever system this program runs on.

    It only names a place; the methods of a file system access it.
    """

    __slots__ = ()

    def is_hidden(self) -> bool:
        """Return True if the last part of the path begins with a dot."""
        return self.name.startswith(".")


def path_text(path: StrPath) -> str:
    """Return *path* as text; raises TypeError if it is not a path and ValueError if it cannot be encoded in UTF-8."""
    if isinstance(path, PurePath):
        text = path.as_posix()
    elif isinstance(path, (str, os.PathLike)):
        text = os.fspath(path)
    else:
        raise TypeError(f"a path must be a str, a Path or another os.PathLike, not {type(path).__name__}: {path!r}")
    if not isinstance(text, str):
        raise TypeError(f"a path must be text, not bytes: {text!r}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the path {text!r} cannot be encoded in UTF-8, which servers require; rename the file first") from error
    return text
