"""What a contender has to be able to do, and how it is found."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

__all__ = ["Client", "Server", "connect"]


@dataclass(frozen=True)
class Server:
    """Where the server is, and what it takes to reach it.

    ``keys`` is the folder of the PEM files server.pem, client.pem and client.key; ``stubs`` that of the modules which protoc made.
    """

    address: str
    keys: Path
    stubs: Path

    def pem(self, name: str) -> bytes:
        """The contents of one of the key files."""
        return (self.keys / name).read_bytes()


class Client(Protocol):
    """A contender that is connected to the server, with a file system of the adaptor ``file``. Paths are absolute."""

    def exists(self, path: str, times: list[float], clock: Callable[[], float]) -> None:
        """Ask whether *path* exists, as often as *times* is long, and put the seconds of each call there."""

    def list_files(self, path: str) -> int:
        """List a directory, look at the path, the size and the kind of each entry, and count the files that have a size."""

    def read(self, path: str, take: Callable[[bytes], object]) -> None:
        """Read a file, and hand its bytes to *take* in the order and pieces in which they come."""

    def write(self, path: str, pieces: Iterable[bytes]) -> None:
        """Write *pieces* to a new file."""

    def run_jobs(self, count: int, executable: str) -> int:
        """Submit *count* jobs, wait for all, and count those that ended with exit code 0."""

    def close(self) -> None:
        """Close the connection."""


def connect(contender: str, server: Server) -> Client:
    """The client of *contender*, which is a module in this folder."""
    module = importlib.import_module(f"benchmarks.workers.{contender}")
    return cast("Client", module.open_client(server))
