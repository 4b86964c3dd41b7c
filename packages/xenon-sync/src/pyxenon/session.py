"""The session: the connection of this program to a server."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from types import TracebackType
from urllib.parse import urlencode

from pyxenon.portal import DirectPortal, LoopPortal, Portal
from pyxenon_core.client import TARGET_VARIABLE, Client, default_target, open_channel
from pyxenon_core.errors import SessionError, TargetError
from pyxenon_core.targets import Endpoint, GrpcEndpoint, open_target

__all__ = ["Session", "current_session", "init"]

# Targets for which this program does not start a server on a port.
_WITHOUT_PORT = frozenset({"embedded", "grpc", "grpcs", "unix"})

_log = logging.getLogger("xenon")
_lock = threading.RLock()
_current: Session | None = None


class Session:
    """A connection to a server. :func:`init` creates it; :meth:`close`, or the end of a ``with`` statement, closes it.

    Attributes:
        target: The target string that was opened.
        client: The asynchronous client.
        portal: Runs the asynchronous client for synchronous calls.
        port: The port on which the server listens; None if it has none.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        endpoint = open_target(target)
        try:
            channel = open_channel(endpoint, blocking=True)
            self.portal: Portal = DirectPortal() if channel.blocking else LoopPortal()
        except BaseException:
            if isinstance(endpoint, GrpcEndpoint):  # a server in this process has not started anything yet
                endpoint.close()
            raise
        self.client = Client(channel, endpoint)
        self._endpoint = endpoint
        self.port = _port_of(endpoint)
        self._open = True
        self._greet()

    @property
    def is_open(self) -> bool:
        """True while the session can be used."""
        return self._open

    @property
    def release(self) -> str:
        """Name and version of the server, such as ``xenon-server 4.0.0``; only an estimate for a server started elsewhere."""
        return self.client.release

    @property
    def endpoint(self) -> Endpoint:
        """The address of the server, for another client: ``await pyxenon_core.connect(session.endpoint)``, which leaves it running."""
        return self._endpoint.lent()

    def _greet(self) -> None:
        """Make a call, so that a missing or foreign server is noticed now and not at the first use."""
        try:
            self.portal.call(self.client.greet())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection, and stop the server if it was started for this session. Closing twice is not an error."""
        if self._begin_to_close():
            atexit.unregister(self.close)
            try:
                self.portal.call(self.client.close())
            finally:
                self.portal.close()

    def _begin_to_close(self) -> bool:
        """Mark the session as closed; return True if it was open. Raises RuntimeError in a thread that cannot close it."""
        global _current
        with _lock:
            if self._open:
                self.portal.require_caller()
            if _current is self:
                _current = None
            was_open, self._open = self._open, False
        return was_open

    def forget_after_fork(self) -> bool:
        """Mark the session as closed in a forked process unless it can be used there too; return True if it is closed."""
        if isinstance(self.portal, LoopPortal):
            self._open = False
        return not self._open

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session {self.target!r}{'' if self._open else ' (closed)'}>"


def init(
    port: int | None = None,
    do_not_exit: bool = False,
    disable_tls: bool = False,
    log_level: str = "WARNING",
    *,
    target: str | None = None,
) -> Session:
    """Start a server, or use a running one, and connect this program to it.

    Args:
        port: The TCP port of a Java server on this machine, from 1 to 65535. Implies the target ``java:``, which needs
            ``pip install 'pyxenon[java]'``. A Java server of this user that already listens there is used, and keeps running when the
            session ends; otherwise one is started, which ends with the session. By default no port is opened; if *target* or another
            argument selects the Java server, it takes a free one: see ``session.port``.
        do_not_exit: Keep the server running when Python exits without closing the session. Implies ``java:``, like *port*.
        disable_tls: Talk to the server without encryption. Then every user of this machine, and every machine that reaches the port,
            can use the server with your rights. Implies ``java:``, like *port*.
        log_level: The lowest level that the logger ``xenon`` shows: DEBUG, INFO, WARNING, ERROR or CRITICAL.
        target: The server to use: ``embedded:``, ``java:``, ``grpcs://host:port``, ``grpc://localhost:port`` or ``unix:///path``.
            Defaults to the environment variable ``XENON_TARGET``, and without that to a server inside this program.

    Returns:
        The session, for a ``with`` statement; its ``close()`` or ``__exit__(None, None, None)`` ends it too. While a session is
        open, another call logs a warning and returns the same session, even if it names another target.

    Raises:
        TargetError: The target is malformed, no installed package provides it, or it contradicts the other arguments.
        TypeError: The port is not a number.
        ServerStartError: The server does not start: Java is missing, or the server's jar cannot be downloaded.
        ServerUnavailableError: No server answers at the target.
    """
    global _current
    _set_log_level(log_level)
    with _lock:
        if _current is not None:
            _warn_of_other(_current, target)
            _log.warning(
                "xenon.init() was called while the session %s is open; that session is used. Call its close() to end it", _current.target
            )
            return _current
        session = Session(_choose_target(target, port, do_not_exit, disable_tls))
        _current = session
    if not do_not_exit:
        atexit.register(session.close)
    return session


def _begin_anew_after_fork() -> None:
    """Reset the state in a forked process, which has no event loop thread, and perhaps not the thread that holds the lock."""
    global _current, _lock
    _lock = threading.RLock()
    if _current is not None and _current.forget_after_fork():
        _current = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew_after_fork)


def _warn_of_other(session: Session, target: str | None) -> None:
    if target is not None and target != session.target:
        _log.warning("the target %r is ignored: close the session first, or create a xenon.Session for the other server", target)


def _port_of(endpoint: Endpoint) -> int | None:
    port = endpoint.address.rpartition(":")[2] if isinstance(endpoint, GrpcEndpoint) else ""
    return int(port) if port.isdigit() else None


def current_session() -> Session:
    """Return the open session; raises :class:`~pyxenon_core.errors.SessionError` if there is none."""
    if _current is None:
        raise SessionError("no session is open")
    return _current


def _choose_target(target: str | None, port: int | None, do_not_exit: bool, disable_tls: bool) -> str:
    """Return the target string; arguments that only the Java server understands select that server."""
    options = {"port": str(port) if port is not None else "", "linger": "yes" if do_not_exit else "", "tls": "off" if disable_tls else ""}
    given = {name: value for name, value in options.items() if value}
    if port is not None and (not isinstance(port, int) or isinstance(port, bool)):
        raise TypeError(f"port must be a number such as 50051, not {port!r}; pass a target as target={port!r}")
    if not given:
        return target or default_target()
    chosen = target or os.environ.get(TARGET_VARIABLE) or "java:"
    if chosen.partition(":")[0] in _WITHOUT_PORT:
        raise TargetError(chosen, "port, do_not_exit and disable_tls are for the Java server; leave them out, or use target='java:'")
    return f"{chosen}{'&' if '?' in chosen else '?'}{urlencode(given)}"


def _set_log_level(name: str) -> None:
    levels = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    if name not in levels:
        raise ValueError(f"log_level must be one of {', '.join(levels)}, not {name!r}")
    _log.setLevel(name)
    if not _log.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(name)s %(levelname)s: %(message)s"))
        _log.addHandler(handler)
