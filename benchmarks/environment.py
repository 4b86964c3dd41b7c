"""What a run ran on, without anything that tells whose machine it was."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from typing import Any

from xenon_java.java import find_java
from xenon_java.release import PINNED

__all__ = ["describe"]

_GIB = 1 << 30


def describe(versions: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The machine, the server, and for each contender the *versions* that it runs on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB),
        "java": _java_version(),
        "xenon-grpc": PINNED.version,
        "contenders": {name: dict(found) for name, found in versions.items()},
    }


def _java_version() -> str:
    done = subprocess.run([find_java(), "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "([^"]+)"', done.stderr)
    return found[1] if found else "unknown"
