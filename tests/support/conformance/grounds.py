"""The machines behind the adaptors, seen without Xenon: what the tests lay out there, and what they find there afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import uuid4

import asyncssh

from pyxenon_testing.servers.ssh import SshServer

__all__ = ["Ground", "LocalGround", "SshGround", "fresh_folder", "new_folder"]

SECONDS = 60
T = TypeVar("T")


class Ground(Protocol):
    """A machine. *root* is where the tests work, and *home* is the account's home."""

    root: str
    home: str

    def run(self, script: str, stdin: bytes = b"") -> bytes:
        """What *script* writes to its standard output, run by ``sh``; raises AssertionError when it fails."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class LocalGround:
    """This machine, below the folder *root*."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.home = str(Path.home())

    def run(self, script: str, stdin: bytes = b"") -> bytes:
        """As :meth:`Ground.run`."""
        done = subprocess.run(["/bin/sh", "-c", script], input=stdin, capture_output=True, timeout=SECONDS, check=False)
        return _output(script, done.returncode, done.stdout, done.stderr)

    def close(self) -> None:
        """Nothing to give back."""


class SshGround:
    """A host in Docker, over one connection that stays open; the client is none of Xenon's.

    The tests work in ``/tmp``: the home is a small disk, from which no program may be run.
    """

    def __init__(self, server: SshServer) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="conformance-ground", daemon=True).start()
        self._connection = self._call(self._connect())
        self.home = self.run("pwd").decode().strip()
        self.root = self.run("mktemp -d /tmp/conformance.XXXXXX").decode().strip()

    def run(self, script: str, stdin: bytes = b"") -> bytes:
        """As :meth:`Ground.run`."""
        given: dict[str, Any] = {"input": stdin} if stdin else {"stdin": asyncssh.DEVNULL}
        done = self._call(self._connection.run(script, encoding=None, **given))
        status = -1 if done.exit_status is None else done.exit_status
        return _output(script, status, bytes(done.stdout or b""), bytes(done.stderr or b""))  # type: ignore[arg-type]  # bytes, as no encoding is set

    def close(self) -> None:
        """Log out."""
        self._connection.close()
        self._call(self._connection.wait_closed())
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _connect(self) -> asyncssh.SSHClientConnection:
        server = self._server
        known: Any = asyncssh.import_known_hosts(server.known_hosts)
        options: dict[str, Any] = {"known_hosts": known, "config": None, "agent_path": None, "login_timeout": SECONDS}
        keys = [str(server.private_key)]
        return await asyncssh.connect(server.host, server.port, username=server.username, client_keys=keys, **options)

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, SECONDS), self._loop).result()


def new_folder(ground: Ground) -> str:
    """A new directory there, by its absolute path."""
    path = f"{ground.root}/test-{uuid4().hex[:12]}"
    ground.run(f"mkdir '{path}'")
    return path


@contextlib.contextmanager
def fresh_folder(ground: Ground) -> Iterator[str]:
    """As :func:`new_folder`; it is removed in the end, with all that is in it."""
    path = new_folder(ground)
    yield path
    ground.run(f"chmod -R u+rwX '{path}' && rm -rf '{path}'")


def _output(script: str, status: int, output: bytes, errors: bytes) -> bytes:
    assert status == 0, f"{script!r} ended with {status}: {errors.decode(errors='replace')}"
    return output
