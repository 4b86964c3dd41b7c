"""The site: it is built without a warning, and the API on it is the whole of the API."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sphinx.util.inventory import InventoryFile

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "_build"  # what `make docs` has built is not built again
SECONDS = 170
MODULES = (
    "xenon",
    "xenon.exceptions",
    "pyxenon_core",
    "pyxenon_core.errors",
    "pyxenon_core.messages",
    "pyxenon_java",
    "pyxenon_server",
    "pyxenon_server.adaptors.job_state",
    "pyxenon_testing",
    "pyxenon_testing.errors",
)


@pytest.fixture(scope="module")
def documented() -> set[str]:
    """The full name of everything that a page of the site has an entry for."""
    command = ["-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(SITE / "doctrees"), str(ROOT / "docs"), str(SITE / "html")]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        shutil.rmtree(SITE / "doctrees", ignore_errors=True)  # a page that has not changed would not be warned of again
    assert (done.returncode, done.stderr) == (0, "")
    inventory = InventoryFile.loads((SITE / "html" / "objects.inv").read_bytes(), uri="").data
    return {name for kind, names in inventory.items() if kind.startswith("py:") for name in names}


def names_of(module: str) -> Iterator[str]:
    for name in importlib.import_module(module).__all__:
        yield f"{module}.{name}"


def is_documented(name: str, documented: set[str]) -> bool:
    """Whether *name*, or the same class by another name, has an entry."""
    module, _, attribute = name.rpartition(".")
    value = getattr(importlib.import_module(module), attribute)
    home = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
    return name in documented or home in documented


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_on_the_site(module: str, documented: set[str]) -> None:
    assert [name for name in names_of(module) if not is_documented(name, documented)] == []


@pytest.mark.parametrize("name", ["xenon.FileSystem.copy", "pyxenon_core.Scheduler.submit_batch_job", "pyxenon_testing.plugin.xenon_slurm"])
def test_members_and_fixtures_are_too(name: str, documented: set[str]) -> None:
    assert name in documented


def test_a_name_that_is_missing_is_noticed(documented: set[str]) -> None:
    assert not is_documented("pyxenon_core.waiting.until", documented)
