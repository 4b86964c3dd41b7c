"""SSH connections, shared: one for each host, user, credential and settings, with as many more as its sessions need."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from xenon_core.errors import InvalidLocationException, NotConnectedException
from xenon_core.messages import CredentialMap, DefaultCredential, UserCredential
from xenon_server.credentials import Credential, credential_for
from xenon_server.locations import SshLocation
from xenon_server.ssh.configuration import HostConfiguration, configure
from xenon_server.ssh.failures import Attempt, failure_of
from xenon_server.ssh.host_keys import SSH_PORT, HostKeyCheck
from xenon_server.ssh.logins import Login, identity_of
from xenon_server.ssh.settings import SshSettings

__all__ = ["SshConnections", "SshLink"]

_LOGGER = logging.getLogger("xenon.server.ssh")
T = TypeVar("T")
S = TypeVar("S", bound=asyncssh.SSHClientSession[bytes])
# OpenSSH's own limit is ten; the other two are left for whatever else the user does over a shared connection.
SESSIONS = 8
CONNECTIONS = 4
SECONDS_IDLE = 60
MOST_HOPS = 8


@dataclass(eq=False)
class _Line:
    """One connection, and how many of its sessions are taken."""

    connection: asyncssh.SSHClientConnection
    taken: int = 0
    idle: asyncio.TimerHandle | None = None


@dataclass
class _Wish:
    """What a route connects with. The credential is in no repr."""

    adaptor: str
    place: SshLocation
    credential: Credential = field(repr=False)
    settings: SshSettings = field(default_factory=SshSettings)


class _Route:
    """The connections to one place as one user. It is closed when nobody holds it any more."""

    def __init__(self, pool: SshConnections, key: object, wish: _Wish) -> None:
        self.key = key
        self.place = wish.place
        self.user = ""
        self.holders = 0
        self._pool = pool
        self._wish = wish
        self._lines: list[_Line] = []
        self._connecting: asyncio.Task[None] | None = None
        self._parent: _Route | None = None
        self._room: asyncio.Event = asyncio.Event()
        self._sessions = SESSIONS
        self._connections = CONNECTIONS
        self._closed = False

    async def line(self) -> _Line:
        """A connection that is alive, made now where there is none; raises the error that says why there can be none."""
        while not (alive := self._alive()):
            await self._connect()
        return alive[0]

    async def take(self) -> _Line:
        """A connection with a free session, which is taken; waits for one when all are in use."""
        while True:
            alive = self._alive()
            for line in alive:
                if line.taken < self._sessions:
                    self._use(line)
                    return line
            if len(alive) < self._connections:
                await self._connect_more(bool(alive))
            else:
                self._room.clear()
                await self._room.wait()

    def give_back(self, line: _Line) -> None:
        """Free a session."""
        line.taken -= 1
        self._room.set()
        if not line.taken and line in self._lines[1:]:
            line.idle = asyncio.get_running_loop().call_later(SECONDS_IDLE, line.connection.close)

    def limit(self, line: _Line) -> bool:
        """The host allowed no other session on *line*: take fewer from now on. Gives False when it allows none at all."""
        if line.taken <= 1:
            return False
        self._sessions = min(self._sessions, line.taken - 1)
        _LOGGER.info("%s allows %d sessions on a connection", self.place.target, self._sessions)
        return True

    async def close(self) -> None:
        """End all connections."""
        self._closed = True
        self._room.set()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        lines, self._lines = self._lines, []
        for line in lines:
            if line.idle is not None:
                line.idle.cancel()
            line.connection.close()
        await asyncio.gather(*(line.connection.wait_closed() for line in lines))
        parent, self._parent = self._parent, None
        if parent is not None:
            await self._pool.release(parent)

    def _alive(self) -> list[_Line]:
        if self._closed:
            raise NotConnectedException(f"the connection to {self.place.target} was closed", adaptor=self._wish.adaptor)
        return [line for line in self._lines if not line.connection.is_closed()]

    def _use(self, line: _Line) -> None:
        line.taken += 1
        if line.idle is not None:
            line.idle.cancel()
            line.idle = None

    async def _connect_more(self, optional: bool) -> None:
        """Make another connection. Where there is one, the host may refuse: its sessions have to do then."""
        try:
            await self._connect()
        except Exception as error:
            if not optional or not self._alive():
                raise
            _LOGGER.info("%s allows no more connections: %s", self.place.target, error)
            self._connections = max(1, len(self._alive()))

    async def _connect(self) -> None:
        """Make a connection, together with all others who want one at this moment."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._add_line())
            self._connecting.add_done_callback(self._connected)
        await asyncio.shield(self._connecting)

    def _connected(self, task: asyncio.Task[None]) -> None:
        self._connecting = None
        if not task.cancelled():
            # Whoever waited has been told; there may be nobody left.
            task.exception()

    async def _add_line(self) -> None:
        wish, target = self._wish, self.place.target
        single = credential_for(wish.credential, target.host, target.port or SSH_PORT)
        configuration = await configure(wish.adaptor, self._pool.home, wish.settings, target, single.username)
        identity = await identity_of(wish.adaptor, self._pool.home, wish.settings, configuration, single)
        check = HostKeyCheck(wish.settings.strict_host_key_checking, configuration.known_hosts_files)
        login = Login(identity, check, self._room.set)
        over = await self._over(configuration)
        attempt = Attempt(
            wish.adaptor, target, configuration, identity, check, login, wish.settings.timeout, over.place.target if over else None
        )
        tunnel = (await over.line()).connection if over else None
        connection = await self._attempt(attempt, tunnel)
        self.user = configuration.user
        self._lines = [*self._alive(), _Line(connection)]
        self._room.set()

    async def _attempt(self, attempt: Attempt, tunnel: asyncssh.SSHClientConnection | None) -> asyncssh.SSHClientConnection:
        configuration = attempt.configuration
        forward = configuration.agent if self._wish.settings.agent_forwarding else ()
        try:
            return await asyncssh.connect(
                self.place.target.host,
                config=None,
                options=configuration.options,
                tunnel=tunnel,
                known_hosts=attempt.check.trusted,
                client_factory=lambda: attempt.login,
                agent_forwarding=forward,
                **configuration.ciphers,
            )
        except (OSError, asyncssh.Error, asyncio.TimeoutError) as error:
            raise failure_of(attempt, error) from error.with_traceback(None)

    async def _over(self, configuration: HostConfiguration) -> _Route | None:
        """The route to the host that is hopped over last, held until this one is closed."""
        if self._parent is None:
            wish = self._last_hop(configuration)
            if wish is not None:
                self._parent = self._pool.hold(wish)
        return self._parent

    def _last_hop(self, configuration: HostConfiguration) -> _Wish | None:
        wish, via = self._wish, self.place.via
        if via:
            return replace(wish, place=SshLocation(via[-1], via=via[:-1]))
        jumps = configuration.jumps
        if not jumps or jumps[-1].place == configuration.address:
            return None
        places = tuple(jump.place for jump in jumps)
        given = wish.credential if isinstance(wish.credential, CredentialMap) else CredentialMap()
        users = {str(jump.place): UserCredential(default_credential=DefaultCredential(username=jump.user)) for jump in jumps}
        fallback = CredentialMap(entries={**users, **given.entries})
        return replace(wish, place=SshLocation(places[-1], via=places[:-1]), credential=fallback)


