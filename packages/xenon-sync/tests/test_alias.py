"""The package ``xenon`` is another name of ``pyxenon``, and nothing more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import pyxenon
import pyxenon.exceptions
import xenon
import xenon.exceptions
from pyxenon import namesakes


def test_every_name_is_handed_on() -> None:
    assert xenon.__all__ == pyxenon.__all__
    for name in set(pyxenon.__all__) - {"exceptions"}:
        assert getattr(xenon, name) is getattr(pyxenon, name), name


def test_every_exception_is_handed_on() -> None:
    assert xenon.exceptions.__all__ == pyxenon.exceptions.__all__
    for name in pyxenon.exceptions.__all__:
        assert getattr(xenon.exceptions, name) is getattr(pyxenon.exceptions, name), name


def test_no_other_name_is_there() -> None:
    assert {name for name in vars(xenon) if not name.startswith("_")} <= {*xenon.__all__, "annotations"}


def test_it_has_no_code_of_its_own() -> None:
    files = {path.name for path in Path(str(xenon.__file__)).parent.iterdir() if path.name != "__pycache__"}
    assert files == {"__init__.py", "exceptions.py", "py.typed"}


@pytest.mark.parametrize("first", ["import xenon", "import xenon.exceptions", "import pyxenon.exceptions"])
def test_the_exceptions_are_one_module_whatever_is_imported_first(first: str) -> None:
    program = f"{first}\nimport sys, xenon\nassert xenon.exceptions is sys.modules['xenon.exceptions']"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_file_is_told_from_that_of_another_distribution() -> None:
    assert namesakes._OUR_FIRST_IMPORT in Path(str(xenon.__file__)).read_bytes()
