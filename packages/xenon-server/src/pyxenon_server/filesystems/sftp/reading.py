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
from pyxenon_server.filesystems.common.ranges import bounds
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


async def read_file(
    session: SftpSession, path: bytes, block: int, offset: int = 0, length: int | None = None
) -> AsyncGenerator[bytes, None]:
    """Read a range of the file *path*, as :meth:`FileSystem.read` does, in pieces of at most *block* bytes.

    Raises :class:`SftpError`, ConnectionLostException, and InvalidPathException for a directory.
    """
    began = time.monotonic()
    handle = await _open(session, path)
    reading = _Reading(session, handle, block, in_flight_for(time.monotonic() - began))
    try:
        looking = session.file_attributes(handle)
        # Only what is counted from the end has to wait for the size.
        size = (await looking).size or 0 if offset < 0 else 0
        reading.begin(*bounds(offset, length, size))
        reading.expect(await looking)
        while piece := await reading.next():
            yield piece
    finally:
        reading.stop()
        session.release(handle)


async def _open(session: SftpSession, path: bytes) -> bytes:
    """Open a file for reading. Some servers refuse to open a directory, with a word that tells nothing."""
    try:
        return await session.open(path, Open.READ)
    except SftpError as error:
        if error.code == Status.FAILURE:
            _require_file(await session.target_attributes(path))
        raise


def _require_file(attributes: Attributes) -> None:
    if attributes.mode is not None and stat.S_ISDIR(attributes.mode):
        raise InvalidPathException("it is a directory, and a file is needed")


class _Reading:
    """The requests for one file that are under way, the first of which is the next to be handed out."""

    def __init__(self, session: SftpSession, handle: bytes, block: int, in_flight: int) -> None:
        self._session = session
        self._handle = handle
        self._block = block
        self._most = max(1, in_flight // block)
        self._requests: deque[tuple[int, int, asyncio.Future[bytes]]] = deque()
        self._begin = self._asked = self._end = self._size = 0
        self._ended = False

    def begin(self, begin: int, end: int) -> None:
        """Ask for the first block of what is from *begin* to before *end*."""
        self._begin, self._asked, self._end = begin, begin, end
        if begin < end:
            self.ask()

    def expect(self, attributes: Attributes) -> None:
        """Take note of how large the file is. Where it is longer or shorter in the end, that is noticed."""
        _require_file(attributes)
        self._size = attributes.size or 0

    def ask(self) -> None:
        """Ask for the next block."""
        length = min(self._block, self._end - self._asked)
        request = self._session.read(self._handle, self._asked, length)
        self._requests.append((self._asked, length, request))
        self._asked += length
        self._session.read_ahead += length

    async def next(self) -> bytes:
        """The next piece; empty at the end."""
        while not self._ended:
            self._ask_ahead()
            if not self._requests:
                break
            offset, length, request = self._requests.popleft()
            self._session.read_ahead -= length
            try:
                piece = await request
            except SftpError as error:
                if not self._is_past_end(error, offset):
                    raise
                break
            self._check_end(offset, length, len(piece))
            if piece:
                return piece
        self._ended = True
        return b""

    def _ask_ahead(self) -> None:
        """Ask for as much as may be under way, up to where the file should end; beyond that for one block at a time."""
        while self._asked < self._end and (not self._requests or self._may_ask_ahead()):
            self.ask()

    def _may_ask_ahead(self) -> bool:
        return len(self._requests) < self._most and self._asked <= self._size and self._is_room()

    def _is_room(self) -> bool:
        return self._session.read_ahead + self._block <= _MOST_READ_AHEAD

    def _is_past_end(self, error: SftpError, offset: int) -> bool:
        """Return True if *error* says that nothing is at *offset*: the system has another word where no file of the disk is that long."""
        is_out_of_range = error.code in (Status.BAD_MESSAGE, Status.FAILURE) and offset == self._begin > self._size
        return error.code == Status.EOF or is_out_of_range

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
