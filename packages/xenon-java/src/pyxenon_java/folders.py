"""The private folder of each server, which holds its keys and, for a server that outlives its program, its log.

The folder of a server on a free port is among the temporary files. The folder of a server on a port that the user chose is in the user's
state directory, under a name that begins with the port, so that the user's other programs find the keys. The home folder that a server
may use in place of the user's belongs to the caller and is only read.
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
    """Create a folder that only its owner can enter, for a server on the user's *port*, or on any port if None."""
    if port is None:
        return Path(tempfile.mkdtemp(prefix="pyxenon-"))
    parent = _shared_parent()
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Each server has its own folder, even on the same port, so that two programs that start at once cannot overwrite each other's keys.
    return Path(tempfile.mkdtemp(prefix=f"{port}@{_this_machine()}@", dir=parent))


def remove_folder(folder: Path) -> None:
    """Remove *folder* and the keys in it, if it still exists."""
    shutil.rmtree(folder, ignore_errors=True)


def shared_folders(port: int) -> Iterator[Path]:
    """Yield the folders of this user's servers on *port* of this machine, including those left behind by servers that were killed."""
    return _shared_parent().glob(f"{port}@{_this_machine()}@*")


def remove_stale_folders(port: int, current: Path) -> None:
    """Remove the folders of servers that were killed. Only the server that listens on *port*, with *current*, may call this."""
    for folder in shared_folders(port):
        if folder != current:
            remove_folder(folder)


def why_no_home(folder: Path) -> str:
    """Return why *folder* cannot replace the user's home, and what to do; empty if it can."""
    if not folder.is_absolute():
        return "it is not an absolute path; start it with / or ~"
    if not folder.is_dir():
        return "there is no such folder; create it first"
    return ""


def _shared_parent() -> Path:
    return platformdirs.user_state_path("pyxenon") / "servers"


def _this_machine() -> str:
    """Return this machine's name for the folder's name: machines of a cluster share the home directory, but not their ports."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", platform.node()) or "localhost"
