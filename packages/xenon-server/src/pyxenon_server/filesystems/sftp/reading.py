"""Read files and directories over SFTP, with many requests in flight."""

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
# For all files together that are read in one session; each of them may always have one block in flight.
_MOST_READ_AHEAD = 2 * MOST_IN_FLIGHT
# Requests for names in flight; each answer has about a hundred names.
_MOST_NAME_REQUESTS = 16


def in_flight_for(round_trip: float) -> int:
    """Return how many bytes in flight keep a line with a round trip of *round_trip* seconds busy, limited by the encryption of one CPU."""
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
        # Only an offset from the end has to wait for the size.
        size = (await looking).size or 0 if offset < 0 else 0
        reading.begin(*bounds(offset, length, size))
        reading.expect(await looking)
        while piece := await reading.next():
            yield piece
    finally:
        reading.stop()
        session.release(handle)


async def _open(session: SftpSession, path: bytes) -> bytes:
    """Open a file for reading. If the server refuses with an unspecific error, check whether *path* is a directory."""
    try:
        return await session.open(path, Open.READ)
    except SftpError as error:
        if error.code == Status.FAILURE:
            _require_file(await session.target_attributes(path))
        raise


def _require_file(attributes: Attributes) -> None:
    if attributes.mode is not None and stat.S_ISDIR(attributes.mode):
        raise InvalidPathException("it is a directory, not a file")


class _Reading:
    """The requests in flight for one file, in the order in which their data is returned."""

    def __init__(self, session: SftpSession, handle: bytes, block: int, in_flight: int) -> None:
        self._session = session
        self._handle = handle
        self._block = block
        self._most = max(1, in_flight // block)
        self._requests: deque[tuple[int, int, asyncio.Future[bytes]]] = deque()
        self._begin = self._asked = self._end = self._size = 0
        self._ended = False

    def begin(self, begin: int, end: int) -> None:
        """Request the first block of the range from *begin* to before *end*."""
        self._begin, self._asked, self._end = begin, begin, end
        if begin < end:
            self.ask()

    def expect(self, attributes: Attributes) -> None:
        """Record the file's size, which is only a hint: a file that turns out longer or shorter is read to its real end."""
        _require_file(attributes)
        self._size = attributes.size or 0

    def ask(self) -> None:
        """Request the next block."""
        length = min(self._block, self._end - self._asked)
        request = self._session.read(self._handle, self._asked, length)
        self._requests.append((self._asked, length, request))
        self._asked += length
        self._session.read_ahead += length

    async def next(self) -> bytes:
        """Return the next piece; empty at the end."""
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
        """Request as many blocks as may be in flight up to the file's expected end, and one block at a time beyond it."""
        while self._asked < self._end and (not self._requests or self._may_ask_ahead()):
            self.ask()

    def _may_ask_ahead(self) -> bool:
        return len(self._requests) < self._most and self._asked <= self._size and self._is_room()

    def _is_room(self) -> bool:
        return self._session.read_ahead + self._block <= _MOST_READ_AHEAD

    def _is_past_end(self, error: SftpError, offset: int) -> bool:
        """Return True if *error* means that *offset* is at or past the end; systems report offsets beyond the disk's limit differently."""
        is_out_of_range = error.code in (Status.BAD_MESSAGE, Status.FAILURE) and offset == self._begin > self._size
        return error.code == Status.EOF or is_out_of_range

    def _check_end(self, offset: int, length: int, count: int) -> None:
        """Handle a short answer: it is the end of the file, or the rest of the block is requested next."""
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
        """Cancel all requests."""
        for _offset, length, request in self._requests:
            self._session.read_ahead -= length
            request.cancel()
        self._requests.clear()


async def read_directory(session: SftpSession, path: bytes) -> AsyncGenerator[Sequence[Entry], None]:
    """Yield the entries of the directory *path* as they arrive, without ``.`` and ``..``. Raises :class:`SftpError`."""
    handle = await session.open_directory(path)
    requests: deque[asyncio.Future[list[Entry]]] = deque()
    # A server that handles requests concurrently might answer several from the same position in the directory.
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
    """Raise IOException for invalid names: a malicious server must not choose where a copy of the directory is written."""
    for entry in entries:
        if not entry.name or b"/" in entry.name or b"\0" in entry.name:
            raise IOException(f"the server's listing of {from_bytes(path)} contains an invalid name: {from_bytes(entry.name)!r}")


async def is_empty(session: SftpSession, path: bytes) -> bool:
    """Return True if the directory *path* is empty. Raises :class:`SftpError`."""
    async with contextlib.aclosing(read_directory(session, path)) as batches:
        async for _batch in batches:
            return False
    return True
