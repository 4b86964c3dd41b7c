"""The file descriptors of this process, to see which of them some code has left open.

Compare what is new, never how many there are: a descriptor of something else may be closed meanwhile, as when its owner is
garbage-collected, and would hide one that was left open, or be taken for an error itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

__all__ = ["Descriptor", "descriptors"]

_FOLDER = Path("/proc/self/fd")


class Descriptor(NamedTuple):
    """An open file descriptor.

    Attributes:
        number: Its number, which is used again once it is closed.
        target: The path of its file, or its kind and inode, as ``socket:[123]``.
        device: The device of its file.
        inode: The inode of its file, which tells two files of one name from each other.
    """

    number: int
    target: str
    device: int
    inode: int


def descriptors() -> frozenset[Descriptor]:
    """Return the descriptors that are open now; what is left open since is ``descriptors() - before``."""
    found = (_describe(link) for link in _FOLDER.iterdir())
    return frozenset(item for item in found if item is not None)


def _describe(link: Path) -> Descriptor | None:
    try:
        status = os.fstat(int(link.name))
        return Descriptor(int(link.name), str(link.readlink()), status.st_dev, status.st_ino)
    except OSError:  # the one that listed the others is closed by now, as another thread's may be
        return None
