"""Supervise the server: stop it and remove its private folder when the Python program has ended.

A separate script that imports only the standard library, run as
``python -I -S supervisor.py --parent PID --folder FOLDER [--linger] -- java …``. It stops the server on SIGTERM or SIGINT, when a file
``stop`` appears in the folder, or (without ``--linger``) when the process PID stops being its parent. On Linux the server ends also if the
supervisor is killed. Its exit code is the server's, or 128 plus the number of the signal that ended the server.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

STOP_FILE = "stop"
PID_FILE = "java.pid"
_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_TO_END = 3.0  # with the interval above well within the five seconds that a program may expect
_PR_SET_PDEATHSIG = 1


class _Alarm:
    """Ends the wait when a signal arrives, and remembers a request to stop."""

    def __init__(self) -> None:
        self.told_to_stop = False
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, self._child_changed)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        # A thread of the parent may have blocked signals, which stay blocked across exec.
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    def wait(self, seconds: float) -> None:
        """Wait for *seconds*, or until a signal arrives."""
        if select.select([self._reader], [], [], seconds)[0]:
            os.read(self._reader, 4096)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.told_to_stop = True

    def _child_changed(self, _number: int, _frame: FrameType | None) -> None:
        """Do nothing: the handler exists so that the signal ends the wait."""


def main(arguments: Sequence[str]) -> int:
    """Run the server until it ends or must be stopped; return the exit code."""
    options = _parse(arguments)
    folder = Path(options.folder)
    alarm = _Alarm()
    try:
        return _supervise(options, folder, alarm)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--linger", action="store_true")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def _supervise(options: argparse.Namespace, folder: Path, alarm: _Alarm) -> int:
    try:
        server = subprocess.Popen(options.command, stdin=subprocess.DEVNULL, preexec_fn=_end_with(os.getpid()))
    except OSError as error:
        print(f"ERROR cannot run {options.command[0]}: {error}", flush=True)
        return 127
    (folder / PID_FILE).write_text(f"{server.pid}\n", encoding="ascii")
    while server.poll() is None:
        orphaned = not options.linger and os.getppid() != options.parent
        if alarm.told_to_stop or orphaned or (folder / STOP_FILE).exists():
            _end(server)
            break
        alarm.wait(_SECONDS_BETWEEN_LOOKS)
    code = server.wait()
    return code if code >= 0 else 128 - code


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        server.kill()


def _end_with(supervisor: int) -> Callable[[], None] | None:
    """Return, on Linux, a function that makes the kernel kill the server when the process *supervisor* ends."""
    if sys.platform != "linux":
        return None
    try:
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None  # a Python built without ctypes: the server stays behind only if the supervisor is killed

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:  # it went before the kernel was asked
            os._exit(1)

    return bind


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
