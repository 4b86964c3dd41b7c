"""The base classes of shells, in which schedulers run their commands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from signal import Signals
from typing import NamedTuple

__all__ = ["Completed", "Ended", "Output", "Shell", "ShellProcess"]


@dataclass(frozen=True)
class Ended:
    """The end of a process. *exit_code* is None if a signal ended it; *signal* is then its name without SIG, such as KILL."""

    exit_code: int | None
    signal: str = ""

    @property
    def status(self) -> int:
        """The exit code as in a POSIX shell: 128 plus the signal's number for a signal; -1 if unknown."""
        if self.exit_code is not None:
            return self.exit_code
        number = Signals.__members__.get(f"SIG{self.signal}")
        return 128 + number if number is not None else -1


@dataclass(frozen=True)
class Completed(Ended):
    """The end of a script, and all of its output."""

    stdout: bytes = b""
    stderr: bytes = b""


class Output(NamedTuple):
    """A piece of a process's output. One of the two fields is empty."""

    stdout: bytes = b""
    stderr: bytes = b""


class ShellProcess(ABC):
    """A running script, with its standard streams open."""

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send *data* to the script's standard input, and wait while it does not read. Data that it has stopped reading is dropped."""

    @abstractmethod
    async def write_eof(self) -> None:
        """Close the script's standard input."""

    @abstractmethod
    def output(self) -> AsyncIterator[Output]:
        """Yield the script's output as it arrives, until both output streams have ended. The script blocks while nobody reads."""

    @abstractmethod
    async def wait(self) -> Ended:
        """Wait until the script ends. Raises ConnectionLostException if the connection is lost, so that its result is unknown."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect from the script: its input ends and its output is not read. On this machine, it is killed with its children."""


class Shell(ABC):
    """Runs scripts for a POSIX ``sh`` as some user, starting in that user's home directory.

    The output never includes what a login shell, its profile or a banner prints. All methods raise NotConnectedException if the script has
    certainly not started, and ConnectionLostException if the connection is lost later, so that it is unknown whether the script ran.
    """

    @abstractmethod
    async def run(self, script: str, *, stdin: bytes = b"", timeout: float | None = None) -> Completed:
        """Run *script* to its end. After *timeout* seconds, end it and raise ConnectionLostException."""

    @abstractmethod
    async def start(self, script: str) -> ShellProcess:
        """Start *script* and return the running process."""

    @abstractmethod
    async def close(self) -> None:
        """Release all resources. Running scripts are treated as by :meth:`ShellProcess.close`."""
