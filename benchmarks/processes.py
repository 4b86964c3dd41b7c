"""Child processes that are asked to do things, a line at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

__all__ = ["ROOT", "Answering", "ContenderError", "Process", "clean_environment", "running"]

ROOT = Path(__file__).resolve().parent.parent
_SECONDS_FOR_A_TASK = 600.0
_SECONDS_TO_END = 20.0
# What would make a contender another one, and what make tells the makes that it starts.
_OURS = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "XENON_TARGET", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
P = TypeVar("P", bound="Process")


class ContenderError(Exception):
    """A contender cannot do what it was asked; the text says why."""


class Process:
    """A child of this program that leads a process group, so that all of it can be ended."""

    def __init__(self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._log = log
        env = {**clean_environment(), **(environment or {})}
        with log.open("ab") as stream:
            self._popen = subprocess.Popen(
                command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream, text=True, start_new_session=True
            )

    def read_line(self) -> str:
        """Return the next line that it prints; raises ContenderError when it ends before, or takes too long."""
        timer = threading.Timer(_SECONDS_FOR_A_TASK, self.kill)
        timer.daemon = True  # an interrupt may come before it is cancelled, and nothing waits for it then
        timer.start()
        try:
            line = self._popen.stdout.readline() if self._popen.stdout else ""
        finally:
            timer.cancel()
        if not line:
            raise ContenderError(self._last_words())
        return line.rstrip("\n")

    def write_line(self, line: str) -> None:
        """Print *line* to its input; whether it has ended shows when it is read from."""
        with suppress(BrokenPipeError):
            if self._popen.stdin:
                self._popen.stdin.write(f"{line}\n")
                self._popen.stdin.flush()

    def end(self) -> None:
        """Close its input, which asks it to end, and wait; end it by force where that does not help."""
        try:
            with suppress(BrokenPipeError, subprocess.TimeoutExpired):
                if self._popen.stdin:
                    self._popen.stdin.close()
                self._popen.wait(_SECONDS_TO_END)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it, and what it has started, at once."""
        if self._popen.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()

    def _last_words(self) -> str:
        self.kill()
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"it ended with exit code {self._popen.returncode}: {lines[-1] if lines else 'it said nothing'}"


class Answering(Process):
    """A child that answers a line with a line, both JSON. Its first line is ``hello``, ``seconds_to_begin`` after it was started."""

    def __init__(self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str]) -> None:
        start = perf_counter()
        super().__init__(command, log, environment)
        try:
            self.hello = self._hear()
        except BaseException:
            self.kill()
            raise
        self.seconds_to_begin = perf_counter() - start

    def ask(self, task: str, **arguments: Any) -> dict[str, Any]:
        """Have a task done; raises ContenderError with what it says when it cannot."""
        self.write_line(json.dumps({"task": task, **arguments}))
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.read_line())
        if "error" in answer:
            raise ContenderError(answer["error"])
        return answer


@contextmanager
def running(process: P) -> Iterator[P]:
    """End *process* at the end of the ``with``: in peace, or at once after an error."""
    try:
        yield process
    except BaseException:
        process.kill()
        raise
    process.end()


def clean_environment() -> dict[str, str]:
    """Return this program's environment without what would make a contender another one."""
    return {name: value for name, value in os.environ.items() if name not in _OURS}
