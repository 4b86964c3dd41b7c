"""Find network mounts on this machine, where even reading a file's attributes may take a while."""

from __future__ import annotations

import functools
import time
from pathlib import Path

__all__ = ["is_far", "mounts_in", "network_mounts"]

_SECONDS_REMEMBERED = 5  # reading the table takes a millisecond

_MOUNTS = Path("/proc/self/mountinfo")
_FAR_TYPES = ("nfs", "cifs", "smb", "fuse", "lustre", "beegfs", "gpfs", "ceph", "9p", "afs", "orangefs", "panfs", "autofs", "virtiofs")


def network_mounts() -> tuple[str, ...]:
    """Return the mount points of network and FUSE file systems, at most seconds old; only ``/`` if they cannot be determined."""
    return _mounts_at(int(time.monotonic()) // _SECONDS_REMEMBERED)


@functools.lru_cache(maxsize=1)
def _mounts_at(_moment: int) -> tuple[str, ...]:
    return mounts_in(_MOUNTS)


def mounts_in(table: Path) -> tuple[str, ...]:
    """Return the network mounts listed in *table*, a ``mountinfo`` file."""
    try:
        lines = table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ("/",)
    return tuple(_unescaped(line.split()[4]) for line in lines if _type_of(line).startswith(_FAR_TYPES))


def is_far(path: str, mounts: tuple[str, ...]) -> bool:
    """Return True if *path*, without resolving links, is on one of *mounts*."""
    return any(mount == "/" or path == mount or path.startswith(f"{mount}/") for mount in mounts)


def _type_of(line: str) -> str:
    return line.partition(" - ")[2].partition(" ")[0]


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
