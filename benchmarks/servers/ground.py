"""What all contenders share: files, a home with the host keys that are known, and servers in Docker."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import quote

from benchmarks.contenders import ContenderError
from benchmarks.ground import GroundError
from benchmarks.scale import MIB
from benchmarks.servers.scale import Scale
from pyxenon_testing.client import Client
from pyxenon_testing.engine.ownership import Owner
from pyxenon_testing.errors import TestingError
from pyxenon_testing.servers.options import ServerOptions
from pyxenon_testing.servers.running import Servers, session_folder
from pyxenon_testing.servers.ssh import SshServer

__all__ = ["Ground", "prepare"]

_DISK = "2g"
_MEMORY = Path("/dev/shm")
_PREFIX = "xenon-benchmarks-"
_FOLDERS = 20
_SMALL = (300, 5000)


@dataclass(frozen=True)
class Ground:
    """What is measured with, in ``folder``; ``memory`` is another, in memory where the system has such a place.

    ``home`` is the home of the servers, where they look for the keys of hosts.
    """

    folder: Path
    memory: Path
    home: Path
    servers: Servers

    @property
    def known_hosts(self) -> Path:
        """The file with the keys of the hosts that have been started."""
        return self.home / ".ssh" / "known_hosts"

    def target(self, server: str) -> str:
        """The target string of the server ``embedded`` or ``java``."""
        return f"{server}:?home={quote(str(self.home))}"

    def host(self, kind: str) -> SshServer:
        """The host of this kind, started now if there is none; raises ContenderError where it cannot be had."""
        try:
            server = cast("SshServer", self.servers.get(kind, ServerOptions(disk=_DISK)))
        except TestingError as error:
            raise ContenderError(f"no server of the kind {kind}: {next(iter(str(error).splitlines()), type(error).__name__)}") from error
        self.known_hosts.parent.mkdir(mode=0o700, exist_ok=True)
        known = self.known_hosts.read_text(encoding="ascii") if self.known_hosts.exists() else ""
        if server.known_hosts not in known:
            self.known_hosts.write_text(known + server.known_hosts, encoding="ascii")
        return server

    def new(self, name: str) -> Path:
        """The path *name* in the folder, where nothing is now."""
        return _removed(self.folder / name)

    def new_in_memory(self, name: str) -> Path:
        """The path *name* in memory, where nothing is now."""
        return _removed(self.memory / name)

    def file(self, mib: int, folder: Path | None = None) -> Path:
        """A file of random bytes, *mib* MiB large, which nothing on the way can compress; in *folder* where one is given."""
        path = (folder or self.folder) / f"file-{mib}"
        if not path.exists():
            block = os.urandom(MIB)
            with path.open("wb") as stream:
                for _ in range(mib):
                    stream.write(block)
        return path

    def directory(self, entries: int) -> Path:
        """A directory with so many files."""
        path = self.folder / f"directory-{entries}"
        if not path.exists():
            path.mkdir()
            for number in range(entries):
                (path / f"result-{number:05}.dat").write_bytes(b"x")
        return path

    def tree(self, files: int) -> Path:
        """Small files of different sizes, in some folders, in memory."""
        path = self.memory / f"tree-{files}"
        if not path.exists():
            least, most = _SMALL
            for number in range(files):
                place = path / f"folder-{number % _FOLDERS:02}"
                place.mkdir(parents=True, exist_ok=True)
                (place / f"result-{number:05}.dat").write_bytes(os.urandom(least + number * 7919 % (most - least)))
        return path


@contextmanager
def prepare(scale: Scale) -> Iterator[Ground]:
    """Make the folder; at the end of the ``with``, however it is reached, it is gone, and so are the servers that were started."""
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name, tempfile.TemporaryDirectory(prefix=_PREFIX, dir=memory) as in_memory:
        folder = Path(name)
        if shutil.disk_usage(folder).free < scale.bytes_on_disk:
            raise GroundError(
                f"less than {scale.bytes_on_disk // MIB} MiB are free in {tempfile.gettempdir()}. Set TMPDIR to a larger disk."
            )
        home = folder / "home"
        home.mkdir(mode=0o700)
        owner = Owner.this_process(uuid.uuid4().hex)
        place = session_folder(owner)
        servers = Servers(place, owner, Client("embedded:", place / "home"))
        try:
            yield Ground(folder, Path(in_memory), home, servers)
        finally:
            servers.remove()


def _removed(path: Path) -> Path:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    return path
