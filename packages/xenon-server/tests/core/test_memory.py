"""A large file passes through in pieces, however slow the one at the other end is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import resource, sys, time, xenon
MIB = 1 << 20
piece = bytes(MIB)
with xenon.init(target="embedded:"):
    files = xenon.FileSystem.create("file", sys.argv[1])
    files.write_to_file("small", piece)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    files.write_to_file("large", (piece for _ in range(256)))
    total = 0
    for number, part in enumerate(files.read_from_file("large")):
        total += len(part)
        if number < 5:
            time.sleep(0.05)
    assert total == 256 * MIB
    files.wait_until_done(files.copy("large", files, "copy"))
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], check=True, capture_output=True, text=True, timeout=120)
    assert int(ran.stdout) < 48, f"{ran.stdout.strip()} MiB more"
