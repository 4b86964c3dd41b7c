"""An SFTP session: a channel of an SSH connection, on which requests are sent without waiting for the answers to earlier ones."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import Iterable
from typing import Any

import asyncssh
from typing_extensions import override

from pyxenon_core.errors import ConnectionLostException, InvalidLocationException, IOException
from pyxenon_server.filesystems.sftp.messages import (
    VERSION,
    Answer,
    Attributes,
    Entry,
    Kind,
    MalformedAnswer,
    SftpError,
    Space,
    mode_only,
    numbers,
    parse_answer,
    parse_limits,
    parse_name_lists,
    parse_space,
    parse_version,
    string,
)

__all__ = ["MOST_IN_FLIGHT", "PACKET", "Block", "SftpSession"]

Block = bytes | bytearray | memoryview

MOST_IN_FLIGHT = 16 << 20
"""The limit for bytes of answers in flight: what one channel carries in 50 ms at 320 MB/s."""

PACKET = 128 << 10
# For servers that do not report their limit; OpenSSH's own client uses the same size for them.
_USUAL_BLOCK = 32 << 10
_LARGEST_BLOCK = 255 << 10
_LARGEST_ANSWER = 4 << 20
_SENT_AT_ONCE = 256 << 10
_ENDING = 5.0
# These servers expect the arguments of a symbolic link in the wrong order, for compatibility with their own earlier versions.
_TARGET_BEFORE_LINK = (b"OpenSSH", b"paramiko")
_LENGTH = 4
_HEAD = 5
_SHORTEST_ANSWER = 5
_HINT = "The next call connects again"
_head = struct.Struct(">IBI")
_number = struct.Struct(">I")
_long = struct.Struct(">Q")
_range = struct.Struct(">QQ")
_place = struct.Struct(">QI")


class SftpSession(asyncssh.SSHClientSession[bytes]):
    """An SFTP client on a new channel, whose session object it is. Call :meth:`start` first.

    Requests made in one iteration of the event loop are sent together, in order. Methods raise :class:`SftpError` if the server refuses a
    request, and ConnectionLostException if the channel or its connection is lost.

    Attributes:
        extensions: The server's extensions of the protocol, by name.
        read_block: The largest number of bytes that one request reads.
        write_block: The largest number of bytes that one request writes.
        round_trip: Seconds that a trivial request took.
        read_ahead: Bytes of files requested and not yet taken, by all users of the session together, who limit it.
        written_ahead: Bytes of files in flight to the server, by all users of the session together, who limit it.
    """

    def __init__(self) -> None:
        self.extensions: dict[bytes, bytes] = {}
        self.read_block = self.write_block = _USUAL_BLOCK
        self.round_trip = 0.0
        self.read_ahead = self.written_ahead = 0
        self._loop = asyncio.get_running_loop()
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._waiting: dict[int, tuple[asyncio.Future[Any], int]] = {}
        self._greeting: asyncio.Future[bytes] = self._loop.create_future()
        self._received = bytearray()
        self._outgoing: list[Block] = []
        self._outgoing_size = 0
        self._last_request = 0
        self._lost = ""
        self._ended = asyncio.Event()

    # --- the channel -------------------------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """True while requests can be made."""
        return not self._lost and self._channel is not None

    @property
    def in_order(self) -> bool:
        """True if the server is known to process requests one at a time, in the order in which they arrive."""
        return b"OpenSSH" in self._server

    @override
    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan

    @override
    def data_received(self, data: bytes, datatype: int | None) -> None:
        if datatype is not None:
            return  # the server's standard error is not part of the protocol
        self._received += data
        try:
            self._take_messages()
        except MalformedAnswer as error:
            self._give_up(f"the server's answers are not valid SFTP: {error}")

    @override
    def eof_received(self) -> bool:
        self._give_up("the server ended the SFTP session")
        return False

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()
        self._give_up(f"the connection was lost: {exc}" if exc else "the connection was closed")

    async def start(self) -> None:
        """Exchange versions with the server and query its limits. Raises InvalidLocationException if it does not speak SFTP."""
        self._require_channel().write(_head.pack(_HEAD, Kind.INIT, VERSION))
        try:
            self.extensions = parse_version(await self._greeting)
        except MalformedAnswer as error:
            self._give_up(str(error))
            raise InvalidLocationException(f"the server's subsystem sftp does not speak SFTP: {error}") from error
        began = time.monotonic()
        await self._learn_limits()
        self.round_trip = time.monotonic() - began

    def end(self) -> None:
        """End the session without waiting for it to close. Pending requests fail with a ConnectionLostException."""
        self._give_up("the SFTP session was closed here")
        if self._channel is not None:
            self._channel.close()

    async def close(self) -> None:
        """End the session and wait until it is closed."""
        self.end()
        if self._channel is not None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _ENDING)

    async def _learn_limits(self) -> None:
        """Query the maximum size of requests; if the server does not report it, send another request to measure the round trip."""
        if b"limits@openssh.com" not in self.extensions:
            with contextlib.suppress(SftpError):
                await self.real_path(b".")
            return
        most_read, most_written = parse_limits(await self._extended(b"limits@openssh.com", b"", expect=Kind.EXTENDED_REPLY))
        self.read_block = min(most_read, _LARGEST_BLOCK) or _USUAL_BLOCK
        self.write_block = min(most_written, _LARGEST_BLOCK) or _USUAL_BLOCK

    @property
    def _server(self) -> bytes:
        version = self._channel.get_extra_info("server_version", "") if self._channel is not None else ""
        return version.encode() if isinstance(version, str) else bytes(version)

    def _require_channel(self) -> asyncssh.SSHClientChannel[bytes]:
        if self._lost:
            raise ConnectionLostException(self._lost, hint=_HINT)
        if self._channel is None:
            raise ConnectionLostException("the SFTP session has no channel")
        return self._channel

    def _give_up(self, reason: str) -> None:
        """Mark the session as lost, and fail all pending requests."""
        self._lost = reason = self._lost or reason
        waiting, self._waiting = self._waiting, {}
        for future in (self._greeting, *(future for future, _expect in waiting.values())):
            if not future.done():
                _fail(future, ConnectionLostException(reason, hint=_HINT))
        self._outgoing.clear()
        self._received.clear()

    # --- answers -----------------------------------------------------------------------------------------------------------------------

    def _take_messages(self) -> None:
        """Process all complete messages that have been received."""
        received, at = self._received, 0
        while len(received) - at >= _LENGTH:
            start = at + _LENGTH
            end = start + int.from_bytes(received[at:start], "big")
            if not _SHORTEST_ANSWER <= end - start <= _LARGEST_ANSWER:
                raise MalformedAnswer(f"invalid message length of {end - start} bytes")
            if end > len(received):
                break
            self._take(received, start, end)
            at = end
        del received[:at]

    def _take(self, received: bytearray, start: int, end: int) -> None:
        with memoryview(received)[start:end] as message:
            body = bytes(message)
        if body[0] == Kind.VERSION and not self._greeting.done():
            self._greeting.set_result(body[1:])
            return
        answer = parse_answer(body)
        waiting = self._waiting.pop(answer.request, None)
        if waiting is None:
            raise MalformedAnswer(f"unexpected answer to request {answer.request}, which was never sent")
        _settle(*waiting, answer)
        if answer.kind == Kind.HANDLE and waiting[0].cancelled():
            self.release(answer.value)  # the caller was cancelled

    # --- requests ----------------------------------------------------------------------------------------------------------------------

    def request(self, kind: int, payload: bytes, data: Block = b"", *, expect: int = Kind.STATUS) -> asyncio.Future[Any]:
        """Send a request of *payload* followed by *data*; return the value of the answer, which must be of the kind *expect*."""
        self._require_channel()
        number = self._last_request = (self._last_request + 1) & 0xFFFFFFFF
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting[number] = future, expect
        if not self._outgoing:
            self._loop.call_soon(self._loop.call_soon, self._send)
        size = len(payload) + len(data)
        self._outgoing += (_head.pack(size + _HEAD, kind, number), payload, data)
        self._outgoing_size += size
        if self._outgoing_size >= _SENT_AT_ONCE:
            self._send()
        return future

    def _send(self) -> None:
        """Write all queued requests."""
        outgoing, self._outgoing, self._outgoing_size = self._outgoing, [], 0
        if not outgoing or self._lost or self._channel is None:
            return
        try:
            self._channel.write(b"".join(outgoing))
        except OSError as error:
            self._give_up(f"the connection was lost: {error}")

    def _extended(self, name: bytes, payload: bytes, *, expect: int = Kind.STATUS) -> asyncio.Future[Any]:
        return self.request(Kind.EXTENDED, string(name) + payload, expect=expect)

    # --- open files --------------------------------------------------------------------------------------------------------------------

    def open(self, path: bytes, flags: int, mode: int | None = None) -> asyncio.Future[bytes]:
        """Open a file and return its handle; *mode* applies if the file is created. If cancelled, nothing stays open."""
        return self.request(Kind.OPEN, string(path) + _number.pack(flags) + mode_only(mode), expect=Kind.HANDLE)

    def close_handle(self, handle: bytes) -> asyncio.Future[None]:
        """Close a handle; this may report an earlier failed write."""
        return self.request(Kind.CLOSE, string(handle))

    def release(self, handle: bytes) -> None:
        """Close a handle without waiting for the answer."""
        with contextlib.suppress(ConnectionLostException):
            self.close_handle(handle)

    def read(self, handle: bytes, offset: int, length: int) -> asyncio.Future[bytes]:
        """Read up to *length* bytes from *offset*. At the end of the file, raises :class:`SftpError` with Status.EOF."""
        return self.request(Kind.READ, string(handle) + _place.pack(offset, length), expect=Kind.DATA)

    def write(self, handle: bytes, offset: int, data: Block) -> asyncio.Future[None]:
        """Write *data*, at most :attr:`write_block` bytes, at *offset*. Do not modify *data* until it is written."""
        return self.request(Kind.WRITE, string(handle) + _place.pack(offset, len(data)), data)

    def file_attributes(self, handle: bytes) -> asyncio.Future[Attributes]:
        """Return the attributes of an open file."""
        return self.request(Kind.FSTAT, string(handle), expect=Kind.ATTRS)

    def set_file_mode(self, handle: bytes, mode: int) -> asyncio.Future[None]:
        """Set the permissions of an open file."""
        return self.request(Kind.FSETSTAT, string(handle) + mode_only(mode))

    def copy_data(self, source: bytes, offset: int, length: int, target: bytes) -> asyncio.Future[None]:
        """Copy *length* bytes from *offset* in one open file to the same offset in another (copy-data)."""
        return self._extended(b"copy-data", string(source) + _range.pack(offset, length) + string(target) + _long.pack(offset))

    def open_directory(self, path: bytes) -> asyncio.Future[bytes]:
        """Open a directory and return its handle. If cancelled, nothing stays open."""
        return self.request(Kind.OPENDIR, string(path), expect=Kind.HANDLE)

    def read_directory(self, handle: bytes) -> asyncio.Future[list[Entry]]:
        """Return the next entries of a directory. Raises :class:`SftpError` with Status.EOF if there are no more."""
        return self.request(Kind.READDIR, string(handle), expect=Kind.NAME)

    # --- paths -------------------------------------------------------------------------------------------------------------------------

    def attributes(self, path: bytes) -> asyncio.Future[Attributes]:
        """Return the attributes of *path*; links are not followed."""
        return self.request(Kind.LSTAT, string(path), expect=Kind.ATTRS)

    def target_attributes(self, path: bytes) -> asyncio.Future[Attributes]:
        """Return the attributes of *path*; links are followed."""
        return self.request(Kind.STAT, string(path), expect=Kind.ATTRS)

    def set_mode(self, path: bytes, mode: int) -> asyncio.Future[None]:
        """Set the permissions of *path*; links are followed."""
        return self.request(Kind.SETSTAT, string(path) + mode_only(mode))

    def remove(self, path: bytes) -> asyncio.Future[None]:
        """Delete a file or link, but not a directory."""
        return self.request(Kind.REMOVE, string(path))

    def make_directory(self, path: bytes) -> asyncio.Future[None]:
        """Create a directory."""
        return self.request(Kind.MKDIR, string(path) + mode_only(None))

    def remove_directory(self, path: bytes) -> asyncio.Future[None]:
        """Delete an empty directory."""
        return self.request(Kind.RMDIR, string(path))

    def rename(self, source: bytes, target: bytes) -> asyncio.Future[None]:
        """Rename *source* to *target*; according to the protocol, the server refuses if *target* exists."""
        return self.request(Kind.RENAME, string(source) + string(target))

    def rename_over(self, source: bytes, target: bytes) -> asyncio.Future[None]:
        """Rename *source* to *target*, replacing an existing *target* atomically (posix-rename@openssh.com)."""
        return self._extended(b"posix-rename@openssh.com", string(source) + string(target))

    def link(self, source: bytes, target: bytes) -> asyncio.Future[None]:
        """Create a hard link; the server refuses if *target* exists (hardlink@openssh.com)."""
        return self._extended(b"hardlink@openssh.com", string(source) + string(target))

    def make_link(self, link: bytes, target: bytes) -> asyncio.Future[None]:
        """Create a symbolic link that points to the text *target*."""
        backwards = any(name in self._server for name in _TARGET_BEFORE_LINK)
        first, second = (target, link) if backwards else (link, target)
        return self.request(Kind.SYMLINK, string(first) + string(second))

    async def read_link(self, path: bytes) -> bytes:
        """Return the text that a link points to."""
        return _only(await self.request(Kind.READLINK, string(path), expect=Kind.NAME)).name

    async def real_path(self, path: bytes) -> bytes:
        """Return the absolute form of *path*, with links and dots resolved."""
        return _only(await self.request(Kind.REALPATH, string(path), expect=Kind.NAME)).name

    async def space(self, path: bytes) -> Space | None:
        """Return the free space of the file system that *path* is on; None if the server does not report it."""
        if b"statvfs@openssh.com" not in self.extensions:
            return None
        return parse_space(await self._extended(b"statvfs@openssh.com", string(path), expect=Kind.EXTENDED_REPLY))

    async def names_of(self, users: Iterable[int], groups: Iterable[int]) -> tuple[list[bytes], list[bytes]] | None:
        """Return the names of users and groups, empty for unknown ids; None if the server does not support this."""
        if b"users-groups-by-id@openssh.com" not in self.extensions:
            return None
        payload = numbers(list(users)) + numbers(list(groups))
        return parse_name_lists(await self._extended(b"users-groups-by-id@openssh.com", payload, expect=Kind.EXTENDED_REPLY))


def _settle(future: asyncio.Future[Any], expect: int, answer: Answer) -> None:
    if future.done():
        return
    if isinstance(answer.value, SftpError):
        _fail(future, answer.value)
    elif answer.kind == expect:
        future.set_result(answer.value)
    else:
        _fail(future, IOException(f"the server answered with a message of type {answer.kind} instead of {expect}"))


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    """Make *future* raise *error*, and mark the error as retrieved in case nobody awaits it."""
    future.set_exception(error)
    future.exception()


def _only(entries: list[Entry]) -> Entry:
    if len(entries) != 1:
        raise IOException(f"the server answered with {len(entries)} names instead of one")
    return entries[0]
