"""Which process is meant: on which machine, since which start of it, among which processes, and since when.

A pid alone is not enough: it is given again, it means another process in a container, and clocks are set.
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
    """Where pids mean what they say.

    Attributes:
        node: The machine's name.
        boot: This start of the machine; empty where the system does not tell.
        processes: The namespace in which pids are counted, which a container has for itself; empty where there is none.
    """

    node: str
    boot: str = ""
    processes: str = ""

    def __str__(self) -> str:
        return f"{self.node}/{self.boot}/{self.processes}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place that ``str`` has written as *text*; raises ValueError for what it has not."""
        node, boot, processes = text.rsplit("/", 2)
        return cls(node, boot, processes)


@functools.cache
def this_place() -> Place:
    """Where this process runs."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        processes = str((_PROC / "self/ns/pid").stat().st_ino)
    except OSError:
        return Place(platform.node())
    return Place(platform.node(), boot, processes)


def start_of(pid: int) -> str | None:
    """When the process *pid* began, as a word that stays the same; None when there is none, or it only waits to be reaped.

    :data:`HIDDEN` when it lives and is another user's, of whom the system tells nothing.
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
