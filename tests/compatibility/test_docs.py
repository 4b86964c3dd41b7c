"""The table in the documentation is what the tests say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
DOCS = HERE.parent.parent / "docs" / "compatibility.md"


def test_the_table_is_up_to_date(tmp_path: Path) -> None:
    suites = [str(HERE), str(HERE.parent / "conformance")]
    command = [sys.executable, "-m", "pytest", *suites, "--collect-only", "-q", "-p", "no:cacheprovider"]
    subprocess.run([*command, f"--write-compatibility={tmp_path}/table"], check=True, capture_output=True, cwd=HERE.parent.parent)
    assert DOCS.read_text(encoding="utf-8") == (tmp_path / "table").read_text(encoding="utf-8"), "run: make compatibility"
