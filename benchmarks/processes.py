"""Child processes: run to the end, or asked to do things a line at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self, cast

__all__ = ["ROOT", "ContenderError", "Process", "output"]

ROOT = Path(__file__).resolve().parent.parent
_SECONDS_FOR_A_TASK = 600.0
_SECONDS_TO_END = 20.0
# These would change what a contender imports or connects to, or how a make that is started here behaves.
_REMOVED = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "XENON_TARGET", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
Command = Sequence[str | Path]


class ContenderError(Exception):
    """A contender cannot do what it was asked; the text says why."""


def output(command: Command, failure: type[Exception] = ContenderError) -> str:
    """Run *command* and return what it prints; raise *failure* with its last line of errors when it fails."""
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise failure(f"{Path(command[0]).name} {_ending(done.returncode, done.stderr)}")
    return done.stdout.strip()


class Process:
    """A child process that leads a process group, so that everything it starts can be killed with it.

    Leaving the ``with`` ends it: it is killed at once after an error, and asked to end otherwise.
    """

    def __init__(self, command: Command, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._log, env = log, {**_environment(), **(environment or {})}
        with log.open("ab") as stream:
            self._popen = subprocess.Popen(
                command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream, text=True, start_new_session=True
            )
        self._input, self._output = cast("IO[str]", self._popen.stdin), cast("IO[str]", self._popen.stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            if error is None:
                with suppress(BrokenPipeError, subprocess.TimeoutExpired):
                    self._input.close()
                    self._popen.wait(_SECONDS_TO_END)
        finally:
            self._kill()

    def ask(self, task: str, **arguments: Any) -> dict[str, Any]:
        """Have a worker do *task*, and return its answer; raises ContenderError with its reason when it cannot."""
        self.write_line(json.dumps({"task": task, **arguments}))
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Return a worker's next line, which is JSON; raises ContenderError when it tells of an error."""
        answer: dict[str, Any] = json.loads(self.read_line())
        if "error" in answer:
            raise ContenderError(answer["error"])
        return answer

    def read_line(self) -> str:
        """Return the next line it prints; raises ContenderError when it ends first, or takes too long."""
        timer = threading.Timer(_SECONDS_FOR_A_TASK, self._kill)
        timer.daemon = True  # after an interrupt before cancel(), the interpreter must not wait for it
        timer.start()
        try:
            line = self._output.readline()
        finally:
            timer.cancel()
        if not line:
            self._kill()
            raise ContenderError(f"it {_ending(self._popen.returncode, self._log.read_text(encoding='utf-8', errors='replace'))}")
        return line.rstrip("\n")

    def write_line(self, line: str) -> None:
        """Write *line* to its input. If it has ended, the next read reports that."""
        with suppress(BrokenPipeError):
            self._input.write(f"{line}\n")
            self._input.flush()

    def _kill(self) -> None:
        if self._popen.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()


def _ending(code: int | None, errors: str) -> str:
    return f"ended with exit code {code}: {(errors.strip().splitlines() or ['it said nothing'])[-1]}"


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _REMOVED}
