"""Pools of SSH connections to one place as one user: they grow with the number of sessions and replace dead connections."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import hmac
import logging
import secrets
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from pyxenon_core.errors import InvalidLocationException, NotConnectedException, XenonError
from pyxenon_server.ssh.configuration import HostConfiguration
from pyxenon_server.ssh.connecting import Destination, connect, last_hop, resolve

__all__ = ["CONNECTIONS", "SESSIONS", "Connection", "Route", "Routes"]

_LOGGER = logging.getLogger("xenon.server.ssh")
# Sessions on a connection; OpenSSH's default limit is ten.
SESSIONS = 8
CONNECTIONS = 4
SECONDS_IDLE = 60


@dataclass(eq=False)
class Connection:
    """One connection, and the number of its sessions in use."""

    client: asyncssh.SSHClientConnection
    taken: int = 0
    idle: asyncio.TimerHandle | None = None

    @property
    def alive(self) -> bool:
        """True while the connection is open."""
        return not self.client.is_closed()

    def stay(self) -> None:
        """Cancel the idle timer."""
        if self.idle is not None:
            self.idle.cancel()
            self.idle = None


class Route:
    """The connections to one destination. It is closed when its last holder releases it.

    Attributes:
        key: Its key in the table of routes.
        destination: The destination of its connections.
        user: The user logged in; empty before the first connection.
        holders: The number of holders.
    """

    def __init__(self, routes: Routes, key: object, destination: Destination) -> None:
        self.key = key
        self.destination = destination
        self.user = ""
        self.holders = 0
        self._routes = routes
        self._open: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._connecting: asyncio.Task[None] | None = None
        self._parent: Route | None = None
        self._sessions = SESSIONS
        self._connections = CONNECTIONS
        self._closed = False

    async def connection(self) -> Connection:
        """Return an open connection, and connect if there is none. Raises the error that explains why connecting failed."""
        while not (alive := self._alive()):
            await self._connect()
        return alive[0]

    async def take(self) -> Connection:
        """Reserve a session and return its connection, which must be given back. If all are in use, waiters are served in order."""
        while True:
            alive = self._alive()
            free = next((connection for connection in alive if connection.taken < self._sessions), None)
            if free is not None:
                free.stay()
                free.taken += 1
                return free
            if len(alive) < self._connections:
                await self._connect_another(bool(alive))
            elif (given := await self._wait_for_one()) is not None:
                return given

    def give_back(self, connection: Connection) -> None:
        """Free a session, and pass it to the first waiter."""
        connection.taken -= 1
        self._serve(connection)

    def limit(self, connection: Connection) -> bool:
        """Lower the session limit, because the host refused another session on *connection*. Returns False if it allows none at all."""
        if connection.taken <= 1:
            return False
        self._sessions = min(self._sessions, connection.taken - 1)
        _LOGGER.info("%s allows only %d sessions on a connection", self.destination.place.target, self._sessions)
        return True

    async def close(self) -> None:
        """Close all connections."""
        self._closed = True
        self._wake()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        connections, self._open = self._open, []
        for connection in connections:
            connection.stay()
            connection.client.close()
        await asyncio.gather(*(connection.client.wait_closed() for connection in connections))
        parent, self._parent = self._parent, None
        if parent is not None:
            await self._routes.release(parent)

    def _retire(self, connection: Connection) -> None:
        """Close an idle connection, unless it has become the first one."""
        if not self._closed and not connection.taken and connection in self._alive()[1:]:
            connection.client.close()

    def _alive(self) -> list[Connection]:
        if self._closed:
            raise self._closed_error()
        self._open = [connection for connection in self._open if connection.alive]
        return self._open

    def _closed_error(self) -> NotConnectedException:
        return NotConnectedException(f"the connection to {self.destination.place.target} was closed", adaptor=self.destination.adaptor)

    async def _wait_for_one(self) -> Connection | None:
        """Wait for a session that is given back; return None to search again, because a connection has died."""
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            connection = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and (unwanted := waiter.result()) is not None:
                self.give_back(unwanted)
            raise
        if connection is not None and not connection.alive:
            connection.taken -= 1
            return None
        return connection

    def _serve(self, connection: Connection) -> None:
        """Pass free sessions of *connection* to waiters. Start the idle timer if it is then unused, unless it is the first connection."""
        while self._waiting and connection.alive and connection.taken < self._sessions:
            waiter = self._waiting.popleft()
            if not waiter.done():
                connection.taken += 1
                waiter.set_result(connection)
        if not connection.taken and connection.alive and connection in self._open[1:]:
            connection.stay()
            connection.idle = asyncio.get_running_loop().call_later(SECONDS_IDLE, self._retire, connection)

    def _wake(self) -> None:
        """Make all waiters search again."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)

    async def _connect_another(self, optional: bool) -> None:
        """Add a connection. If there already is one (*optional*), a failure only limits the number of connections."""
        try:
            await self._connect()
        except XenonError as error:
            if not optional or not self._alive():
                raise
            _LOGGER.info("%s does not allow another connection: %s", self.destination.place.target, error)
            self._connections = len(self._alive())

    async def _connect(self) -> None:
        """Add a connection; concurrent callers share the same attempt."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._add_connection())
            self._connecting.add_done_callback(self._connected)
        connecting, failure = self._connecting, None
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            if connecting.cancelled() and self._closed:
                raise self._closed_error() from None
            raise
        except XenonError as error:
            failure = error
        if failure is not None:
            # Each waiter raises its own copy, because callers add details to the error. The traceback is dropped, because its frames
            # hold the credential.
            raise copy.copy(failure.with_traceback(None)) from failure.__cause__

    def _connected(self, task: asyncio.Task[None]) -> None:
        self._connecting = None
        if not task.cancelled():
            task.exception()  # Mark the exception as retrieved: all waiters may have been cancelled.

    async def _add_connection(self) -> None:
        configuration = await resolve(self._routes.home, self.destination)
        parent = self._over(configuration)
        over = (parent.destination.place, (await parent.connection()).client) if parent else None
        client = await connect(self._routes.home, self.destination, configuration, over, self._wake)
        if self._closed:
            client.abort()
            raise self._closed_error()
        if not self._alive():
            self._sessions, self._connections = SESSIONS, CONNECTIONS
        self.user = configuration.user
        connection = Connection(client)
        self._open.append(connection)
        self._serve(connection)

    def _over(self, configuration: HostConfiguration) -> Route | None:
        """Return the route to the last jump host, held until this route is closed; None without a jump host."""
        if self._parent is None and (hop := last_hop(self.destination, configuration)) is not None:
            self._parent = self._routes.hold(hop)
        return self._parent


class Routes:
    """All routes of one server, by destination.

    Args:
        home: The directory that contains ``.ssh``.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._routes: dict[object, Route] = {}
        self._salt = secrets.token_bytes(32)

    def hold(self, destination: Destination) -> Route:
        """Return the route to *destination*, which the caller must release. Raises InvalidLocationException if jump hosts form a loop."""
        if destination.place.target in destination.beyond:
            hosts = " via ".join(str(place) for place in (*destination.beyond, destination.place.target))
            hint = "Remove the loop from the jump hosts in the location or from ProxyJump in the SSH configuration"
            raise InvalidLocationException(f"the jump hosts form a loop: {hosts}", adaptor=destination.adaptor, hint=hint)
        key = self._key(destination)
        route = self._routes.get(key)
        if route is None:
            route = self._routes[key] = Route(self, key, destination)
        route.holders += 1
        return route

    async def release(self, route: Route) -> None:
        """Release *route*; the last holder closes it."""
        route.holders -= 1
        if not route.holders:
            if self._routes.get(route.key) is route:
                del self._routes[route.key]
            await route.close()

    async def close(self) -> None:
        """Close all routes, including those in use."""
        while self._routes:
            _, route = self._routes.popitem()
            await route.close()

    def _key(self, destination: Destination) -> object:
        """Return a key that is equal for the same hosts, credential and settings, and does not reveal the credential."""
        secret = hmac.digest(self._salt, bytes(destination.credential), hashlib.sha256)
        return destination.place.target, destination.place.via, type(destination.credential), secret, destination.settings
