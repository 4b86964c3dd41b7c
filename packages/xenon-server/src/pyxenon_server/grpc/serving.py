"""Serve Xenon's services over gRPC, on a port with mutual TLS or on a Unix socket.

:class:`GrpcServer` serves any :class:`~pyxenon_core.services.Servicers`, together with gRPC's health service and, if the extra
``reflection`` is installed, its reflection service; :func:`serve` runs one until a signal stops it.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Protocol

import grpc
import grpc.aio

from pyxenon_core.errors import ServerStartError
from pyxenon_core.services import RPCS, Servicers
from pyxenon_server._generated.descriptor import FILES
from pyxenon_server.grpc import health
from pyxenon_server.grpc.handlers import Calls, handlers_of
from pyxenon_server.grpc.keys import ServerKeys
from pyxenon_server.grpc.sockets import Port, UnixSocket

__all__ = ["GrpcServer", "Listening", "Serving", "serve"]

SERVICES = tuple(dict.fromkeys(path.split("/")[1] for path in RPCS))
SECONDS_OF_GRACE = 5.0
# Wrappers such as timeout or make often pass on a signal that the command has received itself: such an echo is not a second signal.
SECONDS_OF_ECHO = 1.0
SECONDS_TO_TIDY = 10.0
SECONDS_TO_CLOSE = 20.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Otherwise two servers could share a port, and each would get some of the calls.
    ("grpc.so_reuseport", 0),
    # A client that waits for a job sends nothing for hours, and may ping the server to check the connection.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)

_log = logging.getLogger("xenon.server")


class Serving(Protocol):
    """The services to serve, and a way to close them."""

    @property
    def servicers(self) -> Servicers:
        """The servicers that answer the calls."""
        ...

    async def close(self) -> None:
        """End copies and jobs, and close what clients left open."""
        ...


@dataclass(frozen=True)
class Listening:
    """Where to listen.

    Attributes:
        port: The TCP port, or None.
        keys: The keys for mutual TLS on the port; None for no TLS.
        socket: The Unix socket, or None.
    """

    port: Port | None = None
    keys: ServerKeys | None = None
    socket: UnixSocket | None = None


class GrpcServer:
    """Xenon's services over gRPC. Create, start and stop it in one event loop.

    Attributes:
        places: The ports and sockets on which it listens, once it is started.
    """

    def __init__(self, servicers: Servicers) -> None:
        self.places: list[Port | UnixSocket] = []
        self._server = grpc.aio.server(options=_OPTIONS)
        self._calls = Calls()
        self._health = health.Health(SERVICES)
        self._server.add_generic_rpc_handlers((*handlers_of(servicers, self._calls), self._health.handler(), *_reflection_handlers()))
        self._socket_file: tuple[UnixSocket, tuple[int, int]] | None = None

    async def start(self, listening: Listening) -> None:
        """Listen, and return once connections are accepted; raises :class:`~pyxenon_core.errors.ServerStartError`."""
        try:
            if listening.port is not None:
                self.places.append(listening.port.open(self._opener(listening.keys)))
            if listening.socket is not None:
                listening.socket.open(self._server.add_insecure_port)
                self._socket_file = listening.socket, listening.socket.identity()
                self.places.append(listening.socket)
            await self._begin()
            for place in self.places:
                await _connect(place)
        except BaseException:
            await self._begin()  # gRPC closes only sockets that it has begun to serve
            await self.stop(0)
            self.places.clear()
            raise

    async def stop(self, grace: float) -> None:
        """Accept no more calls, cancel running ones after *grace* seconds, and remove the socket. Stopping twice is allowed."""
        self._health.stop()
        await self._server.stop(grace)
        if not await self._calls.ended(SECONDS_TO_TIDY):
            _log.warning("cancelled calls have not ended within %g seconds; stopping without them", SECONDS_TO_TIDY)
        self.remove_socket()

    def remove_socket(self) -> None:
        """Remove the Unix socket, so that clients do not try to connect to a server that has stopped."""
        if self._socket_file is not None:
            place, identity = self._socket_file
            place.remove(identity)

    async def _begin(self) -> None:
        """Begin to serve, shielded: if grpcio is cancelled half-way it fails and leaves its sockets open."""
        await asyncio.shield(asyncio.ensure_future(self._server.start()))

    def _opener(self, keys: ServerKeys | None) -> Callable[[str], int]:
        if keys is None:
            return self._server.add_insecure_port
        credentials = keys.credentials()
        return lambda address: self._server.add_secure_port(address, credentials)


def _reflection_handlers() -> tuple[grpc.GenericRpcHandler, ...]:
    """Return the handlers of gRPC's reflection; none without the extra, or if the installed protobuf does not fit it."""
    try:
        from pyxenon_server.grpc.reflection import Reflection
    except Exception as error:  # noqa: BLE001 - protobuf raises several kinds of errors for a release that does not fit
        _log.info("reflection is not served; run pip install 'pyxenon-server[reflection]' to add it (%s)", error)
        return ()
    return Reflection((*SERVICES, health.SERVICE), FILES).handlers()


