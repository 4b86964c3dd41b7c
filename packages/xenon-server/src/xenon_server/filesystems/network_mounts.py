"""Which directories of this machine lie on other machines, where even looking at a file may take a while."""

from __future__ import annotations

from pathlib import Path

__all__ = ["is_far", "network_mounts"]

_MOUNTS = Path("/proc/self/mountinfo")
_FAR_TYPES = ("nfs", "cifs", "smb", "fuse", "lustre", "beegfs", "gpfs", "ceph", "9p", "afs", "orangefs", "panfs", "autofs", "virtiofs")


def network_mounts(table: Path = _MOUNTS) -> tuple[str, ...]:
    """Where file systems of other machines, or of other programs, are mounted. ``/`` alone when nothing can be learnt."""
    try:
        lines = table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ("/",)
    return tuple(_unescaped(line.split()[4]) for line in lines if _type_of(line).startswith(_FAR_TYPES))


def is_far(path: str, mounts: tuple[str, ...]) -> bool:
    """Whether *path*, as it is written, lies below one of *mounts*."""
    return any(mount == "/" or path == mount or path.startswith(f"{mount}/") for mount in mounts)


def _type_of(line: str) -> str:
    return line.partition(" - ")[2].partition(" ")[0]


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
