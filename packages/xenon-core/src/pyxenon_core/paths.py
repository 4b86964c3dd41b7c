"""Paths on a file system, which need not be one of this machine's."""

from __future__ import annotations

import os
from pathlib import PurePath, PurePosixPath
from typing import TypeAlias

__all__ = ["Path", "StrPath", "path_text"]

StrPath: TypeAlias = "str | os.PathLike[str]"


class Path(PurePosixPath):
    """A path on a Xenon file system: a :class:`pathlib.PurePosixPath`, whatever system this program runs on.

    It names a place and never touches it; the methods of a file system do.
    """

    __slots__ = ()

    def is_hidden(self) -> bool:
        """Whether the last part of the path begins with a dot."""
        return self.name.startswith(".")


def path_text(path: StrPath) -> str:
    """The text that names *path* on the wire; raises TypeError for what is no path and ValueError for one that UTF-8 cannot hold."""
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
        raise ValueError(
            f"the path {text!r} is not valid UTF-8, which is all that the interface can carry; rename the file first"
        ) from error
    return text
