"""Who is measured, each in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.ground import Ground

__all__ = [
    "FLOOR",
    "PEER",
    "ROOT",
    "SDK",
    "SDK_ASYNC",
    "Answering",
    "Contender",
    "ContenderError",
    "Process",
    "Worker",
    "clean_environment",
]

ROOT = Path(__file__).resolve().parent.parent
SDK = "sdk"
SDK_ASYNC = "sdk_async"
FLOOR = "floor"
PEER = "peer"

_SECONDS_FOR_A_TASK = 600.0
_SECONDS_TO_END = 20.0


class ContenderError(Exception):
    """A contender cannot do what it was asked; the text says why."""


@dataclass(frozen=True)
class Contender:
    """A way to use the server: a module in :mod:`benchmarks.workers` of this name, and the interpreter that runs it.

    ``missing`` says why it cannot be measured at all; empty when it can.
    """

    name: str
    python: Path = Path(sys.executable)
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""

    def command(self, module: str, *arguments: str) -> list[str]:
        """The command that runs *module* for this contender."""
        return [str(self.python), "-m", module, self.name, *arguments]


class Process:
    """A child of this program that leads a process group, so that all of it can be ended."""

    def __init__(self, contender: Contender, command: list[str], log: Path) -> None:
        self._log = log
        with log.open("ab") as stream:
            self._popen = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**clean_environment(), **contender.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                start_new_session=True,
            )

    def read_line(self, seconds: float) -> str:
        """The next line that it prints; raises ContenderError when it ends before, or takes longer than *seconds*."""
        if self._popen.stdout is None:
            raise ContenderError("its output cannot be read")
        timer = threading.Timer(seconds, self.kill)
        timer.daemon = True  # an interrupt may come before it is cancelled, and nothing waits for it then
        timer.start()
        try:
            line = self._popen.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            raise ContenderError(self._last_words())
        return line.rstrip("\n")

    def write_line(self, line: str) -> None:
        """Print *line* to its input."""
        if self._popen.stdin is None:
            raise ContenderError("its input cannot be written")
        try:
            self._popen.stdin.write(f"{line}\n")
            self._popen.stdin.flush()
        except BrokenPipeError:
            raise ContenderError(self._last_words()) from None

    def end(self) -> None:
        """Close its input, which asks it to end, and wait; end it by force where that does not help."""
        with suppress(BrokenPipeError):
            if self._popen.stdin is not None:
                self._popen.stdin.close()
        try:
            self._popen.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            pass
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.end()
        else:
            self.kill()


class Answering(Process):
    """A child that answers a line with a line, both JSON. Its first line says that it is ready, and what it runs on.

    Attributes:
        versions: What it runs on, by name.
    """

    def __init__(self, contender: Contender, command: list[str], log: Path) -> None:
        super().__init__(contender, command, log)
        self.contender = contender
        try:
            self.versions: dict[str, str] = self._hear()
        except BaseException:
            self.kill()
            raise

    def ask(self, task: str, **arguments: Any) -> dict[str, Any]:
        """Have a task done; raises ContenderError with what it says when it cannot."""
        self.write_line(json.dumps({"task": task, **arguments}))
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.read_line(_SECONDS_FOR_A_TASK))
        if "error" in answer:
            raise ContenderError(answer["error"])
        return answer


class Worker(Answering):
    """A contender that is connected to the server and does the tasks of :mod:`benchmarks.workers.tasks`."""

    def __init__(self, contender: Contender, ground: Ground) -> None:
        command = contender.command("benchmarks.workers", ground.address, str(ground.keys), str(ground.stubs))
        super().__init__(contender, command, ground.folder / f"{contender.name}.log")


def clean_environment() -> dict[str, str]:
    """This program's environment without what would make a contender another one."""
    ours = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "XENON_TARGET", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in ours}
