"""The Xenon server that the methods of a server connect through, and its home folder with the host keys that it trusts.

A Xenon server reads host keys from ``.ssh/known_hosts`` in its home folder. It gets a separate folder, so that the user's file is neither
read nor changed.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from collections.abc import AsyncIterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

if TYPE_CHECKING:
    import pyxenon
    import pyxenon_core

__all__ = ["DEFAULT_TARGET", "TARGET_VARIABLE", "Client", "KnownHost", "require_open"]

# The server used when a program does not choose one.
DEFAULT_TARGET = "embedded:"
# The server that has the adaptors missing in the default one.
_OTHER_TARGET = "java:"
_WITH_A_HOME = ("embedded:", "java:")
# The SDK has the same constant; importing it would load gRPC in every project's tests.
TARGET_VARIABLE = "XENON_TARGET"


class KnownHost(Protocol):
    """An object with lines for a known-hosts file."""

    @property
    def known_hosts(self) -> str:
        """The lines; may be empty."""
        ...


class Client:
    """A connection to Xenon, opened at first use; closing it stops what it started.

    Attributes:
        target: The target string; ``embedded:`` and ``java:`` get *home*.
        home: The home folder of such a server. It must exist.
    """

    def __init__(self, target: str, home: Path) -> None:
        self.target = _with_home(target, home)
        self.home = home
        self._lock = threading.Lock()
        self._session: pyxenon.Session | None = None
        self._other: Client | None = None

    def __repr__(self) -> str:
        return f"<Client of {self.target!r}>"

    def session(self) -> pyxenon.Session:
        """Return the session; open it if there is none, or if a test has closed it. Raises the errors of :func:`xenon.init`.

        It is the program's own session, unless the program has opened one that does not know the servers' host keys.
        """
        with self._lock:
            if self._session is None or not self._session.is_open:
                self._session = self._open()
            return self._session

    def _open(self) -> pyxenon.Session:
        import pyxenon
        from pyxenon.session import current_session
        from pyxenon_core.errors import SessionError

        try:
            current = current_session()
        except SessionError:
            return pyxenon.init(target=self.target)
        if current.target == self.target or not current.target.startswith(_WITH_A_HOME):
            return current
        session = pyxenon.Session(self.target)
        atexit.register(session.close)
        return session

    def prepare(self, server: KnownHost, adaptor: str = "") -> pyxenon.Session:
        """Return a session that trusts the host key of *server* and, if *adaptor* is given, has that adaptor."""
        self._learn(server.known_hosts)
        return self._having(adaptor).session()

    @contextlib.asynccontextmanager
    async def connect(self, server: KnownHost, adaptor: str = "") -> AsyncIterator[pyxenon_core.Client]:
        """Yield an asynchronous client of the same Xenon server that trusts the host key of *server*."""
        import pyxenon_core

        session = self.prepare(server, adaptor)
        async with await pyxenon_core.connect(session.endpoint) as client:
            yield client

    def close(self) -> None:
        """Close the session if it was opened here."""
        with self._lock:
            session, self._session = self._session, None
            other, self._other = self._other, None
        if session is not None:
            session.close()
        if other is not None:
            other.close()

    def _having(self, adaptor: str) -> Client:
        """Return this client, or one of ``java:`` with the same home for an adaptor that ``embedded:`` does not have."""
        if not adaptor or not self.target.startswith(DEFAULT_TARGET) or _is_installed(adaptor):
            return self
        with self._lock:
            self._other = self._other or Client(_OTHER_TARGET, self.home)
            return self._other

    def _learn(self, lines: str) -> None:
        import filelock

        folder = self.home / ".ssh"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "known_hosts"
        with filelock.FileLock(folder / "known_hosts.lock"):  # other processes of the same tests add hosts too
            known = path.read_text(encoding="ascii") if path.exists() else ""
            if lines not in known:
                new = folder / "known_hosts.new"
                new.write_text(_without_hosts_of(lines, known) + lines, encoding="ascii")
                new.replace(path)


def _is_installed(adaptor: str) -> bool:
    return any(metadata.entry_points(group=f"xenon.{kind}", name=adaptor) for kind in ("filesystems", "schedulers"))


def _with_home(target: str, home: Path) -> str:
    if not target.startswith(_WITH_A_HOME) or "home=" in target:
        return target
    return f"{target}{'&' if '?' in target else '?'}home={quote(str(home))}"


def _without_hosts_of(lines: str, known: str) -> str:
    """Return *known* without the hosts that *lines* name: ports are reused, so an older line may be of another server."""
    hosts = {line.split()[0] for line in lines.splitlines()}
    return "".join(line for line in known.splitlines(keepends=True) if line.split()[0] not in hosts)


def require_open(session: pyxenon.Session) -> None:
    """Raise :class:`~pyxenon_core.errors.SessionError` if *session*, which the fixtures share, was closed."""
    from pyxenon_core.errors import SessionError

    if not session.is_open:
        hint = "The fixtures share the session: leave it open, and have the code under test call xenon.init() only in its main function"
        raise SessionError("a test, or the code it tested, closed the session of the fixture xenon_server", hint=hint)
