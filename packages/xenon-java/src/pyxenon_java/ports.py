"""TCP ports of this machine: find a free one, and find out whether anything, or a given process, listens on one."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["free_port", "is_listening", "listens_itself"]

_LISTEN = "0A"


def free_port() -> int:
    """Return a port that is free on every interface now. Another program may take it before it is used."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("", 0))  # every interface, like xenon-grpc
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int, timeout: float = 1.0) -> bool:
    """Return True if something accepts connections on *port* of the loopback interface within *timeout* seconds."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout):
            return True
    except OSError:
        return False


def listens_itself(pid: int, port: int) -> bool:
    """Return True if process *pid* itself listens on *port*. Only Linux reports this; on other systems this returns True."""
    if sys.platform != "linux":
        return True
    sockets = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening_inodes(Path("/proc/net") / table, port)}
    return not sockets.isdisjoint(_open_files(pid))


def _listening_inodes(table: Path, port: int) -> list[str]:
    """Return the inodes of the sockets listening on *port* from a kernel table with the columns number, local, remote, state, …, inode."""
    try:
        rows = [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port]


def _open_files(pid: int) -> list[str]:
    """Return the kernel's names of the open files of process *pid*, without those that are closed meanwhile."""
    names: list[str] = []
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                names.append(str(entry.readlink()))
    return names
