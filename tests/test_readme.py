"""The code blocks of the README, run as they are. Its Slurm program has a cluster of its own, in test_quick_start.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from known_hosts import home_with
from pyxenon_testing import ServerFactory
from run_page import python_blocks

LOCAL, _, REMOTE, ASYNCHRONOUS = python_blocks(Path(__file__).parent.parent / "README.md")
REMOTE_HOST = "data.example.org"


def run(program: str, folder: Path, **variables: str) -> str:
    environment = {**os.environ, "PYTHONWARNINGS": "error", **variables}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, cwd=folder, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(("program", "expected"), [(LOCAL, "DONE 0"), (ASYNCHRONOUS, "/tmp/")])
def test_a_program_of_the_readme_runs(program: str, expected: str, tmp_path: Path) -> None:
    assert expected in run(program, tmp_path)


@pytest.mark.xenon_docker
def test_the_one_that_copies_from_another_machine_runs(xenon_container: ServerFactory, tmp_path: Path) -> None:
    server = xenon_container("ssh", username="me", copy="readme")
    server.run("echo 1,2,3 >results.csv")
    home = home_with({REMOTE_HOST: server}, tmp_path / "home")
    imports = "import xenon\nxenon.init()\n"  # which the programs before it have done
    assert "/home/me" in REMOTE
    assert run(imports + REMOTE.replace("/home/me", str(home)), tmp_path, HOME=str(home)) == "6\n"
    assert (home / "results.csv").read_bytes() == b"1,2,3\n"
