"""``python -m benchmarks.servers.first_answer CONTENDER TARGET PATH``: how long it takes from ``init()`` to the first answer.

The interpreter is warm: ``xenon`` is imported. The answer is whether PATH exists, from a file system that is created for it.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter

import xenon


def main() -> None:
    """Measure once, and print the seconds."""
    _contender, target, path = sys.argv[1:]
    start = perf_counter()
    with xenon.init(target=target), xenon.FileSystem.create("file") as files:
        if not files.exists(path):
            raise FileNotFoundError(path)
        seconds = perf_counter() - start
    print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