async def _connect(place: Port | UnixSocket) -> None:
    try:
        await asyncio.to_thread(place.connect)
    except OSError as error:
        raise ServerStartError(f"the server listens on {place}, but connecting to it failed: {error}") from error


async def serve(
    open_services: Callable[[], Awaitable[Serving]],
    listening: Listening,
    announce: Callable[[Sequence[Port | UnixSocket]], None],
    grace: float = SECONDS_OF_GRACE,
) -> None:
    """Serve until a signal arrives; running calls then get *grace* seconds, and the services are closed.

    *announce* is called once, with the ports and sockets that accept connections. A second signal ends the process at once. Call it from
    the main thread, the only one that can handle signals. Raises :class:`~pyxenon_core.errors.ServerStartError`.
    """
    services = await open_services()
    try:
        await _serve_until_signalled(GrpcServer(services.servicers), listening, announce, grace)
    finally:
        await _close(services)


async def _serve_until_signalled(
    server: GrpcServer, listening: Listening, announce: Callable[[Sequence[Port | UnixSocket]], None], grace: float
) -> None:
    stop_signal = _StopSignal(server.remove_socket)
    try:
        await server.start(listening)
        try:
            announce(server.places)
            _log.info("%s: stopping; running calls have %g seconds", await stop_signal.asked(), grace)
        finally:
            await server.stop(grace)
    finally:
        stop_signal.forget()


async def _close(services: Serving) -> None:
    try:
        await asyncio.wait_for(services.close(), SECONDS_TO_CLOSE)
    except TimeoutError:
        _log.warning("what clients left open could not be closed within %g seconds; giving up", SECONDS_TO_CLOSE)


class _StopSignal:
    """Waits for the signal to stop. A second one that is not an echo of the first ends the process, after *last_words* is called.

    The handlers stay in place after the event loop has ended, so that an echo does not kill a process that is exiting normally.
    """

    def __init__(self, last_words: Callable[[], None]) -> None:
        self._last_words = last_words
        self._loop = asyncio.get_running_loop()
        self._asked: asyncio.Future[str] = self._loop.create_future()
        self._first: float | None = None
        ignored = {number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_IGN}  # as nohup sets it
        self._before = {number: signal.signal(number, self._take) for number in _SIGNALS if number not in ignored}

    async def asked(self) -> str:
        """Wait for the first signal, and return its name."""
        return await self._asked

    def forget(self) -> None:
        """Restore the previous signal handlers, unless a signal has arrived."""
        if self._first is None:
            for number, handler in self._before.items():
                signal.signal(number, handler or signal.SIG_DFL)

    def _take(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = now
            atexit.register(_ignore_signals)
            self._loop.call_soon_threadsafe(self._asked.set_result, signal.Signals(number).name)
        elif now - self._first >= SECONDS_OF_ECHO:
            self._last_words()
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)


def _ignore_signals() -> None:
    """Ignore signals in the last milliseconds of the process: Python restores the default handlers, which kill, when it exits."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
