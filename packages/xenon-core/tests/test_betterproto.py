"""betterproto2 is imported without the look-up of its version, and misses nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

LATE = "import sys, pyxenon_core, betterproto2; assert 'importlib.metadata' not in sys.modules"


def _run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.mark.parametrize("look", ["print(betterproto2.__version__)", "from betterproto2 import __version__; print(__version__)"])
def test_the_version_is_there_for_whoever_asks(look: str) -> None:
    assert _run(f"{LATE}; {look}") == metadata.version("betterproto2")


def test_other_peoples_messages_are_still_checked() -> None:
    check = "try: betterproto2.check_compiler_version('0.1.0')\nexcept ImportError as error: print(str(error)[:19])"
    assert _run(f"{LATE}\n{check}") == "Unsupported version"


def test_what_is_not_there_is_not_made_up() -> None:
    assert _run(f"{LATE}; print(hasattr(betterproto2, 'nothing'), hasattr(betterproto2._version, '__version__'))") == "False True"


def test_a_betterproto2_that_is_imported_already_stays_as_it_is() -> None:
    assert _run("import betterproto2 as first, pyxenon_core.betterproto as ours; print(ours.betterproto2 is first, first.__version__)") == (
        f"True {metadata.version('betterproto2')}"
    )
