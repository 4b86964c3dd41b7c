"""What a run ran on, without anything that tells whose machine it was."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from pyxenon_java.java import find_java
from pyxenon_java.release import PINNED
from pyxenon_testing.servers.options import DEFAULT_SUITE, SLURM_RELEASES

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
        "embedded": {name: metadata.version(name) for name in ("asyncssh", "cryptography")},
        "openssh": _openssh_version(),
        "hosts": f"Debian {DEFAULT_SUITE} with Slurm {SLURM_RELEASES[DEFAULT_SUITE]}",
        "contenders": {name: dict(found) for name, found in versions.items()},
    }


def _java_version() -> str:
    done = subprocess.run([find_java(), "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "([^"]+)"', done.stderr)
    return found[1] if found else "unknown"


def _openssh_version() -> str:
    try:
        done = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "none"
    found = re.match(r"OpenSSH_(\S+)", done.stderr)
    return found[1] if found else "unknown"
