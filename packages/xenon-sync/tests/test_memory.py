"""A client needs a few MiB for a file of any size."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

SIZE = 192 << 20
PROGRAM = """
    import resource, sys, xenon

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

    size, path = int(sys.argv[1]), sys.argv[2]
    piece = bytes(1 << 20)
    with xenon.init(), xenon.FileSystem.create("file") as files:
        files.write_to_file(path + ".small", piece)
        sum(map(len, files.read_from_file(path + ".small")))
        before = peak()
        files.write_to_file(path, (piece for _ in range(size >> 20)))
        written = peak()
        read = sum(map(len, files.read_from_file(path)))
        print(read, written - before, peak() - written)
"""


def test_reading_and_writing_hold_little_of_a_large_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(SIZE), str(tmp_path / "large")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    read, writing_mib, reading_mib = map(int, done.stdout.split())
    assert read == SIZE == (tmp_path / "large").stat().st_size
    assert writing_mib < 64
    assert reading_mib < 64
