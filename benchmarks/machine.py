"""The machine of a run: how busy it is, how fast, and what is installed, without anything that tells whose it is."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
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
_STEPS = 150_000


def one_minute_load() -> float:
    """Return the one-minute load average."""
    return os.getloadavg()[0]


def calibrate() -> float:
    """Milliseconds of a fixed loop in pure Python: the least of some, so that what else runs for a moment does not count."""
    return min(_seconds_of_the_loop() for _ in range(_TIMES)) * 1e3


def drift(calibration: Sequence[float]) -> float:
    """How much longer the longest calibration took than the shortest, as a share of it."""
    return max(calibration) / min(calibration) - 1 if calibration else 0.0


def why_busy(load: float, calibration: Sequence[float]) -> list[str]:
    """Reasons why numbers that were taken on this machine say little; none on a quiet one."""
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
    """Wait until the load has fallen, *patience* seconds at most, and return it."""
    if load() > QUIET:
        say(f"the one-minute load is {load():.2f}; waiting {patience:.0f} s at most until it is {QUIET}")
    for _ in range(int(patience / _PAUSE)):
        if load() <= QUIET:
            break
        sleep(_PAUSE)
    return load()


def describe() -> dict[str, Any]:
    """The machine, and the programs that are measured or measured with."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)),
        "java": _version_of([str(find_java()), "-version"], r'version "([^"]+)"'),
        "xenon-grpc": PINNED.version,
        "openssh": _version_of(["ssh", "-V"], r"OpenSSH_([^\s,]+)"),
        "hosts": f"Debian {DEFAULT_SUITE} with Slurm {SLURM_RELEASES[DEFAULT_SUITE]}",
    }


def _seconds_of_the_loop() -> float:
    start, total = time.perf_counter(), 0
    for number in range(_STEPS):
        total += number * number % 7
    return time.perf_counter() - start


def _version_of(command: list[str], pattern: str) -> str:
    try:
        found = re.search(pattern, subprocess.run(command, capture_output=True, text=True, check=False).stderr)
    except FileNotFoundError:
        return "none"
    return found[1] if found else "unknown"
