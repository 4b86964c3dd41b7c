"""Try distributions as users would: in an environment with nothing but them and their requirements."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from release.build import ROOT

Say = Callable[[str], None]


def try_all(distributions: Path, say: Say) -> None:
    """Run README's program for this machine, then the tests of the example project, with the wheels in *distributions*.

    Raises CalledProcessError if a command fails, whose output is on the terminal.
    """
    with tempfile.TemporaryDirectory(prefix="xenon-trial-") as name:
        folder = Path(name)
        python = _environment(folder / "environment")
        say("installing pyxenon alone, and running the quick start")
        # Named by file, so that pip does not take distributions of these names from an index.
        _run(python, "-m", "pip", "install", "--quiet", *_wheels(distributions, "pyxenon_core", "pyxenon_server", "pyxenon"), cwd=folder)
        _run(python, "-W", "error", "-c", _quick_start(), cwd=folder)
        say("installing pyxenon-testing, and running the tests of examples/downstream")
        _run(python, "-m", "pip", "install", "--quiet", *_wheels(distributions, "pyxenon_testing"), cwd=folder)
        _try_example(python, folder / "downstream")
        say("installing everything else")
        _run(python, "-m", "pip", "install", "--quiet", *sorted(distributions.glob("*.whl")), cwd=folder)
        _run(python, "-m", "pip", "check", cwd=folder)


def _environment(folder: Path) -> Path:
    """Create an empty environment, and return its interpreter."""
    _run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    return folder / "bin" / "python"


def _wheels(distributions: Path, *names: str) -> list[Path]:
    return [wheel for name in names for wheel in distributions.glob(f"{name}-*.whl")]


def _quick_start() -> str:
    """Return the program of README's quick start that runs on this machine alone."""
    blocks: list[str] = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return next(block for block in blocks if 'Scheduler.create("local")' in block)


def _try_example(python: Path, project: Path) -> None:
    shutil.copytree(ROOT / "examples" / "downstream", project, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    _run(python, "-m", "pip", "install", "--quiet", f"{project}[test]", cwd=project)
    _run(python, "-m", "pytest", "--quiet", "--xenon-require-docker", cwd=project)


def _run(*command: str | Path, cwd: Path) -> None:
    """Run a command without the Python variables of this environment, which could make packages available that are not installed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    subprocess.run(command, cwd=cwd, env=environment, check=True)
