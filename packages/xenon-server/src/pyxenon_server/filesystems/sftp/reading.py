"""Reading over SFTP with many requests under way: the content of a file in order, and the names in a directory."""

from __future__ import annotations

import asyncio
import contextlib
import stat
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence

from pyxenon_core.errors import InvalidPathException, IOException
from pyxenon_server.filesystems.common.names import from_bytes
from pyxenon_server.filesystems.sftp.messages import Attributes, Entry, Open, SftpError, Status
from pyxenon_server.filesystems.sftp.session import MOST_IN_FLIGHT, SftpSession

__all__ = ["in_flight_for", "is_empty", "read_directory", "read_file"]

_LEAST_IN_FLIGHT = 2 << 20
_BYTES_A_SECOND = 200 << 20
# Of all files together that are read in one session; each of them may have one block under way in any case.
_MOST_READ_AHEAD = 2 * MOST_IN_FLIGHT
# Of requests for names; each is answered with about a hundred.
_MOST_NAME_REQUESTS = 16


def in_flight_for(round_trip: float) -> int:
    """Bytes that keep a line busy whose round trip takes *round_trip* seconds, as far as one processor can encrypt them."""
    return max(_LEAST_IN_FLIGHT, min(MOST_IN_FLIGHT, int(round_trip * _BYTES_A_SECOND)))


async def read_file(session: SftpSession, path: bytes, block: int) -> AsyncGenerator[bytes, None]:
    """The content of *path* in pieces of at most *block* bytes.

    Raises :class:`SftpError`, ConnectionLostException, and InvalidPathException for a directory.
    """
    began = time.monotonic()
    handle = await session.open(path, Open.READ)
    reading = _Reading(session, handle, block, in_flight_for(time.monotonic() - began))
    try:
        attributes = session.file_attributes(handle)
        reading.ask()
        reading.expect(await attributes)
        while piece := await reading.next():
            yield piece
    finally:
        reading.stop()
        session.release(handle)


class _Reading:
    """The requests for one file that are under way, the first of which is the next to be handed out."""

    def __init__(self, session: SftpSession, handle: bytes, block: int, in_flight: int) -> None:
        self._session = session
        self._handle = handle
        self._block = block
        self._most = max(1, in_flight // block)
        self._requests: deque[tuple[int, int, asyncio.Future[bytes]]] = deque()
        self._asked = 0
        self._size = 0
        self._ended = False

    def expect(self, attributes: Attributes) -> None:
        """Take note of how large the file is. Where it is longer or shorter in the end, that is noticed."""
        if attributes.mode is not None and stat.S_ISDIR(attributes.mode):
            raise InvalidPathException("it is a directory, and a file is needed")
        self._size = attributes.size or 0

    def ask(self) -> None:
        """Ask for the next block."""
        request = self._session.read(self._handle, self._asked, self._block)
        self._requests.append((self._asked, self._block, request))
        self._asked += self._block
        self._session.read_ahead += self._block

    async def next(self) -> bytes:
        """The next piece; empty at the end."""
        while not self._ended:
            self._ask_ahead()
            offset, length, request = self._requests.popleft()
            self._session.read_ahead -= length
            try:
                piece = await request
            except SftpError as error:
                if error.code != Status.EOF:
                    raise
                break
            self._check_end(offset, length, len(piece))
            if piece:
                return piece
        self._ended = True
        return b""

    def _ask_ahead(self) -> None:
        """Ask for as much as may be under way, up to where the file should end; beyond that for one block at a time."""
        while not self._requests or (len(self._requests) < self._most and self._asked <= self._size and self._is_room()):
            self.ask()

    def _is_room(self) -> bool:
        return self._session.read_ahead + self._block <= _MOST_READ_AHEAD

    def _check_end(self, offset: int, length: int, count: int) -> None:
        """After an answer that is short: it was the end, or the rest of the block is asked for before anything else."""
        end = offset + count
        if count == length:
            return
        if self._size and end == self._size:
            self._ended = True
            return
        request = self._session.read(self._handle, end, length - count)
        self._requests.appendleft((end, length - count, request))
        self._session.read_ahead += length - count

    def stop(self) -> None:
        """Want no more."""
        for _offset, length, request in self._requests:
            self._session.read_ahead -= length
            request.cancel()
        self._requests.clear()


async def read_directory(session: SftpSession, path: bytes) -> AsyncGenerator[Sequence[Entry], None]:
    """The names in the directory *path* as they come, ``.`` and ``..`` left out; raises :class:`SftpError`."""
    handle = await session.open_directory(path)
    requests: deque[asyncio.Future[list[Entry]]] = deque()
    # A server that works on several at once might answer them from the same place of the directory.
    most = 2 if session.in_order else 1
    try:
        while True:
            while len(requests) < most:
                requests.append(session.read_directory(handle))
            entries = await requests.popleft()
            if found := [entry for entry in entries if entry.name not in (b".", b"..")]:
                _require_names(found, path)
                yield found
            most = min(2 * most, _MOST_NAME_REQUESTS) if session.in_order else 1
    except SftpError as error:
        if error.code != Status.EOF:
            raise
    finally:
        for request in requests:
            request.cancel()
        session.release(handle)


def _require_names(entries: Sequence[Entry], path: bytes) -> None:
    """Raise IOException for what is no name: a server must not choose where in a copy of the directory a file is written."""
    for entry in entries:
        if not entry.name or b"/" in entry.name or b"\0" in entry.name:
            raise IOException(f"the server lists a name that leads out of {from_bytes(path)}: {from_bytes(entry.name)!r}")


async def is_empty(session: SftpSession, path: bytes) -> bool:
    """Whether nothing is in the directory *path*; raises :class:`SftpError`."""
    async with contextlib.aclosing(read_directory(session, path)) as batches:
        async for _batch in batches:
            return False
    return True
