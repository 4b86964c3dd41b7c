"""The supervisor by itself, over a program that is quicker to start than Java."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pyxenon_java import supervisor

SLEEP = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").close()
time.sleep(600)
"""
SECONDS = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "private"
    path.mkdir()
    (path / "client.key").touch()
    return path


class Supervised:
    """A supervisor and what it watches over."""

    def __init__(self, folder: Path, command: list[str], *, parent: int | None = None, linger: bool = False) -> None:
        options = ["--parent", str(parent or os.getpid()), "--folder", str(folder), *(["--linger"] if linger else [])]
        self.folder = folder
        self.popen = subprocess.Popen([sys.executable, "-I", "-S", supervisor.__file__, *options, "--", *command])

    def wait_for_child(self) -> psutil.Process:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if (self.folder / supervisor.PID_FILE).exists() and (children := psutil.Process(self.popen.pid).children()):
                return children[0]
            time.sleep(0.02)
        raise TimeoutError

    def end(self) -> None:
        self.popen.kill()
        self.popen.wait()


@pytest.fixture
def supervised(folder: Path) -> Iterator[Supervised]:
    made = Supervised(folder, SLEEP)
    yield made
    made.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_child_and_removes_the_folder(supervised: Supervised, number: int) -> None:
    child = supervised.wait_for_child()
    supervised.popen.send_signal(number)
    assert supervised.popen.wait(SECONDS) == 128 + signal.SIGTERM
    assert not child.is_running()
    assert not supervised.folder.exists()


def test_a_file_ends_the_child(supervised: Supervised) -> None:
    supervised.wait_for_child()
    (supervised.folder / supervisor.STOP_FILE).touch()
    assert supervised.popen.wait(SECONDS) == 128 + signal.SIGTERM
    assert not supervised.folder.exists()


def test_a_signal_that_the_program_had_blocked(folder: Path) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        made = Supervised(folder, SLEEP)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    made.wait_for_child()
    made.popen.terminate()
    assert made.popen.wait(SECONDS) == 128 + signal.SIGTERM


def test_a_stubborn_child_is_killed(folder: Path, tmp_path: Path) -> None:
    ignores = tmp_path / "ignores"
    made = Supervised(folder, [sys.executable, "-I", "-S", "-c", STUBBORN, str(ignores)])
    while not ignores.exists():
        time.sleep(0.02)
    made.popen.terminate()
    assert made.popen.wait(SECONDS) == 128 + signal.SIGKILL


def test_the_childs_exit_code_is_passed_on(folder: Path) -> None:
    assert Supervised(folder, ["/bin/sh", "-c", "exit 7"]).popen.wait(SECONDS) == 7
    assert not folder.exists()


def test_a_program_that_cannot_run(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert Supervised(folder, ["/nowhere/java"]).popen.wait(SECONDS) == 127
    assert "ERROR cannot run /nowhere/java" in capfd.readouterr().out
    assert not folder.exists()


def test_a_parent_that_went_before_we_looked(folder: Path) -> None:
    gone = subprocess.run(["/bin/sh", "-c", "echo $$"], capture_output=True, check=True)
    assert Supervised(folder, SLEEP, parent=int(gone.stdout)).popen.wait(SECONDS) == 128 + signal.SIGTERM


def test_lingering_ignores_the_parent(folder: Path) -> None:
    gone = subprocess.run(["/bin/sh", "-c", "echo $$"], capture_output=True, check=True)
    made = Supervised(folder, SLEEP, parent=int(gone.stdout), linger=True)
    child = made.wait_for_child()
    time.sleep(0.7)
    assert child.is_running()
    made.popen.terminate()
    assert made.popen.wait(SECONDS) == 128 + signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel ends a process with its parent")
def test_a_supervisor_that_is_killed_takes_the_child_along(supervised: Supervised) -> None:
    child = supervised.wait_for_child()
    supervised.popen.kill()
    psutil.wait_procs([child], timeout=SECONDS)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
