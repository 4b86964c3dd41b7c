"""What a scheduler asks of the place where its commands run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from signal import Signals
from typing import NamedTuple

__all__ = ["Completed", "Ended", "Output", "Shell", "ShellProcess"]


@dataclass(frozen=True)
class Ended:
    """How a process ended. *exit_code* is None when a signal ended it (then *signal* has its name without SIG, such as KILL)."""

    exit_code: int | None
    signal: str = ""

    @property
    def status(self) -> int:
        """The exit code as a POSIX shell has it: 128 and more for a signal; -1 when nobody knows."""
        if self.exit_code is not None:
            return self.exit_code
        number = Signals.__members__.get(f"SIG{self.signal}")
        return 128 + number if number is not None else -1


@dataclass(frozen=True)
class Completed(Ended):
    """A script that ran to its end, and all that it printed."""

    stdout: bytes = b""
    stderr: bytes = b""


class Output(NamedTuple):
    """A piece of what a process printed, as it came. One of the two is empty."""

    stdout: bytes = b""
    stderr: bytes = b""


class ShellProcess(ABC):
    """A script that is running, with its standard streams open."""

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send *data* to its standard input, waiting while it does not read. What it no longer wants to read is dropped."""

    @abstractmethod
    async def write_eof(self) -> None:
        """End its standard input."""

    @abstractmethod
    def output(self) -> AsyncIterator[Output]:
        """What it prints, as it comes, until both its outputs have ended. It waits while nobody reads."""

    @abstractmethod
    async def wait(self) -> Ended:
        """Wait until it has ended. Raises ConnectionLostException when the connection to it broke, so that nobody knows how it ends."""

    @abstractmethod
    async def close(self) -> None:
        """Leave it: its standard input ends and nobody reads its output any more; what runs on this machine is killed with its children."""


class Shell(ABC):
    """A place where scripts for a POSIX ``sh`` run, as some user, starting in that user's home directory.

    What a login shell, its profile or a banner prints never reaches the outputs. All methods raise NotConnectedException when the script
    cannot have begun, and ConnectionLostException when the connection broke later, so that nobody knows whether it ran.
    """

    @abstractmethod
    async def run(self, script: str, *, stdin: bytes = b"", timeout: float | None = None) -> Completed:
        """Run *script* to its end. After *timeout* seconds it is ended, and ConnectionLostException raised."""

    @abstractmethod
    async def start(self, script: str) -> ShellProcess:
        """Start *script*, to talk to it while it runs."""

    @abstractmethod
    async def close(self) -> None:
        """Give back what it holds. Scripts that still run are left as by :meth:`ShellProcess.close`."""
