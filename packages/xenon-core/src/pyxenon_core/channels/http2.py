"""Read what a server streams (file contents and listings) over HTTP/2, without grpcio.

xenon-grpc sends a whole file as one message. grpcio delivers a message once it is complete, after copying it twice: reading a file takes
three times its size in memory. Over HTTP/2 itself the bytes of that message are passed on as they arrive, with HTTP/2 flow control as
back-pressure, so that a reader needs a few MiB for a file of any size. The small messages of a listing avoid grpcio's thread switch for
each of them.

:class:`Exchange` is the protocol without I/O, over the library h2; the two ``Streams`` transport its bytes, in the calling thread or on an
event loop, over connections that are kept for the next call.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from pyxenon_core.channels.calls import gone
from pyxenon_core.channels.framing import FrameReader
from pyxenon_core.channels.tls import client_context
from pyxenon_core.errors import ProtocolError, ServerUnavailableError, Status, XenonError, describe, from_status
from pyxenon_core.release import or_missing
from pyxenon_core.rpc import Rpc
from pyxenon_core.targets import GrpcEndpoint

__all__ = ["AsyncStreams", "BlockingStreams"]

Request = TypeVar("Request")

# How much may be in flight to a busy reader: enough to keep a fast connection full, little enough to keep in memory.
WINDOW_BYTES = 4 << 20
READ_BYTES = 256 << 10
IDLE_CONNECTIONS = 4
# Python raises a UnicodeError for an impossible host name; an SSLError is an OSError.
_BROKEN = (OSError, UnicodeError, h2.exceptions.ProtocolError)
_STATUSES = {str(status.value): status for status in Status}


class Connection:
    """The HTTP/2 state of one connection, which carries one exchange at a time."""

    def __init__(self, endpoint: GrpcEndpoint) -> None:
        configuration = h2.config.H2Configuration(client_side=True, header_encoding=None)
        self._h2 = h2.connection.H2Connection(configuration)
        codes = h2.settings.SettingCodes
        settings = {codes.ENABLE_PUSH: 0, codes.INITIAL_WINDOW_SIZE: WINDOW_BYTES, codes.MAX_CONCURRENT_STREAMS: 0}
        self._h2.local_settings = h2.settings.Settings(client=True, initial_values=settings)
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(WINDOW_BYTES)
        self._authority = "localhost" if endpoint.address.startswith("unix:") else endpoint.address
        self._scheme = "https" if endpoint.tls else "http"

    def outgoing(self) -> bytes:
        """Return the bytes to send now."""
        return bytes(self._h2.data_to_send())

    def begin(self, rpc: Rpc[Any, Any], request: object, frames: FrameReader) -> Exchange:
        """Start a call; :meth:`outgoing` then returns its bytes."""
        message = rpc.encode_request(request)
        stream = self._h2.get_next_available_stream_id()
        self._h2.send_headers(stream, self._headers(rpc.path))
        self._h2.send_data(stream, b"\0" + len(message).to_bytes(4, "big") + message, end_stream=True)
        return Exchange(self._h2, stream, frames)

    def _headers(self, path: str) -> list[tuple[str, str]]:
        return [
            (":method", "POST"),
            (":scheme", self._scheme),
            (":path", path),
            (":authority", self._authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "pyxenon"),
        ]


class Exchange:
    """One call on a connection: takes bytes from the server, returns pieces of its answer."""

    def __init__(self, connection: h2.connection.H2Connection, stream: int, frames: FrameReader) -> None:
        self._h2 = connection
        self._stream = stream
        self._frames = frames
        self._trailers: dict[str, str] = {}
        self._unacknowledged = 0
        self.ended = False
        self.reusable = False

    def receive(self, data: bytes) -> list[bytes]:
        """Add *data* from the server and return the pieces of the answer in it."""
        pieces: list[bytes] = []
        for event in self._h2.receive_data(data):
            if isinstance(event, h2.events.DataReceived) and event.stream_id == self._stream:
                pieces += self._frames.feed(event.data or b"")
                self._unacknowledged += event.flow_controlled_length or 0
            elif isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                self._trailers.update((_text(name), _text(value)) for name, value in event.headers or ())
            elif isinstance(event, h2.events.StreamEnded):
                self.ended = self.reusable = True
            elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                if not self.ended:
                    raise ServerUnavailableError(f"the server aborted the transfer (HTTP/2 error {event.error_code!s})")
                self.reusable = False
        if self.reusable:
            self._give_back()
        return pieces

    def acknowledge(self) -> None:
        """Let the server send more, because the reader has taken what arrived."""
        if not self.ended and self._unacknowledged >= WINDOW_BYTES // 4:
            self._h2.increment_flow_control_window(self._unacknowledged, self._stream)
            self._give_back()

    def _give_back(self) -> None:
        """Reopen the connection's window by what arrived; at the end by all of it, because the window outlives this exchange."""
        if self._unacknowledged:
            self._h2.increment_flow_control_window(self._unacknowledged)
            self._unacknowledged = 0

    def finish(self) -> None:
        """Raise the exception for the final status, unless the call succeeded."""
        if self._trailers.get(":status", "200") != "200":
            raise ProtocolError(f"the server answered with HTTP status {self._trailers[':status']}")
        status = _STATUSES.get(self._trailers.get("grpc-status", ""), Status.UNKNOWN)
        if status is not Status.OK:
            raise from_status(status, unquote(self._trailers.get("grpc-message", "")))
        self._frames.finish()