class SshConnections:
    """The SSH connections of one server, on its event loop.

    Args:
        home: The folder in which ``.ssh`` is looked for.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._routes: dict[object, _Route] = {}
        self._salt = secrets.token_bytes(32)

    async def open(self, adaptor: str, place: SshLocation, credential: Credential, settings: SshSettings) -> SshLink:
        """Connect to *place*, or share the connection that there is.

        Raises NotConnectedException for a host that is not reached or whose key is not trusted, InvalidCredentialException and
        CredentialNotFoundException for a user who is not let in, CertificateNotFoundException, InvalidPropertyException.
        """
        route = self.hold(_Wish(adaptor, place, credential, settings))
        del credential
        try:
            await route.line()
        except BaseException:
            await self.release(route)
            raise
        return SshLink(self, route, adaptor, place)

    async def close(self) -> None:
        """End all connections, also those that are in use."""
        routes = list(self._routes.values())
        self._routes.clear()
        await asyncio.gather(*(route.close() for route in routes))

    def hold(self, wish: _Wish) -> _Route:
        """The route for *wish*, to be released; for the use of this module."""
        key = self._key(wish)
        route = self._routes.get(key)
        if route is None:
            if len(wish.place.via) > MOST_HOPS:
                raise InvalidLocationException(f"there are more than {MOST_HOPS} hosts to hop over", adaptor=wish.adaptor)
            route = self._routes[key] = _Route(self, key, wish)
        route.holders += 1
        return route

    async def release(self, route: _Route) -> None:
        """Hold *route* no longer."""
        route.holders -= 1
        if not route.holders:
            if self._routes.get(route.key) is route:
                del self._routes[route.key]
            await route.close()

    def _key(self, wish: _Wish) -> object:
        secret = hmac.new(self._salt, bytes(wish.credential), hashlib.sha256).digest()
        return wish.place.target, wish.place.via, type(wish.credential), secret, wish.settings


class SshLink:
    """A share in the connections to one place.

    Attributes:
        place: Where it leads.
        user: Who is logged in there.
    """

    def __init__(self, connections: SshConnections, route: _Route, adaptor: str, place: SshLocation) -> None:
        self.place = place
        self._connections = connections
        self._route = route
        self._adaptor = adaptor
        self._releasing: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def user(self) -> str:
        """Who is logged in."""
        return self._route.user

    async def process(self, command: str | None, **options: Any) -> asyncssh.SSHClientProcess[bytes]:
        """Start *command*, or the login shell for None; its streams carry bytes. It takes a session until its channel is closed.

        Raises NotConnectedException when it cannot have begun.
        """

        async def start(connection: asyncssh.SSHClientConnection) -> asyncssh.SSHClientProcess[bytes]:
            process: asyncssh.SSHClientProcess[bytes] = await connection.create_process(command, encoding=None, **options)
            return process

        return await self._session(start, lambda process: process.wait_closed())

    async def subsystem(self, name: str, session: Callable[[], S], *, window: int, packet: int) -> S:
        """A channel to the subsystem *name*, handled by what *session* makes; it takes a session until its channel is closed.

        *window* and *packet* are the bytes that the host may send unasked, and at once. Raises NotConnectedException.
        """

        async def start(connection: asyncssh.SSHClientConnection) -> tuple[asyncssh.SSHClientChannel[bytes], S]:
            return await connection.create_session(  # type: ignore[return-value]  # typed for text, whatever the encoding
                session,
                subsystem=name,
                encoding=None,
                window=window,
                max_pktsize=packet,
            )

        _channel, made = await self._session(start, lambda opened: opened[0].wait_closed())
        return made

    async def sftp(self) -> asyncssh.SFTPClient:
        """A client for files, to be ended with its ``exit``. It takes a session until then. Raises NotConnectedException."""
        return await self._session(lambda connection: connection.start_sftp_client(), lambda client: client.wait_closed())

    async def close(self) -> None:
        """Give up the share; the connections end with the last one."""
        if not self._closed:
            self._closed = True
            await self._connections.release(self._route)

    async def _session(self, start: Callable[[asyncssh.SSHClientConnection], Awaitable[T]], ended: Callable[[T], Awaitable[None]]) -> T:
        """What *start* makes of a connection with a free session, which is freed when *ended* has waited."""
        if self._closed:
            raise NotConnectedException("the link was closed", adaptor=self._adaptor)
        for _ in range(SESSIONS + 2):
            line = await self._route.take()
            try:
                session = await start(line.connection)
            except asyncssh.ChannelOpenError as error:
                refused = error
                again = line.connection.is_closed() or self._route.limit(line)
                self._route.give_back(line)
                if not again:
                    break
            except (OSError, asyncssh.Error) as lost:
                refused = lost
                self._route.give_back(line)
                if not line.connection.is_closed():
                    break
            except BaseException:
                self._route.give_back(line)
                raise
            else:
                self._free_afterwards(line, ended(session))
                return session
        reason = f"{self.place.target} opened no session: {refused}"
        raise NotConnectedException(reason, adaptor=self._adaptor) from refused.with_traceback(None)

    def _free_afterwards(self, line: _Line, ended: Awaitable[None]) -> None:
        async def wait() -> None:
            try:
                with contextlib.suppress(OSError, asyncssh.Error):
                    await ended
            finally:
                self._route.give_back(line)

        task = asyncio.create_task(wait())
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)
