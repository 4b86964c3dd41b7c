"""The session: which server this program talks to."""

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

# Targets that are no server which this program starts on a port.
_WITHOUT_PORT = frozenset({"embedded", "grpc", "grpcs", "unix"})

_log = logging.getLogger("xenon")
_lock = threading.RLock()
_current: Session | None = None


class Session:
    """A server that is ready, and the connection to it. Made by :func:`init`; at the end of a ``with``, or by :meth:`close`, it ends.

    Attributes:
        target: The target string that was opened.
        client: The asynchronous client.
        portal: The bridge to it.
        port: The port on which the server listens; None where it has none.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        endpoint = open_target(target)
        try:
            channel = open_channel(endpoint, blocking=True)
            self.portal: Portal = DirectPortal() if channel.blocking else LoopPortal()
        except BaseException:
            if isinstance(endpoint, GrpcEndpoint):  # one in this process has not begun anything yet
                endpoint.close()
            raise
        self.client = Client(channel, endpoint)
        self._endpoint = endpoint
        self.port = _port_of(endpoint)
        self._open = True
        self._greet()

    @property
    def is_open(self) -> bool:
        """Whether the session can be used."""
        return self._open

    @property
    def release(self) -> str:
        """What the server is, such as ``xenon-grpc 3.0.1``; of one that runs elsewhere, at least which methods it has."""
        return self.client.release

    @property
    def endpoint(self) -> Endpoint:
        """Where the server is, for another client of it: ``await pyxenon_core.connect(session.endpoint)``, which leaves it running."""
        return self._endpoint.lent()

    def _greet(self) -> None:
        """Make a call, so that a server which is not there, or is none of ours, is known now and not at the first use."""
        try:
            self.portal.call(self.client.greet())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection, and end the server if it was started for this session. Closing twice is no error."""
        if self._begin_to_close():
            atexit.unregister(self.close)
            try:
                self.portal.call(self.client.close())
            finally:
                self.portal.close()

    def _begin_to_close(self) -> bool:
        """Whether it was open until now; raises RuntimeError, and leaves it open, in a thread that cannot close it."""
        global _current
        with _lock:
            if self._open:
                self.portal.require_caller()
            if _current is self:
                _current = None
            was_open, self._open = self._open, False
        return was_open

    def forget_after_fork(self) -> bool:
        """Count as closed in a fork of the process, unless the session can be used there, too; gives whether it cannot."""
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
    """Make a server ready and connect this program to it.

    Args:
        port: The TCP port of a Java server on this machine, from 1 to 65535; giving one chooses the target ``java:``, which needs
            ``pip install 'pyxenon[java]'``. A Java server of this user that listens there is used, and goes on when the session
            ends; where nothing listens one is started, which ends with the session. Left out, no port is opened, unless *target* or
            another argument chooses the Java server, which then takes a free one: ``session.port`` says which.
        do_not_exit: Leave the server running when Python ends without closing the session; chooses ``java:`` as *port* does.
        disable_tls: Talk to the server without encryption, which lets any user of this machine, and any machine that reaches
            the port, use the server with your rights; chooses ``java:`` as *port* does.
        log_level: The least level that the logger ``xenon`` shows: DEBUG, INFO, WARNING, ERROR or CRITICAL.
        target: Which server to use, as ``embedded:``, ``java:``, ``grpcs://host:port``, ``grpc://localhost:port`` or ``unix:///path``.
            Left out, what the environment's ``XENON_TARGET`` says, and without that a server inside this program.

    Returns:
        The session, for a ``with`` statement; calling its ``__exit__(None, None, None)`` or ``close()`` ends it too. While a
        session is open, another call logs a warning and gives the same one, also when it names another target.

    Raises:
        TargetError: The target cannot be understood, or does not go with the other arguments.
        TypeError: The port is no number.
        ServerStartError: The server does not come up: there is no Java, or the jar cannot be had.
        ServerUnavailableError: Nothing answers where the target says that a server is running.
    """
    global _current
    _set_log_level(log_level)
    with _lock:
        if _current is not None:
            _warn_of_other(_current, target)
            _log.warning("xenon.init() was called while the session %s is open; that one is used. Its close() ends it", _current.target)
            return _current
        session = Session(_choose_target(target, port, do_not_exit, disable_tls))
        _current = session
    if not do_not_exit:
        atexit.register(session.close)
    return session


def _begin_anew_after_fork() -> None:
    """In the new process: the event loop's thread is not there, and whoever holds the lock may not be either."""
    global _current, _lock
    _lock = threading.RLock()
    if _current is not None and _current.forget_after_fork():
        _current = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew_after_fork)


def _warn_of_other(session: Session, target: str | None) -> None:
    if target is not None and target != session.target:
        _log.warning("the target %r is not used: close the session first, or make a xenon.Session for the other server", target)


def _port_of(endpoint: Endpoint) -> int | None:
    port = endpoint.address.rpartition(":")[2] if isinstance(endpoint, GrpcEndpoint) else ""
    return int(port) if port.isdigit() else None


def current_session() -> Session:
    """The open session; raises :class:`~pyxenon_core.errors.SessionError` when there is none."""
    if _current is None:
        raise SessionError("there is no session")
    return _current


def _choose_target(target: str | None, port: int | None, do_not_exit: bool, disable_tls: bool) -> str:
    """The target string; the arguments that only a Java server understands choose that server."""
    options = {"port": str(port) if port is not None else "", "linger": "yes" if do_not_exit else "", "tls": "off" if disable_tls else ""}
    given = {name: value for name, value in options.items() if value}
    if port is not None and (not isinstance(port, int) or isinstance(port, bool)):
        raise TypeError(f"port must be a number such as 50051, not {port!r}; a target is given as target={port!r}")
    if not given:
        return target or default_target()
    chosen = target or os.environ.get(TARGET_VARIABLE) or "java:"
    if chosen.partition(":")[0] in _WITHOUT_PORT:
        raise TargetError(chosen, "port, do_not_exit and disable_tls are for a Java server; leave them out, or choose target='java:'")
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
