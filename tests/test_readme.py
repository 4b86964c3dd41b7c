"""What the README tells people to paste does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
# The first is for test_quick_start.py, which has a cluster for it. The third needs a machine of yours; it is only compiled.
_, LOCAL, REMOTE, ASYNCHRONOUS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize(("program", "expected"), [(LOCAL, "DONE 0"), (ASYNCHRONOUS, "/tmp/")])
def test_a_program_of_the_readme_runs(program: str, expected: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout
    assert done.stderr == ""


def test_the_one_that_needs_another_machine_compiles() -> None:
    compile(REMOTE, "README.md", "exec")
