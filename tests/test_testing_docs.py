"""What the pages about testing show is run, as a reader would: each block of Python is a file of tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from run_page import python_blocks

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "docs" / "testing.md", ROOT / "packages" / "xenon-testing" / "README.md"]
BLOCKS = [block for page in PAGES for block in python_blocks(page)]


@pytest.mark.xenon_docker
def test_every_block_is_green(pytester: pytest.Pytester, xenon_container: object) -> None:
    assert len(BLOCKS) >= 5
    for number, block in enumerate(BLOCKS):
        (pytester.path / f"test_block_{number}.py").write_text(block, encoding="utf-8")
    result = pytester.runpytest_subprocess("--xenon-require-docker", "--strict-markers", timeout=170)
    assert result.ret == 0
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] >= 11
    assert set(outcomes) == {"passed"}
