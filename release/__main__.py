"""The command ``python -m release``: build, try, and say how to upload."""

from __future__ import annotations

import subprocess
import sys

from release.build import ROOT, build_all, uncommitted
from release.trial import try_all

DISTRIBUTIONS = ROOT / "dist"
UPLOAD = "python -m twine upload dist/*"


def main() -> int:
    """Build all distributions into ``dist/`` and try them, and return the exit code."""
    if uncommitted():
        say("uncommitted changes are left out")
    try:
        for path in build_all(DISTRIBUTIONS):
            say(f"built dist/{path.name}")
        try_all(DISTRIBUTIONS, say)
    except subprocess.CalledProcessError as error:
        print(f"{error.stderr or ''}release: {error}", file=sys.stderr)
        return 1
    say(f"nothing was uploaded; to upload, run {UPLOAD}")
    return 0


def say(words: str) -> None:
    """Print a progress line immediately."""
    print(f"release: {words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
