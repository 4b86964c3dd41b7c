"""The quick start, word for word as the README has it, and the example program, on every release of Slurm, with strict host keys."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from known_hosts import home_with
from pyxenon_testing import ServerFactory, SlurmServer
from run_page import python_blocks

ROOT = Path(__file__).parent.parent
QUICK_START = python_blocks(ROOT / "README.md")[1]
HOST = "login.example.org"
SUITES = ("bullseye", "bookworm", "trixie", "forky")
SECONDS = 120

pytestmark = [pytest.mark.xenon_docker, pytest.mark.parametrize("suite", SUITES)]


@pytest.fixture
def cluster(xenon_container: ServerFactory, suite: str) -> SlurmServer:
    """Start a cluster of that release, in whose home no other test leaves anything meanwhile."""
    return xenon_container("slurm", suite=suite, copy="quick-start-{worker}")


def run(*command: str, **variables: str) -> list[str]:
    environment = {**os.environ, "PYTHONWARNINGS": "error", "PATH": "/nonexistent", **variables}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=SECONDS, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_the_quick_start(cluster: SlurmServer, tmp_path: Path) -> None:
    before = cluster.run("ls -A")
    lines = run("-c", QUICK_START, XENON_TARGET=f"embedded:?home={home_with({HOST: cluster}, tmp_path / 'home')}")
    assert [line for line in lines if line] == ["COMPLETED 0", "hello Ada, from slurmhost"]
    assert cluster.run("ls -A") == before


def test_the_example(cluster: SlurmServer, tmp_path: Path) -> None:
    before = cluster.run("ls -A")
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(cluster.known_hosts)
    program, location = str(ROOT / "examples" / "slurm_job.py"), f"{cluster.host}:{cluster.port}"
    lines = run(program, location, cluster.username, str(cluster.private_key), "--known-hosts", str(known_hosts))
    assert lines == ["COMPLETED, exit code 0", "6 times 7 is 42, says slurmhost"]
    assert cluster.run("ls -A") == before
