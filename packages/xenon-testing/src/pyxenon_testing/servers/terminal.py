"""The servers started from a terminal: each has a name, and runs until the user removes it.

Each name has a private folder in the user's state directory, with the keys, the description of the server, and files for ssh. Only one
process at a time starts or removes the server of a name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import filelock
import platformdirs

from pyxenon_testing.client import DEFAULT_TARGET, Client
from pyxenon_testing.engine.connection import connect_engine
from pyxenon_testing.engine.images import DEFAULT_BASE, Progress, ensure_image
from pyxenon_testing.engine.ownership import Owner, owned_containers, remove_containers
from pyxenon_testing.errors import NotRunningError, TestingError
from pyxenon_testing.servers.kind import Kind
from pyxenon_testing.servers.kinds import KINDS, kind_named
from pyxenon_testing.servers.options import ServerOptions
from pyxenon_testing.servers.running import Servers, session_folder
from pyxenon_testing.servers.server import Server
from pyxenon_testing.servers.ssh import SshServer

__all__ = ["NamedServer", "named_servers", "state_root"]

_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,39}"
# A listing holds the lock only briefly; whoever waits longer waits for a server.
SECONDS_FOR_A_LOOK = 1.0
_SESSION = "terminal-{name}-{place}"
_ENGINE = "engine"
_SSH_SETTINGS = {
    "IdentitiesOnly": "yes",
    "IdentityAgent": "none",
    "StrictHostKeyChecking": "yes",
    "UpdateHostKeys": "no",
    "GlobalKnownHostsFile": "/dev/null",
}


def state_root() -> Path:
    """Return the folder that has a folder for each name."""
    return platformdirs.user_state_path("pyxenon") / "testing"


def _fit_for_a_name(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not re.fullmatch(_NAME, value):
        raise ValueError(f"a server cannot be named {value!r}: use up to 40 letters, digits, '.', '_' and '-', as in my-cluster")


@attrs.frozen
class NamedServer:
    """The name of a server, which may be running or not.

    Attributes:
        name: The name.
        root: The folder that has a folder for each name.
    """

    name: str = attrs.field(validator=_fit_for_a_name)
    root: Path = attrs.field(factory=state_root)

    @property
    def folder(self) -> Path:
        """The private folder of the name; it does not exist before the server is started."""
        return self.root / self.name

    @property
    def ssh_config(self) -> Path:
        """The configuration file for OpenSSH's clients, in which the server is the host of that name."""
        return self.folder / "ssh_config"

    @property
    def owner(self) -> Owner:
        """The owner of the container, with a session that differs from those of other names, users and machines on the same engine."""
        return Owner(_SESSION.format(name=self.name, place=_place(self.root)))

    def find(self, client: Client | None = None) -> tuple[Server, ServerOptions] | None:
        """Return the server, which connects through *client*, and its options; None if it is not running.

        Raises TestingError if it is on another engine than the current one.
        """
        if not self.folder.is_dir():
            return None
        self.require_this_engine()
        return self._servers(client or self.client()).running()

    def up(self, kind: str, wanted: Mapping[str, str], base: str, tell: Progress) -> tuple[Server, bool]:
        """Start the server, of *kind* and with the options *wanted*, unless it is running; return it, and True if it was running.

        Raises a TestingError if it does not start, and then leaves nothing behind; raises ValueError for an unknown kind or option, and if
        a server with another kind or other options has the name.
        """
        chosen, options = kind_named(kind), ServerOptions(**wanted)
        if self.name in KINDS and self.name != chosen.name:
            raise ValueError(
                f"a server of the kind {chosen.name} cannot be named {self.name}, which is another kind; choose another --name"
            )
        with self.locked(tell):
            found = self.find()
            if found:
                self._require_as_wanted(*found, chosen, attrs.asdict(options, filter=lambda field, _: field.name in wanted))
            server = found[0] if found else self._start(chosen, options, base, tell)
            self._write_ssh_files(server)
        return server, found is not None

    def down(self, tell: Progress) -> bool:
        """Remove the server and its folder; return True if there was anything to remove."""
        there = self.folder.is_dir() or bool(owned_containers(self.owner.session))
        if there:
            with self.locked(tell):
                self.require_this_engine()
                self._remove()
        return there

    def remove_if_lost(self, tell: Progress, containers: bool) -> bool:
        """Remove the folder of a server without a container; with *containers*, also containers that have stopped or cannot be reached.

        Does nothing while another process starts the server, or if it is on another engine. Returns True if anything was removed.
        """
        with contextlib.suppress(filelock.Timeout), self._lock().acquire(timeout=0):
            if self.is_elsewhere():
                tell(f"{self.name} is on another Docker engine and left alone")
                return False
            left = owned_containers(self.owner.session)
            if not left and self.folder.is_dir():
                tell(f"{self.name} is gone: removing its keys")
                self._remove()
                return True
            if left and containers and self.find() is None:
                tell(f"removing {self.name}, which has stopped or was not fully started")
                self._remove()
                return True
        return False

    def is_busy(self) -> bool:
        """Return True if a process is starting or removing it."""
        try:
            with self._lock().acquire(timeout=0):
                return False
        except filelock.Timeout:
            return True

    def is_elsewhere(self) -> bool:
        """Return True if it was started on another engine than the current one."""
        path = self.folder / _ENGINE
        return path.exists() and path.read_text(encoding="utf-8").splitlines()[:1] != [_engine_id()]

    def require_this_engine(self) -> None:
        """Raise TestingError if it was started on another engine than the current one."""
        if self.is_elsewhere():
            where = (self.folder / _ENGINE).read_text(encoding="utf-8").splitlines()[1:]
            raise TestingError(
                f"the server {self.name} was started on another Docker engine: {' '.join(where)}. Set DOCKER_HOST to that engine; "
                f"if it is gone, remove {self.folder}"
            )

    def not_running(self) -> NotRunningError:
        """Return the error for a server that is not running, with the command that starts it."""
        command = f"xenon-testing up {self.name}" if self.name in KINDS else f"xenon-testing up KIND --name {self.name}"
        return NotRunningError(
            f"no server named {self.name!r} is up. To start one: {command}. To see those that are up: xenon-testing list"
        )

    @contextlib.contextmanager
    def locked(self, tell: Progress) -> Iterator[None]:
        """Hold the lock of the name: only one process at a time starts or removes its server."""
        lock = self._lock()
        try:
            lock.acquire(timeout=SECONDS_FOR_A_LOOK)
        except filelock.Timeout:
            tell(f"waiting for another xenon-testing, which is starting or removing {self.name}")
            lock.acquire(timeout=-1)
        try:
            yield
        finally:
            lock.release()

    def client(self, target: str = DEFAULT_TARGET) -> Client:
        """Return a client whose home is in the folder of the name."""
        return Client(target, self.folder / "home")

    def _start(self, kind: Kind[Any], options: ServerOptions, base: str, tell: Progress) -> Server:
        self._remove()  # left by a server that is gone
        try:
            session_folder(self.owner, self.folder)
            where = os.environ.get("DOCKER_HOST", "this machine's own")
            (self.folder / _ENGINE).write_text(f"{_engine_id()}\n{where}\n", encoding="utf-8")
            ensure_image(kind.image, options.suite, base, tell)
            tell(f"starting {kind.name} on Debian {options.suite}")
            return self._servers(self.client(), base, tell).get(kind.name, options)
        except BaseException:  # including Ctrl-C
            if owned_containers(self.owner.session):
                tell("removing what was started")
            self._remove()
            raise

    def _servers(self, client: Client, base: str = DEFAULT_BASE, tell: Progress = print) -> Servers:
        return Servers(self.folder, self.owner, client, base, tell)

    def _require_as_wanted(self, server: Server, options: ServerOptions, kind: Kind[Any], wanted: Mapping[str, str]) -> None:
        differing = [f"its {name} is {getattr(options, name)}" for name, value in wanted.items() if getattr(options, name) != value]
        if server.kind != kind.name:
            differing.insert(0, f"it is of the kind {server.kind}")
        if differing:
            raise ValueError(
                f"another server named {self.name} is up: {', '.join(differing)}. Choose another --name, "
                f"or remove that one: xenon-testing down {self.name}"
            )

    def _write_ssh_files(self, server: Server) -> None:
        if isinstance(server, SshServer):
            known = self.folder / "known_hosts"
            known.write_text(server.known_hosts, encoding="ascii")
            settings = {
                "HostName": server.host,
                "Port": server.port,
                "User": server.username,
                "IdentityFile": _quoted(server.private_key),
                "UserKnownHostsFile": _quoted(known),
                **_SSH_SETTINGS,
            }
            lines = [f"Host {self.name}", *(f"    {name} {value}" for name, value in settings.items())]
            self.ssh_config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _remove(self) -> None:
        remove_containers(owned_containers(self.owner.session))
        shutil.rmtree(self.folder, ignore_errors=True)

    def _lock(self) -> filelock.BaseFileLock:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return filelock.FileLock(self.root / f".{self.name}.lock", mode=0o600)


def named_servers(root: Path | None = None) -> list[NamedServer]:
    """Return all names that have a folder, or a container on the engine."""
    root = root or state_root()
    pattern = re.compile(_SESSION.format(name=f"({_NAME})", place=_place(root)))
    sessions = [pattern.fullmatch(Owner.of(container).session) for container in owned_containers()]
    folders = [path.name for path in root.glob("*") if path.is_dir() and re.fullmatch(_NAME, path.name)]
    return [NamedServer(name, root) for name in sorted({*folders, *(found[1] for found in sessions if found)})]


def _place(root: Path) -> str:
    """Return a word for *root* that differs between users and machines."""
    return hashlib.sha256(f"{platform.node()}\0{os.getuid()}\0{root}".encode()).hexdigest()[:8]


def _engine_id() -> str:
    return str(connect_engine().info()["ID"])


def _quoted(path: Path | None) -> str:
    """Quote *path* for ssh's configuration, in which % begins a variable."""
    return '"{}"'.format(str(path).replace("%", "%%"))
