"""The private folder of each server: its keys, and for a server that outlives its program also its log.

A server on a port of its own choice has a folder among the temporary files. One on a port that the user chose has it in the user's state
directory, under a name that begins with the port, so that the user's other programs find the keys. The home folder that a server may be
given in place of the user's is another matter: it belongs to whoever gives it, and is only looked at.
"""

from __future__ import annotations

import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

__all__ = ["make_folder", "remove_folder", "remove_stale_folders", "shared_folders", "why_no_home"]


def make_folder(port: int | None) -> Path:
    """A new folder that only its owner can enter, for a server on the user's *port* or (None) on any."""
    if port is None:
        return Path(tempfile.mkdtemp(prefix="pyxenon-"))
    parent = _shared_parent()
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Each server has a folder of its own, even on one port: two programs that start at once cannot spoil each other's keys.
    return Path(tempfile.mkdtemp(prefix=f"{port}@{_this_machine()}@", dir=parent))


def remove_folder(folder: Path) -> None:
    """Remove *folder* and the keys in it, if it is still there."""
    shutil.rmtree(folder, ignore_errors=True)


def shared_folders(port: int) -> Iterator[Path]:
    """The folders of this user's servers on *port* of this machine; one that was killed outright may have left keys that open nothing."""
    return _shared_parent().glob(f"{port}@{_this_machine()}@*")


def remove_stale_folders(port: int, current: Path) -> None:
    """Remove what servers that were killed outright left behind; only the one that does listen on *port*, with *current*, may call this."""
    for folder in shared_folders(port):
        if folder != current:
            remove_folder(folder)


def why_no_home(folder: Path) -> str:
    """Why *folder* cannot stand in for the user's home, with what to do; empty if it can."""
    if not folder.is_absolute():
        return "it is not an absolute path; write it from / or ~ on"
    if not folder.is_dir():
        return "there is no such folder; create it first"
    return ""


def _shared_parent() -> Path:
    return platformdirs.user_state_path("pyxenon") / "servers"


def _this_machine() -> str:
    """Part of the folder's name, because machines of a cluster share the home directory but not their ports."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", platform.node()) or "localhost"
