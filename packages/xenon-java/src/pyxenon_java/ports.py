"""TCP ports of this machine: a free one, whether something listens, and whether it is a given process that does."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["free_port", "is_listening", "listens_itself"]

_LISTEN = "0A"


def free_port() -> int:
    """A port that is free on every interface now. Another program may take it before it is used."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("", 0))  # every interface, as xenon-grpc will
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int, timeout: float = 1.0) -> bool:
    """Whether something accepts connections on *port* of the loopback interface within *timeout* seconds."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout):
            return True
    except OSError:
        return False


def listens_itself(pid: int, port: int) -> bool:
    """Whether it is process *pid* that listens on *port*. Only Linux tells; elsewhere this is taken to be so."""
    if sys.platform != "linux":
        return True
    sockets = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening_inodes(Path("/proc/net") / table, port)}
    return not sockets.isdisjoint(_open_files(pid))


def _listening_inodes(table: Path, port: int) -> list[str]:
    """The sockets that listen on *port* in a table of the kernel's; columns: number, local address, remote address, state, …, inode."""
    try:
        rows = [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port]


def _open_files(pid: int) -> list[str]:
    """What the open files of process *pid* are, as the kernel names them; those that are closed while we look are left out."""
    names: list[str] = []
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                names.append(str(entry.readlink()))
    return names
