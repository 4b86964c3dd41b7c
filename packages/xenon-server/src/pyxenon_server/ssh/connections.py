"""Shared SSH connections: one for each host, user, credential and settings, and more if its sessions need them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import asyncssh

from pyxenon_core.errors import NotConnectedException, XenonError
from pyxenon_server.adaptors.credentials import Credential
from pyxenon_server.adaptors.locations import SshLocation
from pyxenon_server.ssh.connecting import Destination
from pyxenon_server.ssh.routes import SESSIONS, Connection, Route, Routes
from pyxenon_server.ssh.settings import SshSettings

__all__ = ["SshConnections", "SshLink"]

_PAUSES = (0.02, 0.05, 0.1)
_MORE_PAUSES = (0.2, 0.4, 0.8, 1.6)
_LAST_CODE = 4  # RFC 4254, section 5.1, defines four reasons for a failed channel open; asyncssh uses higher codes for later failures
T = TypeVar("T")
S = TypeVar("S", bound=asyncssh.SSHClientSession[bytes])


@dataclass(eq=False)
class _Session(Generic[T]):
    """A user of one session on a connection: the object handed to the caller, and how to end it and wait for its end."""

    value: T
    end: Callable[[], None]
    ended: Callable[[], Awaitable[None]]


_Start = Callable[[asyncssh.SSHClientConnection], Coroutine[Any, Any, _Session[T]]]


class SshConnections:
    """The SSH connections of one server, on its event loop.

    Args:
        home: The directory that contains ``.ssh``.
    """

    def __init__(self, home: Path) -> None:
        self._routes = Routes(home)

    async def open(self, adaptor: str, place: SshLocation, credential: Credential, settings: SshSettings) -> SshLink:
        """Connect to *place*, or share an existing connection.

        Raises NotConnectedException if the host is unreachable or its key is not trusted, InvalidCredentialException and
        CredentialNotFoundException if the login fails, CertificateNotFoundException and InvalidPropertyException.
        """
        route = self._routes.hold(Destination(adaptor, place, credential, settings))
        del credential
        try:
            await route.connection()
        except BaseException as error:
            await self._routes.release(route)
            if isinstance(error, XenonError):
                error.adaptor = adaptor
            raise
        return SshLink(self._routes, route, adaptor, place)

    async def close(self) -> None:
        """Close all connections, including those in use."""
        await self._routes.close()


class SshLink:
    """A reference to the shared connections to one place. Created by :meth:`SshConnections.open`.

    Attributes:
        place: The place that it connects to.
    """

    def __init__(self, routes: Routes, route: Route, adaptor: str, place: SshLocation) -> None:
        self.place = place
        self._routes = routes
        self._route = route
        self._adaptor = adaptor
        self._sessions: dict[asyncio.Task[None], _Session[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def user(self) -> str:
        """The user logged in on the host."""
        return self._route.user

    @property
    def shared(self) -> object:
        """A key that is the same for all links to the same place with the same credential and settings, and for no other link."""
        return self._route

    async def process(self, command: str | None, **options: Any) -> asyncssh.SSHClientProcess[bytes]:
        """Start *command*, or the login shell for None, with binary streams. It occupies a session until its channel is closed.

        *options* are those of asyncssh's ``create_process``. Raises NotConnectedException, or the error that explains why the connection
        was lost and cannot be replaced; in either case the command has not started.
        """

        async def start(connection: asyncssh.SSHClientConnection) -> _Session[asyncssh.SSHClientProcess[bytes]]:
            process: asyncssh.SSHClientProcess[bytes] = await connection.create_process(command, encoding=None, **options)
            return _Session(process, process.close, process.wait_closed)

        return await self._session(start)

    async def subsystem(self, name: str, session: Callable[[], S], *, window: int, packet: int) -> S:
        """Open a channel to the subsystem *name*, handled by a new *session*. It occupies a session until its channel is closed.

        *window* and *packet* are the sizes in bytes of the channel's receive window and of its largest packet. Raises the same errors as
        :meth:`process`.
        """

        async def start(connection: asyncssh.SSHClientConnection) -> _Session[S]:
            channel, made = await connection.create_session(
                session,
                subsystem=name,
                encoding=None,
                window=window,
                max_pktsize=packet,
            )
            return _Session(cast(S, made), channel.close, channel.wait_closed)

        return await self._session(start)

    async def sftp(self) -> asyncssh.SFTPClient:
        """Open an SFTP client, which occupies a session until its ``exit`` is called. Raises the same errors as :meth:`process`."""

        async def start(connection: asyncssh.SSHClientConnection) -> _Session[asyncssh.SFTPClient]:
            client = await connection.start_sftp_client()
            return _Session(client, client.exit, client.wait_closed)

        return await self._session(start)

    async def close(self) -> None:
        """End everything started through this link and release the connections, which are closed with their last link."""
        if self._closed:
            return
        self._closed = True
        for session in self._sessions.values():
            session.end()
        await self._routes.release(self._route)

    async def _session(self, start: _Start[T]) -> T:
        """Call *start* with a connection that has a free session, and return the session's value.

        A dead connection is replaced; if the host refuses a session, fewer sessions are opened on each connection from now on.
        """
        refused: OSError | asyncssh.Error | None = None
        for _ in range(SESSIONS + 2):
            if self._closed:
                break
            connection = await self._take()
            try:
                return await self._start_on(connection, start)
            except (OSError, asyncssh.Error) as error:
                refused = error
                again = not connection.alive or (_is_refusal(error) and self._route.limit(connection))
                self._route.give_back(connection)
                if not again:
                    break
        reason = f"{self.place.target} did not open a session: {refused}" if refused else f"the link to {self.place.target} was closed"
        cause = refused.with_traceback(None) if refused else None
        raise NotConnectedException(reason, adaptor=self._adaptor) from cause

    async def _take(self) -> Connection:
        try:
            return await self._route.take()
        except XenonError as error:
            error.adaptor = self._adaptor
            raise

    async def _start_on(self, connection: Connection, start: _Start[T]) -> T:
        starting = asyncio.create_task(_start_patiently(connection, start))
        try:
            session = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The host will still answer the request: the session that it opens must be closed, and counts until then.
            self._background(self._abandon(connection, starting))
            raise
        self._sessions[self._background(self._free_afterwards(connection, session))] = session
        return session.value

    async def _abandon(self, connection: Connection, starting: asyncio.Task[_Session[T]]) -> None:
        try:
            with contextlib.suppress(OSError, asyncssh.Error):
                session = await starting
                session.end()
                await session.ended()
        finally:
            self._route.give_back(connection)

    async def _free_afterwards(self, connection: Connection, session: _Session[T]) -> None:
        try:
            with contextlib.suppress(OSError, asyncssh.Error):
                await session.ended()
        finally:
            self._route.give_back(connection)

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._sessions.pop(task, None)


async def _start_patiently(connection: Connection, start: _Start[T]) -> _Session[T]:
    """Call *start*, and retry if the host refuses a session: it may still count a session for a moment after reporting its end.

    How long that takes depends on the host. If other sessions are in use, give up early and limit their number instead; if none is,
    the host either never opens a session or is busy, and only a longer wait distinguishes the two.
    """
    for pause in (*_PAUSES, *_MORE_PAUSES):
        try:
            return await _started(connection, start)
        except asyncssh.ChannelOpenError as error:
            if not connection.alive or not _is_refusal(error) or (connection.taken > 1 and pause in _MORE_PAUSES):
                raise
            await asyncio.sleep(pause)
    return await _started(connection, start)


async def _started(connection: Connection, start: _Start[T]) -> _Session[T]:
    try:
        return await start(connection.client)
    except AttributeError as error:
        if connection.alive:
            raise
        # asyncssh uses a channel that is gone if the connection ends while the host's answer arrives.
        raise asyncssh.ConnectionLost("the connection ended while the session was being opened") from error


def _is_refusal(error: Exception) -> bool:
    """Return True if the host refused to open a session; False if it opened one but refused the command or subsystem in it."""
    return isinstance(error, asyncssh.ChannelOpenError) and error.code <= _LAST_CODE
