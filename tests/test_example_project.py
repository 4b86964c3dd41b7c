"""The example project, as its author would have it: wheels, a fresh environment, ``pytest``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = [ROOT / "packages" / name for name in ("xenon-core", "xenon-server", "xenon-sync", "xenon-testing")]
SECONDS = 300


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.xenon_docker
@pytest.mark.timeout(2 * SECONDS)
def test_it_is_green_with_the_wheels_in_a_fresh_environment(tmp_path: Path) -> None:
    wheels, project, python = tmp_path / "wheels", tmp_path / "project", tmp_path / "venv" / "bin" / "python"
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels]
    run(*map(str, build), *map(str, PACKAGES), cwd=tmp_path)
    shutil.copytree(ROOT / "examples" / "downstream", project, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    run(python, "-m", "pip", "install", "--quiet", "--find-links", wheels, f"{project}[test]", cwd=tmp_path)
    output = run(python, "-m", "pytest", "--xenon-require-docker", cwd=project)
    assert "2 passed" in output
    assert "skipped" not in output
