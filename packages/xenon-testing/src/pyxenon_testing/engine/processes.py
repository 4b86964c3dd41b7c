"""Identify a process by its machine, the machine's boot, its pid namespace and its start.

A pid alone is not enough: pids are reused, a container has its own, and clocks are changed.
"""

from __future__ import annotations

import functools
import os
import platform
from pathlib import Path

import attrs
import psutil

__all__ = ["HIDDEN", "Place", "start_of", "this_place"]

HIDDEN = "hidden"
_PROC = Path("/proc")


@attrs.frozen
class Place:
    """The machine and pid namespace within which a pid is unique.

    Attributes:
        node: The machine's name.
        boot: The id of the machine's current boot; empty if the system does not report it.
        processes: The pid namespace, of which each container has its own; empty if the system has none.
    """

    node: str
    boot: str = ""
    processes: str = ""

    def __str__(self) -> str:
        return f"{self.node}/{self.boot}/{self.processes}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Return the place from *text*, which ``str`` has written; raises ValueError for other text."""
        node, boot, processes = text.rsplit("/", 2)
        return cls(node, boot, processes)


@functools.cache
def this_place() -> Place:
    """Return the place of this process."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        processes = str((_PROC / "self/ns/pid").stat().st_ino)
    except OSError:
        return Place(platform.node())
    return Place(platform.node(), boot, processes)


def start_of(pid: int) -> str | None:
    """Return the start of the process *pid* as a constant word; None if it does not exist or is a zombie.

    Returns :data:`HIDDEN` if it is another user's process and the system hides its start.
    """
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return _start_without_proc(pid)
    state, ticks = fields[0], fields[19]
    return None if state in "ZX" else ticks


def _start_without_proc(pid: int) -> str | None:
    try:
        os.kill(pid, 0)
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(int(process.create_time()))
    except (ProcessLookupError, psutil.NoSuchProcess):
        return None
    except (PermissionError, psutil.AccessDenied):
        return HIDDEN
