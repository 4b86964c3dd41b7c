"""The memory of this process."""

from __future__ import annotations

import contextlib
import gc
import resource
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["peak_beyond_start"]

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


def peak_beyond_start(work: Callable[[], object]) -> int:
    """Do *work*; the bytes by which resident memory at its highest exceeded what it was before."""
    gc.collect()
    with contextlib.suppress(OSError):  # not on every system; the peak of a fresh process is close to its present size
        _CLEAR.write_text(_RESET_PEAK, encoding="ascii")
    before = _resident("VmRSS")
    work()
    return _resident("VmHWM") - before


def _resident(field: str) -> int:
    """A field of the kernel's status in bytes; where there is none, the highest resident size so far."""
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
