"""The servers of one session: started once, shared by the processes of a test run, and removed together.

A session has a private folder. In it each server has a folder with the login key and ``server.json``, by which another process of the
session, such as a worker of pytest-xdist, finds the same server. A lock lets one of them start it while the others wait.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import Any, TypeVar

import attrs
import filelock

from pyxenon_testing.client import Client
from pyxenon_testing.engine.containers import Container, run_container
from pyxenon_testing.engine.folders import private_folder, private_path
from pyxenon_testing.engine.images import DEFAULT_BASE, Progress, ensure_image
from pyxenon_testing.engine.ownership import LABEL, Owner, container_name, orphans, owned_containers, remove_container, remove_containers
from pyxenon_testing.errors import EngineError, ServerNotReadyError
from pyxenon_testing.servers.kind import Kind
from pyxenon_testing.servers.kinds import kind_named
from pyxenon_testing.servers.login import KEY_FILE, Login, make_login
from pyxenon_testing.servers.options import ServerOptions
from pyxenon_testing.servers.server import Server

__all__ = ["SUITE_LABEL", "Servers", "existing_folder", "prune", "session_folder"]

SESSIONS = "sessions"
OWNER_FILE = "owner"
SECONDS_TO_BEGIN = 600
SECONDS_TO_KEEP_A_LOG = 24 * 3600
DESCRIPTION = "server.json"
SUITE_LABEL = f"{LABEL}.suite"
TRIES_FOR_PORTS = 5
S = TypeVar("S", bound=Server)
_PORT_TAKEN = re.compile("port is already allocated|address already in use")
_log = logging.getLogger("xenon.testing")


@attrs.define
class Servers:
    """The servers of one session.

    Attributes:
        folder: The session's private folder, created by :func:`session_folder`.
        owner: The owner of the containers, who removes them.
        client: The client that the servers' methods connect through.
        base: The base image of all images, with ``{suite}`` in place of the suite.
        progress: Called with a message about each slow step.
    """

    folder: Path
    owner: Owner
    client: Client
    base: str = DEFAULT_BASE
    progress: Progress = _log.info

    def get(self, name: str, options: ServerOptions | None = None) -> Server:
        """Return the server of the kind *name* with *options*; start it if it is not running.

        Raises a TestingError if it does not start, and ValueError for an unknown kind.
        """
        kind, options = kind_named(name), options or ServerOptions()
        kind.require_fit(options)
        place = self.folder / options.key(kind.name)
        # The image is built outside the lock, so that workers that need other servers do not wait for it.
        tag = ensure_image(kind.image, options.suite, self.base, self.progress)
        with filelock.FileLock(f"{place}.lock", mode=0o600):
            server: Server = self._load(kind, place) or self._start(kind, tag, options, place)
        return server

    def running(self) -> tuple[Server, ServerOptions] | None:
        """Return the session's only server, which another process may have started, and its options; None if it is not running."""
        for path in self.folder.glob(f"*/{DESCRIPTION}"):
            try:
                name, options, login, container = _read(path)
                kind = kind_named(name)
            except (KeyError, TypeError, ValueError):
                continue  # written by another release with other kinds or options
            if container.is_running():
                return kind.describe(container, options, login, self.client), options
        return None

    def remove(self) -> None:
        """Remove all servers of the session, and its folder with the keys even if a step fails."""
        with contextlib.ExitStack() as steps:
            steps.callback(shutil.rmtree, self.folder, ignore_errors=True)
            steps.callback(self._remove_containers)
            steps.callback(self.client.close)

    def _remove_containers(self) -> None:
        if any(self.folder.glob(f"*/{KEY_FILE}")):  # otherwise none was started, and there may be no engine
            remove_containers(owned_containers(self.owner.session))

    def _load(self, kind: Kind[S], place: Path) -> S | None:
        path = place / DESCRIPTION
        if not path.exists():
            return None
        _, options, login, container = _read(path)
        return kind.describe(container, options, login, self.client) if container.is_running() else None

    def _start(self, kind: Kind[S], tag: str, options: ServerOptions, place: Path) -> S:
        shutil.rmtree(place, ignore_errors=True)  # left by a server that is gone
        place.mkdir(mode=0o700)
        login = make_login(options.username, place)
        container = self._run(kind, tag, options, login)
        try:
            server = kind.describe(container, options, login, self.client)
            kind.wait_until_ready(server)
            _save(place / DESCRIPTION, kind, options, login, container)
        except BaseException:  # including Ctrl-C
            with contextlib.suppress(EngineError):  # the first error matters
                container.remove()
            raise
        return server

    def _run(self, kind: Kind[S], tag: str, options: ServerOptions, login: Login) -> Container:
        """Start the container; retry with other ports if another program has taken one."""
        for remaining in reversed(range(TRIES_FOR_PORTS)):
            name = f"xenon-{kind.name}-{self.owner.session[:8]}-{secrets.token_hex(3)}"
            spec = kind.spec(tag, name, options, login)
            try:
                return run_container(attrs.evolve(spec, labels={**spec.labels, SUITE_LABEL: options.suite}), self.owner)
            except EngineError as error:
                if not (remaining and _PORT_TAKEN.search(str(error))):
                    raise
        raise ServerNotReadyError(f"cannot start a server of the kind {kind.name}: no attempt was made")


