"""Fixtures: a server in this process on a Unix socket, one in a process of its own, and keys as the README makes them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from serve_servants import Services

from pyxenon_server.grpc.serving import GrpcServer, Listening
from pyxenon_server.grpc.sockets import UnixSocket

README = Path(__file__).parents[2] / "README.md"
SERVANTS = Path(__file__).parent / "serve_servants.py"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, as the path of a socket must be short."""
    path = Path(tempfile.mkdtemp(prefix="xs-"))
    yield path
    shutil.rmtree(path)


class Running:
    """A server that runs in this event loop."""

    def __init__(self, services: Services, server: GrpcServer, socket: UnixSocket) -> None:
        self.services = services
        self.server = server
        self.target = f"unix://{socket.path}"
        self.notes = services.notes.lines

    async def noted(self, line: str, seconds: float = 60, count: int = 1) -> None:
        """Wait until *line* is among the notes, *count* times."""
        deadline = time.monotonic() + seconds
        while self.notes.count(line) < count:
            assert time.monotonic() < deadline, f"{line!r} is not among {self.notes}"
            await asyncio.sleep(0.005)


@pytest.fixture
def running(folder: Path) -> Callable[[], contextlib.AbstractAsyncContextManager[Running]]:
    """Runs a server on a Unix socket for as long as an ``async with`` lasts."""

    @contextlib.asynccontextmanager
    async def run() -> AsyncIterator[Running]:
        services = Services()
        server = GrpcServer(services.servicers)
        socket = UnixSocket.at(folder / "run" / "s.sock")
        await server.start(Listening(socket=socket))
        try:
            yield Running(services, server, socket)
        finally:
            await server.stop(0)

    return run


class Program:
    """The command in a process of its own, over the servicers of these tests."""

    def __init__(self, process: subprocess.Popen[str], notes: Path, first_line: str) -> None:
        self.process = process
        self.first_line = first_line
        self._notes = notes

    def notes(self) -> list[str]:
        """What its servicers have noted."""
        return self._notes.read_text(encoding="utf-8").splitlines() if self._notes.exists() else []

    def noted(self, line: str, seconds: float = 60, count: int = 1) -> None:
        """Wait until *line* is among the notes, *count* times."""
        deadline = time.monotonic() + seconds
        while self.notes().count(line) < count:
            assert time.monotonic() < deadline, f"{line!r} is not among {self.notes()}"
            time.sleep(0.01)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send it a signal; gives its exit status and what it wrote to standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


Start = Callable[..., Program]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts the command with arguments, and waits for its first line."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: object, **environment: str) -> Program:
        notes = folder / f"notes{len(started)}"
        command = [sys.executable, str(SERVANTS), str(notes), *map(str, arguments)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env={**os.environ, **environment}
        )
        started.append(process)
        assert process.stdout is not None
        return Program(process, notes, process.stdout.readline())

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys that the README's commands make."""
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def other_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of the same names that nobody trusts."""
    return make_keys(tmp_path_factory.mktemp("other"))


def make_keys(folder: Path) -> Path:
    """Run the README's commands in *folder*."""
    [commands] = re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    subprocess.run(["sh", "-ec", commands], cwd=folder, check=True, capture_output=True, timeout=60)
    return folder
