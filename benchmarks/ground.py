"""The files and servers that the contenders share."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any, cast
from urllib.parse import quote, urlencode

from benchmarks.contenders import Contender
from benchmarks.measure import MIB
from benchmarks.processes import ROOT, ContenderError, Process, output
from pyxenon_java import process
from pyxenon_java.java import find_java
from pyxenon_java.ports import free_port
from pyxenon_java.release import find_jar
from pyxenon_testing.client import Client
from pyxenon_testing.engine.ownership import Owner
from pyxenon_testing.errors import TestingError
from pyxenon_testing.servers.options import ServerOptions
from pyxenon_testing.servers.running import Servers, session_folder
from pyxenon_testing.servers.ssh import SshServer

__all__ = ["FULL", "QUICK", "Ground", "GroundError", "Scale", "Worker", "own_servers", "prepare", "remove"]

_MEMORY = Path("/dev/shm")
_FOLDERS = 20
_SMALL = (300, 5000)


class GroundError(Exception):
    """The measurement cannot be prepared; the text says why."""


class Worker(Process):
    """A process that does the tasks of :mod:`benchmarks.workers`.

    ``begun`` has the ``seconds`` from its start to its first answer, and those of them from ``connecting`` on.
    """

    begun: dict[str, float]


@dataclass(frozen=True)
class Scale:
    """The amounts to measure. Sizes of files are in MiB; ``rounds`` is the highest number of rounds."""

    client_file: int = 512
    file: int = 1024
    entries: int = 10_000
    calls: int = 1_000
    jobs: int = 20
    sftp_file: int = 256
    delayed_file: int = 64
    milliseconds: int = 50
    small_files: int = 2_000
    local_jobs: int = 12
    ssh_jobs: int = 2
    slurm_jobs: int = 500
    rounds: int = 99


FULL = Scale()
QUICK = Scale(32, 32, 500, 100, 4, 16, 8, 50, 100, 2, 1, 10, 2)


@dataclass
class Ground:
    """The files, servers and workers of a run.

    Attributes:
        folder: Where the files go.
        memory: Another folder, in memory where the system has such a place.
        versions: The versions that each contender started so far runs on.
        uploaded: The names of the files that the host has.
    """

    scale: Scale
    folder: Path
    memory: Path
    stack: ExitStack
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    uploaded: set[str] = field(default_factory=set)

    @cached_property
    def home(self) -> Path:
        """The home directory of the servers, where they look for the hosts' keys."""
        (self.folder / "home" / ".ssh").mkdir(mode=0o700, parents=True)
        return self.folder / "home"

    @cached_property
    def java(self) -> process.ServerProcess:
        """A Java server, started at first use."""
        server = process.start_server(home=self.home)
        self.stack.callback(server.stop)
        return server

    @cached_property
    def stubs(self) -> Path:
        """The folder of the modules that protoc generates for the floor."""
        folder = self.folder / "stubs"
        folder.mkdir()
        options = [f"--proto_path={ROOT / 'protos'}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
        output([sys.executable, "-m", "grpc_tools.protoc", *options, "xenon.proto"], GroundError)
        return folder

    @cached_property
    def servers(self) -> Servers:
        """The servers in Docker."""
        return self.stack.enter_context(own_servers())

    @property
    def known_hosts(self) -> Path:
        """The file with the keys of the hosts started so far."""
        return self.home / ".ssh" / "known_hosts"

    def host(self, kind: str) -> SshServer:
        """Return the host of this kind, started at first use; raises ContenderError when it does not start."""
        try:
            server = cast("SshServer", self.servers.get(kind, ServerOptions(disk="2g")))
        except TestingError as error:
            raise ContenderError(f"no server of the kind {kind}: {str(error).partition(chr(10))[0]}") from error
        known = self.known_hosts.read_text(encoding="ascii") if self.known_hosts.exists() else ""
        if server.known_hosts not in known:
            self.known_hosts.write_text(known + server.known_hosts, encoding="ascii")
        return server

    def target(self, kind: str) -> str:
        """Return the target string of a server of this kind that its user starts."""
        return f"{kind}:?home={quote(str(self.home))}"

    @contextmanager
    def worker(self, who: Contender, own_server: bool = False) -> Iterator[Worker]:
        """Start a worker that connects as *who*; with *own_server* it starts a server first."""
        if who.missing:
            raise ContenderError(who.missing)
        server = json.dumps(self._server_of(who, own_server))
        command: list[str | Path] = [who.python, "-m", "benchmarks.workers", who.way, server, self.file(1)]
        start = perf_counter()
        with Worker(command, self.folder / f"{who.name}.log", who.environment) as worker:
            connecting = worker.answer()["seconds"]
            worker.begun = {"seconds": perf_counter() - start, "connecting": connecting}
            if who.name not in self.versions and not own_server:
                self.versions[who.name] = worker.ask("tasks.versions", sample=False)
            yield worker

    def _server_of(self, who: Contender, own: bool) -> dict[str, Any]:
        """Return what *who* is told of its server: see :mod:`benchmarks.workers.clients`."""
        if who.server != "java" or (own and who.way == "xenon"):
            return {"target": self.target(who.server)}
        if own and who.way == "pyxenon":
            return {}
        keys = self.java.folder
        by_hand = {"address": self.java.address, "keys": str(keys), "stubs": str(self.stubs)}
        if own:
            port = free_port()
            tls = ["--server-cert-chain", f"{keys}/server.pem", "--server-private-key", f"{keys}/server.key"]
            options = ["--port", str(port), *tls, "--client-cert-chain", f"{keys}/client.pem"]
            return {**by_hand, "address": f"127.0.0.1:{port}", "command": [str(find_java()), "-jar", str(find_jar()), *options]}
        files = {"ca": f"{keys}/server.pem", "cert": f"{keys}/client.pem", "key": f"{keys}/client.key"}
        return {**by_hand, "target": f"grpcs://{self.java.address}?{urlencode(files)}"}

    def file(self, mib: int, folder: Path | None = None) -> Path:
        """Return a file of *mib* MiB of random bytes, which cannot be compressed in transit."""
        path = (folder or self.folder) / f"file-{mib}"
        if not path.exists():
            block = os.urandom(MIB)
            with path.open("wb") as stream:
                stream.writelines(block for _ in range(mib))
        return path

    def directory(self) -> Path:
        """Return a directory with many files."""
        path = self.folder / "directory"
        if not path.exists():
            path.mkdir()
            for number in range(self.scale.entries):
                (path / f"result-{number:05}.dat").write_bytes(b"x")
        return path

    def tree(self) -> Path:
        """Return a directory in memory with small files of different sizes in some folders."""
        path, (least, most) = self.memory / "tree", _SMALL
        if not path.exists():
            for number in range(self.scale.small_files):
                place = path / f"folder-{number % _FOLDERS:02}"
                place.mkdir(parents=True, exist_ok=True)
                (place / f"result-{number:05}.dat").write_bytes(os.urandom(least + number * 7919 % (most - least)))
        return path


@contextmanager
def own_servers() -> Iterator[Servers]:
    """Yield servers in Docker, and remove them at the end of the ``with``."""
    owner = Owner.this_process(uuid.uuid4().hex)
    folder = session_folder(owner)
    servers = Servers(folder, owner, Client("embedded:", folder / "home"))
    try:
        yield servers
    finally:
        servers.remove()


@contextmanager
def prepare(scale: Scale) -> Iterator[Ground]:
    """Make the folders; at the end of the ``with`` remove them, and the servers that were started."""
    needed = (2 * scale.client_file + 2 * scale.file + 2 * scale.sftp_file + 512) * MIB
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with ExitStack() as stack:
        folder, in_memory = (Path(stack.enter_context(tempfile.TemporaryDirectory("", "xenon-benchmarks-", at))) for at in (None, memory))
        if shutil.disk_usage(folder).free < needed:
            raise GroundError(f"less than {needed // MIB} MiB are free in {tempfile.gettempdir()}. Set TMPDIR to a larger disk.")
        yield Ground(scale, folder, in_memory, stack)


def remove(path: Path) -> None:
    """Remove a file or a folder if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