def _save(path: Path, kind: Kind[S], options: ServerOptions, login: Login, container: Container) -> None:
    facts: dict[str, Any] = {
        "kind": kind.name,
        "options": attrs.asdict(options),
        "container": attrs.asdict(container),
        "login": {**attrs.asdict(login), "private_key": str(login.private_key), "host_private_keys": {}},
    }
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(facts), encoding="utf-8")
    new.replace(path)  # readers never see an incomplete file


def _read(path: Path) -> tuple[str, ServerOptions, Login, Container]:
    """Read what :func:`_save` has written: the kind's name, the options, the login and the container."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    login = facts["login"]
    known = Login(**{**login, "private_key": Path(login["private_key"]), "host_public_keys": tuple(login["host_public_keys"])})
    container = Container(**{**facts["container"], "ports": {int(port): to for port, to in facts["container"]["ports"].items()}})
    return facts["kind"], ServerOptions(**facts["options"]), known, container


def session_folder(owner: Owner, folder: Path | None = None) -> Path:
    """Create the folder of the session of *owner*, which only this user can enter, unless another process has; return its path.

    It is *folder*, or by default one among this user's temporary files.
    """
    folder = folder or _sessions() / owner.session
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "home").mkdir(mode=0o700, exist_ok=True)
    path = folder / OWNER_FILE
    if not path.exists():
        new = folder / f".{OWNER_FILE}.{os.getpid()}"
        new.write_text(str(owner), encoding="utf-8")
        new.replace(path)  # readers never see an incomplete file
    return folder


def existing_folder(session: str) -> Path | None:
    """Return the folder of *session* among the temporary files, or None if no process has created it."""
    folder = private_path() / SESSIONS / session
    return folder if folder.is_dir() else None


def prune(tell: Progress = _log.info) -> int:
    """Remove the containers and folders of sessions whose process has ended without doing so; return the number of containers.

    Calls *tell* with the reason for each container that cannot be removed.
    """
    removed = 0
    for container in orphans():
        tell(f"removing {container_name(container)}, left behind by process {Owner.of(container).pid}")
        try:
            remove_container(container)
            removed += 1
        except EngineError as error:
            tell(str(error))
    _prune_folders()
    return removed


def _prune_folders() -> None:
    for folder in _sessions().iterdir():
        if _is_left_behind(folder):
            shutil.rmtree(folder, ignore_errors=True)
    for log in private_folder().glob("*.log"):
        if _age(log) > SECONDS_TO_KEEP_A_LOG:
            log.unlink(missing_ok=True)


def _is_left_behind(folder: Path) -> bool:
    try:
        return Owner.parse(folder.name, (folder / OWNER_FILE).read_text(encoding="utf-8")).is_gone()
    except (OSError, ValueError):
        return _age(folder) > SECONDS_TO_BEGIN  # a session is beginning or ending, or was killed while it began


def _age(path: Path) -> float:
    """Return the seconds since *path* was changed; 0 if it is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _sessions() -> Path:
    folder = private_folder() / SESSIONS
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