def _text(header: str | bytes) -> str:
    return header if isinstance(header, str) else header.decode("utf-8", "replace")


def _failure(error: Exception, endpoint: GrpcEndpoint, rpc: Rpc[Any, Any], request: object) -> XenonError:
    if isinstance(error, XenonError):
        return describe(or_missing(error, rpc, endpoint.release), rpc.name, request)
    reason = ". ".join(text for text in ("the connection to the server broke", endpoint.diagnose(), str(error)) if text)
    return describe(ServerUnavailableError(reason), rpc.name, request)


class BlockingStreams:
    """Reads in the calling thread. Safe to use from several threads: each read has a connection of its own."""

    def __init__(self, endpoint: GrpcEndpoint) -> None:
        self._endpoint = endpoint
        self._idle: list[tuple[socket.socket, Connection]] = []
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._open = True

    def read(self, rpc: Rpc[Request, Any], request: Request, frames: FrameReader) -> Iterator[bytes]:
        """Yield what *frames* reads from the answer to *rpc*; raises :class:`~pyxenon_core.errors.XenonError`."""
        if not self._open:
            raise gone(rpc, request)
        try:
            line, connection, exchange = self._begin(rpc, request, frames)
        except _BROKEN as error:
            raise _failure(error, self._endpoint, rpc, request) from error
        try:
            yield from self._pieces(line, connection, exchange)
            exchange.finish()
        except (*_BROKEN, XenonError) as error:
            raise _failure(error, self._endpoint, rpc, request) from error
        finally:
            self._put_away(line, connection, reusable=exchange.reusable)

    def close(self) -> None:
        """Close the idle connections; those in use are closed when their readers are done."""
        with self._lock:
            self._open = False
            idle, self._idle = self._idle, []
        for line, _ in idle:
            line.close()

    def _begin(self, rpc: Rpc[Request, Any], request: Request, frames: FrameReader) -> tuple[socket.socket, Connection, Exchange]:
        """Start a call on a kept connection, or on a new one if there is none or it has broken since."""
        with self._lock:
            if self._process != os.getpid():
                # After a fork the kept connections belong to the parent: two processes on one connection would break it for both.
                self._process, self._idle = os.getpid(), []
            kept = self._idle.pop() if self._idle else None
        if kept is not None and not _is_stale(kept[0]):
            line, connection = kept
        else:
            line, connection = self._connect(), Connection(self._endpoint)
        try:
            exchange = connection.begin(rpc, request, frames)
            line.sendall(connection.outgoing())
        except BaseException:
            line.close()
            raise
        return line, connection, exchange

    def _pieces(self, line: socket.socket, connection: Connection, exchange: Exchange) -> Iterator[bytes]:
        while not exchange.ended:
            data = line.recv(READ_BYTES)
            if not data:
                raise ConnectionError("the server closed the connection in the middle of its answer")
            yield from exchange.receive(data)
            exchange.acknowledge()
            if outgoing := connection.outgoing():
                line.sendall(outgoing)

    def _connect(self) -> socket.socket:
        host, port = _host_and_port(self._endpoint)
        if port is None:
            return _connect_unix(host)
        context = client_context(self._endpoint.tls) if self._endpoint.tls else None
        line = socket.create_connection((host, port))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is None or self._endpoint.tls is None:
            return line
        with line:  # wrap_socket takes over the descriptor, unless it fails first
            return context.wrap_socket(line, server_hostname=self._endpoint.tls.server_name or host)

    def _put_away(self, line: socket.socket, connection: Connection, reusable: bool) -> None:
        with self._lock:
            if reusable and self._open and len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append((line, connection))
                return
        line.close()


