"""Write files over SFTP with many requests in flight, on several channels if one is too slow for the line."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from pyxenon_core.errors import XenonError
from pyxenon_server.filesystems.sftp.connection import SftpConnection
from pyxenon_server.filesystems.sftp.errors import why_not_written
from pyxenon_server.filesystems.sftp.making import Made, make
from pyxenon_server.filesystems.sftp.messages import Open, SftpError
from pyxenon_server.filesystems.sftp.reading import in_flight_for
from pyxenon_server.filesystems.sftp.session import Block, SftpSession
from pyxenon_server.filesystems.sftp.sessions import MOST_SESSIONS, SftpSessions

__all__ = ["append_file", "blocks_of", "write_file"]

_log = logging.getLogger("xenon.server.sftp")

# The receive window of a channel, at least in OpenSSH. Twice that in flight keeps the server busy.
_CHANNEL = 2 << 20
_IN_FLIGHT = 2 * _CHANNEL
_LARGE = 2 * _CHANNEL
# For all files together that are written in one session; each of them may always have one block in flight.
_MOST_IN_SESSION = 4 * _CHANNEL


class Lane:
    """An open file in one session, with its write requests in flight. It owns the handle."""

    def __init__(self, session: SftpSession, handle: bytes) -> None:
        self.session = session
        self._in_flight = 0
        self._handle = handle
        self._requests: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._closed = False

    def write(self, offset: int, block: Block) -> None:
        """Send a request to write *block* at *offset*."""
        size, session = len(block), self.session
        request = session.write(self._handle, offset, block)
        session.written_ahead += size

        def written(_request: asyncio.Future[None]) -> None:
            session.written_ahead -= size

        request.add_done_callback(written)
        self._requests.append((size, request))
        self._in_flight += size

    def has_room(self, size: int) -> bool:
        """Return True if *size* more bytes may be in flight. Raises the error of an earlier request."""
        load = self.load()
        return not load or (load + size <= _IN_FLIGHT and self.session.written_ahead + size <= _MOST_IN_SESSION)

    def load(self) -> int:
        """Return the number of bytes in flight. Raises the error of an earlier request."""
        while self._requests and self._requests[0][1].done():
            size, request = self._requests.popleft()
            self._in_flight -= size
            request.result()
        return self._in_flight

    @property
    def oldest(self) -> asyncio.Future[None]:
        """The oldest request in flight."""
        return self._requests[0][1]

    async def settle(self, most: int = 0) -> None:
        """Wait until at most *most* bytes are in flight. Raises the error of an earlier request."""
        while self.load() > most:
            await self.oldest

    async def finish(self) -> None:
        """Wait until everything is written and the file is closed."""
        if not self.session.in_order:
            await self.settle()
        self._closed = True
        closing = self.session.close_handle(self._handle)
        await self.settle()
        await closing

    def abandon(self) -> None:
        """Close the file without waiting for anything."""
        for _size, request in self._requests:
            request.cancel()
        self._requests.clear()
        if not self._closed:
            self._closed = True
            self.session.release(self._handle)


class Lanes:
    """A file that is written in one session, or in several if it is large and the line is long.

    Args:
        sessions: The other sessions.
        made: The file.
        size: The expected number of bytes; 0 if unknown.
    """

    def __init__(self, sessions: SftpSessions, made: Made, size: int) -> None:
        self._sessions = sessions
        self._made = made
        self._is_large = size > _LARGE
        self._all = [Lane(made.session, made.handle)]
        self._others = range(1, min(MOST_SESSIONS, in_flight_for(made.round_trip) // _CHANNEL))
        self._borrowed: list[int] = []
        self._widening: list[asyncio.Task[None]] = []

    async def write(self, offset: int, block: Block) -> None:
        """Write *block* at *offset* on the lane with the lowest load, and wait until a lane has room."""
        if (self._is_large or offset > _LARGE) and not self._widening:
            self._widening = [asyncio.create_task(self._add(number)) for number in self._others]
        while not (free := [lane for lane in self._all if lane.has_room(len(block))]):
            await asyncio.wait([lane.oldest for lane in self._all], return_when=asyncio.FIRST_COMPLETED)
        min(free, key=Lane.load).write(offset, block)

    async def finish(self) -> None:
        """Wait until everything is written and the file is closed."""
        await self._stop_widening()
        await self._made.restrict()
        await asyncio.gather(*(lane.finish() for lane in self._all))
        self._give_back()

    async def abandon(self) -> None:
        """Close the file without waiting for requests in flight."""
        for lane in self._all:
            lane.abandon()
        try:
            await self._stop_widening()
        finally:
            for lane in self._all:
                lane.abandon()
            self._give_back()

    async def _add(self, number: int) -> None:
        """Add a lane; if that fails, the existing lanes must do."""
        try:
            session = await self._sessions.borrow(number)
            self._borrowed.append(number)
            self._all.append(Lane(session, await session.open(self._made.name, Open.WRITE)))
        except (SftpError, XenonError) as error:
            _log.info("writing a large file over fewer channels, because another one could not be opened: %s", error)

    async def _stop_widening(self) -> None:
        for task in self._widening:
            task.cancel()
        await asyncio.gather(*self._widening, return_exceptions=True)

    def _give_back(self) -> None:
        while self._borrowed:
            self._sessions.give_back(self._borrowed.pop())


async def write_file(
    connection: SftpConnection, path: bytes, data: AsyncIterator[bytes], block: int, *, replace: bool, size: int, permissions: int | None
) -> None:
    """Write *data* to the file *path* in requests of *block* bytes, as :meth:`FileSystem.write` does."""
    async with make(connection, path, replace, permissions) as made:
        lanes = Lanes(connection.sessions, made, size)
        try:
            await _pour(lanes.write, data, block)
            await lanes.finish()
        except SftpError as error:
            await lanes.abandon()
            raise await why_not_written(made.session, error, path, block) from error
        except BaseException:
            await lanes.abandon()
            raise


async def append_file(session: SftpSession, path: bytes, data: AsyncIterator[bytes], block: int) -> None:
    """Append *data* to the file *path* in requests of *block* bytes. Raises :class:`SftpError`, and errors of *data*."""
    lane = Lane(session, handle := await session.open(path, Open.WRITE | Open.APPEND))
    # The server appends each request in the order in which it processes them.
    most = _IN_FLIGHT if session.in_order else 0

    async def write(offset: int, piece: Block) -> None:
        lane.write(offset, piece)
        await lane.settle(most)

    try:
        await _pour(write, data, block, (await session.file_attributes(handle)).size or 0)
        await lane.finish()
    except BaseException:
        lane.abandon()
        raise


async def _pour(write: Callable[[int, Block], Awaitable[None]], data: AsyncIterator[bytes], block: int, offset: int = 0) -> None:
    async for item in blocks_of(data, block):
        await write(offset, item)
        offset += len(item)


async def blocks_of(data: AsyncIterator[bytes], size: int) -> AsyncIterator[Block]:
    """Yield *data* in blocks of *size* bytes; the last one may be shorter. Pieces that are large enough are not copied."""
    rest = bytearray()
    async for piece in data:
        view = memoryview(piece)
        if rest:
            taken = size - len(rest)
            rest += view[:taken]
            view = view[taken:]
            if len(rest) < size:
                continue
            yield rest
            rest = bytearray()
        whole = len(view) - len(view) % size
        for start in range(0, whole, size):
            yield view[start : start + size]
        rest += view[whole:]
    if rest:
        yield rest
