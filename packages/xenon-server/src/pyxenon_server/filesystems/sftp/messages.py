"""The encoding of SFTP version 3, which every server supports: draft-ietf-secsh-filexfer-02, and OpenSSH's PROTOCOL for extensions.

asyncssh has an SFTP client, too. It sends each request in an SSH packet of its own and passes each answer through several coroutines, which
takes 87 µs of one processor per request; collecting the requests of one iteration of the event loop reduces that to 28 µs. This dominates
the cost of small files. Nor does asyncssh's client allow a channel's window size to be set, which limits the speed of a long line.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple

__all__ = [
    "Answer",
    "Attributes",
    "Entry",
    "Kind",
    "MalformedAnswer",
    "Open",
    "SftpError",
    "Space",
    "Status",
    "mode_only",
    "numbers",
    "parse_answer",
    "parse_limits",
    "parse_name_lists",
    "parse_space",
    "parse_version",
    "string",
]

VERSION = 3


class Kind(IntEnum):
    """The types of messages. Those below 100 are requests."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Status(IntEnum):
    """The status codes of answers without other content. Some servers also use codes of later versions."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8
    NO_SUCH_PATH = 10
    FILE_ALREADY_EXISTS = 11
    WRITE_PROTECT = 12
    NO_SPACE_ON_FILESYSTEM = 14
    QUOTA_EXCEEDED = 15
    DIR_NOT_EMPTY = 18
    NOT_A_DIRECTORY = 19
    INVALID_FILENAME = 20
    LINK_LOOP = 21
    FILE_IS_A_DIRECTORY = 24


class Open(IntEnum):
    """Flags for opening a file, to be combined with ``|``."""

    READ = 0x01
    WRITE = 0x02
    APPEND = 0x04
    CREATE = 0x08
    TRUNCATE = 0x10
    EXCLUSIVE = 0x20


class SftpError(Exception):
    """An error status in a server's answer.

    Attributes:
        code: A :class:`Status`, or an unknown number.
        words: The server's error message, which is rarely helpful.
    """

    def __init__(self, code: int, words: str = "") -> None:
        super().__init__(code, words)
        self.code = code
        self.words = words

    def __str__(self) -> str:
        return self.words or f"status {self.code}"


class MalformedAnswer(Exception):
    """Data from a server that is not valid SFTP."""


class Attributes(NamedTuple):
    """The attributes of a file; None for those not sent by the server. *mode* includes the file type, times are seconds since 1970."""

    size: int | None = None
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    accessed: int | None = None
    modified: int | None = None


class Entry(NamedTuple):
    """A name in an answer, with its line in the format of ``ls -l``."""

    name: bytes
    longname: bytes
    attributes: Attributes


class Space(NamedTuple):
    """The free space of a file system: the bytes and files available to users, and whether it is read-only."""

    bytes_left: int
    files_left: int
    read_only: bool


class Answer(NamedTuple):
    """An answer: the number of its request, its kind, and its content.

    *value* is None for the status OK, an :class:`SftpError` for another status, bytes for a handle, data and an extended reply,
    :class:`Attributes`, or a list of :class:`Entry`.
    """

    request: int
    kind: int
    value: Any


_SIZE, _OWNERS, _MODE, _TIMES, _EXTENDED = 0x1, 0x2, 0x4, 0x8, 0x80000000
_USUAL = _SIZE | _OWNERS | _MODE | _TIMES
_usual = struct.Struct(">QIIIII")
_number = struct.Struct(">I")
_pair = struct.Struct(">II")
_long = struct.Struct(">Q")
_HEAD = 5
_READ_ONLY = 1
_STATVFS = struct.Struct(">11Q")


def string(text: bytes) -> bytes:
    """Encode *text* with its length as a prefix."""
    return _number.pack(len(text)) + text


def numbers(items: list[int]) -> bytes:
    """Encode a list of 32-bit numbers as one string."""
    return string(struct.pack(f">{len(items)}I", *items))


def mode_only(mode: int | None) -> bytes:
    """Encode attributes with nothing but the permissions *mode*, or with nothing at all for None."""
    return _number.pack(0) if mode is None else _pair.pack(_MODE, mode)


def parse_version(body: bytes) -> dict[bytes, bytes]:
    """Return the extensions that a server offers, by name. Raises :class:`MalformedAnswer` if it does not support version 3."""
    try:
        if _number.unpack_from(body)[0] < VERSION:
            raise MalformedAnswer(f"the server only supports version {_number.unpack_from(body)[0]} of SFTP, but version 3 is required")
        extensions, at = {}, 4
        while at < len(body):
            name, at = _string(body, at)
            extensions[name], at = _string(body, at)
    except (struct.error, IndexError) as error:
        raise MalformedAnswer(f"the server's first message cannot be parsed: {error}") from error
    return extensions


def parse_answer(body: bytes) -> Answer:
    """Parse the message *body*, without its length prefix. Raises :class:`MalformedAnswer`."""
    try:
        kind, (request,) = body[0], _number.unpack_from(body, 1)
        return Answer(request, kind, _VALUES[kind](body, _HEAD))
    except (struct.error, IndexError, KeyError) as error:
        raise MalformedAnswer(f"a message of {len(body)} bytes that begins with {body[:9]!r} cannot be parsed: {error!r}") from error


def parse_limits(body: bytes) -> tuple[int, int]:
    """Return the largest number of bytes that a request may read and write; 0 if the server does not say (limits@openssh.com)."""
    return _long.unpack_from(body, 8)[0], _long.unpack_from(body, 16)[0]


def parse_space(body: bytes) -> Space:
    """Parse the answer to statvfs@openssh.com."""
    _block, fragment, _blocks, _free, available, _files, _files_free, files_left, _fsid, flags, _longest = _STATVFS.unpack_from(body)
    return Space(fragment * available, files_left, bool(flags & _READ_ONLY))


def parse_name_lists(body: bytes) -> tuple[list[bytes], list[bytes]]:
    """Parse the answer to users-groups-by-id@openssh.com: names of users and of groups, empty for ids without a name."""
    users, at = _string(body, 0)
    groups, _at = _string(body, at)
    return _strings(users), _strings(groups)


def _strings(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        text, at = _string(data, at)
        found.append(text)
    return found


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    (length,) = _number.unpack_from(data, at)
    end = at + 4 + length
    if end > len(data):
        raise IndexError(f"a string of {length} bytes extends beyond the message")
    return data[at + 4 : end], end


def _status(body: bytes, at: int) -> SftpError | None:
    (code,) = _number.unpack_from(body, at)
    if code == Status.OK:
        return None
    words = _string(body, at + 4)[0] if len(body) > at + 4 else b""
    return SftpError(code, words.decode(errors="replace"))


def _text(body: bytes, at: int) -> bytes:
    return _string(body, at)[0]


def _rest(body: bytes, at: int) -> bytes:
    return body[at:]


def _names(body: bytes, at: int) -> list[Entry]:
    (count,) = _number.unpack_from(body, at)
    entries, at = [], at + 4
    for _ in range(count):
        name, at = _string(body, at)
        longname, at = _string(body, at)
        attributes, at = _attributes(body, at)
        entries.append(Entry(name, longname, attributes))
    return entries


def _attributes(body: bytes, at: int) -> tuple[Attributes, int]:
    (flags,) = _number.unpack_from(body, at)
    if flags == _USUAL:
        return Attributes._make(_usual.unpack_from(body, at + 4)), at + 4 + _usual.size
    return _unusual_attributes(body, at + 4, flags)


def _unusual_attributes(body: bytes, at: int, flags: int) -> tuple[Attributes, int]:
    """Parse attributes if some are missing or extended attributes, which are ignored, follow."""
    size = uid = gid = mode = accessed = modified = None
    if flags & _SIZE:
        (size,), at = _long.unpack_from(body, at), at + 8
    if flags & _OWNERS:
        (uid, gid), at = _pair.unpack_from(body, at), at + 8
    if flags & _MODE:
        (mode,), at = _number.unpack_from(body, at), at + 4
    if flags & _TIMES:
        (accessed, modified), at = _pair.unpack_from(body, at), at + 8
    if flags & _EXTENDED:
        at = _after_extended(body, at)
    return Attributes(size, uid, gid, mode, accessed, modified), at


def _after_extended(body: bytes, at: int) -> int:
    (count,), at = _number.unpack_from(body, at), at + 4
    for _ in range(2 * count):
        _name_or_value, at = _string(body, at)
    return at


def _attributes_alone(body: bytes, at: int) -> Attributes:
    return _attributes(body, at)[0]


_VALUES: dict[int, Callable[[bytes, int], Any]] = {
    Kind.STATUS: _status,
    Kind.HANDLE: _text,
    Kind.DATA: _text,
    Kind.NAME: _names,
    Kind.ATTRS: _attributes_alone,
    Kind.EXTENDED_REPLY: _rest,
}