class AsyncStreams:
    """Reads on an event loop."""

    def __init__(self, endpoint: GrpcEndpoint) -> None:
        self._endpoint = endpoint
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter, Connection]] = []
        self._open = True

    async def read(self, rpc: Rpc[Request, Any], request: Request, frames: FrameReader) -> AsyncIterator[bytes]:
        """Yield what *frames* reads from the answer to *rpc*; raises :class:`~pyxenon_core.errors.XenonError`."""
        if not self._open:
            raise gone(rpc, request)
        try:
            reader, writer, connection = await self._connection()
        except _BROKEN as error:
            raise _failure(error, self._endpoint, rpc, request) from error
        exchange: Exchange | None = None
        try:
            exchange = connection.begin(rpc, request, frames)
            while not exchange.ended:
                writer.write(connection.outgoing())
                await writer.drain()
                data = await reader.read(READ_BYTES)
                if not data:
                    raise ConnectionError("the server closed the connection in the middle of its answer")
                for piece in exchange.receive(data):
                    yield piece
                exchange.acknowledge()
            exchange.finish()
        except (*_BROKEN, XenonError) as error:
            raise _failure(error, self._endpoint, rpc, request) from error
        finally:
            self._put_away(reader, writer, connection, reusable=exchange is not None and exchange.reusable)

    async def close(self) -> None:
        """Close the idle connections; those in use are closed when their readers are done."""
        self._open = False
        while self._idle:
            writer = self._idle.pop()[1]
            # Abort instead of closing: TLS would wait 30 seconds for a close notification that gRPC servers do not send.
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Connection]:
        while self._idle:
            reader, writer, connection = self._idle.pop()
            if not writer.is_closing() and await _is_silent(reader):
                return reader, writer, connection
            writer.close()
        return (*await self._connect(), Connection(self._endpoint))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = _host_and_port(self._endpoint)
        if port is None:
            return await asyncio.open_unix_connection(host, limit=READ_BYTES)
        if self._endpoint.tls is None:
            return await asyncio.open_connection(host, port, limit=READ_BYTES)
        context = client_context(self._endpoint.tls)
        name = self._endpoint.tls.server_name or host
        return await asyncio.open_connection(host, port, limit=READ_BYTES, ssl=context, server_hostname=name)

    def _put_away(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection, reusable: bool) -> None:
        if reusable and self._open and len(self._idle) < IDLE_CONNECTIONS:
            self._idle.append((reader, writer, connection))
        else:
            writer.close()


def _host_and_port(endpoint: GrpcEndpoint) -> tuple[str, int | None]:
    if endpoint.address.startswith("unix:"):
        return endpoint.address.removeprefix("unix:").removeprefix("//"), None
    host, _, port = endpoint.address.rpartition(":")
    return host.strip("[]"), int(port)


def _connect_unix(path: str) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.connect(path)
    except BaseException:
        line.close()
        raise
    return line


async def _is_silent(reader: asyncio.StreamReader) -> bool:
    """Return True if a kept connection is still usable: the server has neither closed it nor sent anything on it."""
    glance = asyncio.ensure_future(reader.read(1))
    await asyncio.sleep(0)
    silent = not glance.done()
    glance.cancel()
    await asyncio.gather(glance, return_exceptions=True)
    return silent


def _is_stale(line: socket.socket) -> bool:
    """Return True if the server has closed an idle connection or sent something on it; the connection is then closed here too."""
    line.setblocking(False)
    try:
        line.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        line.setblocking(True)
        return False
    except OSError:
        pass  # a broken connection is stale too
    line.close()
    return True
