"""The files and servers that the contenders share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlencode

from benchmarks.contenders import Contender
from benchmarks.measure import MIB
from benchmarks.processes import ROOT, Answering, ContenderError, running
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

__all__ = ["FULL", "QUICK", "Ground", "GroundError", "Scale", "own_servers", "prepare", "remove"]

_MEMORY = Path("/dev/shm")
_FOLDERS = 20
_SMALL = (300, 5000)


class GroundError(Exception):
    """The measurement cannot be prepared; the text says why."""


@dataclass(frozen=True)
class Scale:
    """The amount of measuring. Sizes of files are in MiB; at most ``rounds`` rounds are taken."""

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
    """What is measured with, in ``folder``; ``memory`` is another, in memory where the system has such a place.

    The servers look for the keys of hosts in ``home``. ``versions`` tells what each contender runs on that has begun,
    and ``uploaded`` which files the host has.
    """

    scale: Scale
    folder: Path
    memory: Path
    stack: ExitStack
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    uploaded: set[str] = field(default_factory=set)

    @cached_property
    def home(self) -> Path:
        """The home of the servers."""
        (self.folder / "home" / ".ssh").mkdir(mode=0o700, parents=True)
        return self.folder / "home"

    @cached_property
    def java(self) -> process.ServerProcess:
        """A Java server, started when it is first needed."""
        server = process.start_server(home=self.home)
        self.stack.callback(server.stop)
        return server

    @cached_property
    def stubs(self) -> Path:
        """The folder of the modules that protoc generates for the floor."""
        folder = self.folder / "stubs"
        folder.mkdir()
        output = [f"--proto_path={ROOT / 'protos'}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
        done = subprocess.run(
            [sys.executable, "-m", "grpc_tools.protoc", *output, "xenon.proto"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise GroundError(f"cannot make the floor's stubs: {done.stderr.strip()}")
        return folder

    @cached_property
    def servers(self) -> Servers:
        """Servers in Docker."""
        return self.stack.enter_context(own_servers())

    @property
    def known_hosts(self) -> Path:
        """The file with the keys of the hosts that have been started."""
        return self.home / ".ssh" / "known_hosts"

    def host(self, kind: str) -> SshServer:
        """Return the host of this kind, started now if there is none; raises ContenderError where it cannot be had."""
        try:
            server = cast("SshServer", self.servers.get(kind, ServerOptions(disk="2g")))
        except TestingError as error:
            raise ContenderError(f"no server of the kind {kind}: {str(error).partition(chr(10))[0]}") from error
        known = self.known_hosts.read_text(encoding="ascii") if self.known_hosts.exists() else ""
        if server.known_hosts not in known:
            self.known_hosts.write_text(known + server.known_hosts, encoding="ascii")
        return server

    def target(self, kind: str) -> str:
        """Return a target string for a server of this kind that is started by whoever uses it."""
        return f"{kind}:?home={quote(str(self.home))}"

    def worker(self, who: Contender, own_server: bool = False) -> AbstractContextManager[Answering]:
        """Start a process that does the tasks of :mod:`benchmarks.workers` as *who*; with *own_server* it starts a server, too."""
        if who.missing:
            raise ContenderError(who.missing)
        server = self._server_of(who, own_server)
        command: list[str | Path] = [who.python, "-m", "benchmarks.workers", who.way, json.dumps(server), self.file(1)]
        worker = Answering(command, self.folder / f"{who.name}.log", who.environment)
        if who.name not in self.versions and not own_server:
            self.versions[who.name] = worker.ask("tasks.versions", sample=False)
        return running(worker)

    def _server_of(self, who: Contender, own: bool) -> dict[str, Any]:
        """What *who* is told of its server: see :mod:`benchmarks.workers.clients`."""
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
        """Return a file of random bytes, *mib* MiB large, which nothing on the way can compress."""
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
        """Return small files of different sizes, in some folders, in memory."""
        path, (least, most) = self.memory / "tree", _SMALL
        if not path.exists():
            for number in range(self.scale.small_files):
                place = path / f"folder-{number % _FOLDERS:02}"
                place.mkdir(parents=True, exist_ok=True)
                (place / f"result-{number:05}.dat").write_bytes(os.urandom(least + number * 7919 % (most - least)))
        return path


@contextmanager
def own_servers() -> Iterator[Servers]:
    """Servers in Docker that are taken away at the end of the ``with``."""
    owner = Owner.this_process(uuid.uuid4().hex)
    folder = session_folder(owner)
    servers = Servers(folder, owner, Client("embedded:", folder / "home"))
    try:
        yield servers
    finally:
        servers.remove()


@contextmanager
def prepare(scale: Scale) -> Iterator[Ground]:
    """Make the folders; at the end of the ``with``, however it is reached, they are gone, and so are the servers that were started."""
    needed = (2 * scale.client_file + 2 * scale.file + 2 * scale.sftp_file + 512) * MIB
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with ExitStack() as stack:
        folder, in_memory = (Path(stack.enter_context(tempfile.TemporaryDirectory("", "xenon-benchmarks-", at))) for at in (None, memory))
        if shutil.disk_usage(folder).free < needed:
            raise GroundError(f"less than {needed // MIB} MiB are free in {tempfile.gettempdir()}. Set TMPDIR to a larger disk.")
        yield Ground(scale, folder, in_memory, stack)


def remove(path: Path) -> None:
    """Remove a file or a folder, if there is one."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
