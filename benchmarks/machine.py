"""The machine of a run: its load, speed and software, without anything that identifies its owner."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
import timeit
from collections.abc import Callable, Sequence
from typing import Any

from pyxenon_java.java import find_java
from pyxenon_java.release import PINNED
from pyxenon_testing.servers.options import DEFAULT_SUITE, SLURM_RELEASES

__all__ = ["calibrate", "describe", "drift", "one_minute_load", "wait_until_quiet", "why_busy"]

QUIET = 0.5
DRIFT = 0.1
_PATIENCE = 300
_PAUSE = 10
_TIMES = 7
_LOOP = "for number in range(150_000): total += number * number % 7"


def one_minute_load() -> float:
    """Return the one-minute load average."""
    return os.getloadavg()[0]


def calibrate() -> float:
    """Return the milliseconds of a fixed loop in pure Python: the least of several, so that a short disturbance does not count."""
    return min(timeit.repeat(_LOOP, "total = 0", number=1, repeat=_TIMES)) * 1e3


def drift(calibration: Sequence[float]) -> float:
    """Return by what share of the shortest calibration the longest exceeds it."""
    return max(calibration) / min(calibration) - 1 if calibration else 0.0


def why_busy(load: float, calibration: Sequence[float]) -> list[str]:
    """Return the reasons why numbers measured on this machine say little; none when it is quiet."""
    reasons = [f"the one-minute load before was {load:.2f}, more than {QUIET}"] if load > QUIET else []
    if drift(calibration) > DRIFT:
        words = f"from {min(calibration):.1f} to {max(calibration):.1f} ms, by more than {DRIFT:.0%}"
        reasons.append(f"the calibration drifted {words}: something else took the processors, or they changed their speed")
    return reasons


def wait_until_quiet(
    say: Callable[[str], None],
    load: Callable[[], float] = one_minute_load,
    sleep: Callable[[float], object] = time.sleep,
    patience: float = _PATIENCE,
) -> float:
    """Wait at most *patience* seconds for the load to fall, and return it."""
    if load() > QUIET:
        say(f"the one-minute load is {load():.2f}; waiting {patience:.0f} s at most until it is {QUIET}")
    for _ in range(int(patience / _PAUSE)):
        if load() <= QUIET:
            break
        sleep(_PAUSE)
    return load()


def describe() -> dict[str, Any]:
    """Return what describes the machine and the programs involved."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)),
        "java": _version_of([str(find_java()), "-version"], r'version "([^"]+)"'),
        "xenon-grpc": PINNED.version,
        "openssh": _version_of(["ssh", "-V"], r"OpenSSH_([^\s,]+)"),
        "hosts": f"Debian {DEFAULT_SUITE} with Slurm {SLURM_RELEASES[DEFAULT_SUITE]}",
    }


def _version_of(command: list[str], pattern: str) -> str:
    try:
        found = re.search(pattern, subprocess.run(command, capture_output=True, text=True, check=False).stderr)
    except FileNotFoundError:
        return "none"
    return found[1] if found else "unknown"
