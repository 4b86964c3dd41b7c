"""The building blocks of the rendered codecs: the protobuf wire format, with checks.

A decoder takes ``(data, position, end)``; data beyond ``end`` and unreadable data become a :class:`DecodeError` in :func:`decode_with`.
An encoder appends to a list of parts, which is joined once. Values are checked against the type and range of their field, so that an error
names the message and field instead of reaching a server as another value.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from pyxenon_core.errors import ProtocolError

__all__ = [
    "DecodeError",
    "build",
    "decode_with",
    "each",
    "entries",
    "put_bool",
    "put_bytes",
    "put_int32",
    "put_int64",
    "put_message",
    "put_packed",
    "put_string",
    "put_string_map",
    "put_uint32",
    "put_uint64",
    "read_short_varint",
    "read_varint",
    "require_bool",
    "require_bytes",
    "require_int32",
    "require_int64",
    "require_one",
    "require_uint32",
    "require_uint64",
    "signed32",
    "signed64",
    "skip",
    "strings",
    "text",
    "utf8",
    "varint",
]

M = TypeVar("M")
T = TypeVar("T")
_UINT32_END = 1 << 32
_UINT64_END = 1 << 64
_FIELD_END = 1 << 29
_ONE_BYTE = tuple(bytes([number]) for number in range(128))


class DecodeError(ProtocolError):
    """Bytes that are not a message of the expected type."""


# --- reading ---------------------------------------------------------------------------------------------------------------------------


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the varint at *position* as a number below 2**64, and the position after it."""
    byte = data[position]
    position += 1
    if byte < 128:
        return byte, position
    result = byte & 127
    shift = 7
    while True:
        byte = data[position]
        position += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result & (_UINT64_END - 1), position
        shift += 7
        if shift > 63:
            raise DecodeError("a number on the wire is longer than ten bytes")


def read_short_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the tag or length at *position*, and the position after it. Both have at most five bytes, however small the number."""
    value, after = read_varint(data, position)
    if after - position > 5:
        raise DecodeError("a tag or a length on the wire is longer than five bytes")
    return value, after


def signed32(value: int) -> int:
    """Return the int32 that a varint stands for."""
    value &= _UINT32_END - 1
    return value - _UINT32_END if value >> 31 else value


def signed64(value: int) -> int:
    """Return the int64 that a varint stands for."""
    return value - _UINT64_END if value >> 63 else value


def skip(data: bytes, position: int, tag: int) -> int:
    """Return the position after the value of an unknown field."""
    wire_type = tag & 7
    if not 0 < tag >> 3 < _FIELD_END:
        raise DecodeError(f"a field on the wire has the number {tag >> 3}")
    if wire_type == 0:
        return read_varint(data, position)[1]
    if wire_type == 1:
        return position + 8
    if wire_type == 2:
        size, position = read_short_varint(data, position)
        return position + size
    if wire_type == 5:
        return position + 4
    raise DecodeError(f"field {tag >> 3} on the wire has the unknown wire type {wire_type}")


def build(message_type: type[M], values: dict[str, Any]) -> M:
    """Return a message with the given fields, without its constructor, which would cost more than the decoding."""
    message = object.__new__(message_type)
    object.__setattr__(message, "__dict__", values)
    return message


def decode_with(decoder: Callable[[bytes, int, int], M], data: bytes) -> M:
    """Decode all of *data*; raises :class:`DecodeError` if it is not a message of the decoder's type."""
    try:
        return decoder(data, 0, len(data))
    except (IndexError, UnicodeDecodeError, RecursionError) as error:
        name = decoder.__name__.removeprefix("decode_")
        raise DecodeError(f"{len(data)} bytes cannot be read as the message {name}: {error}") from error


# --- writing ---------------------------------------------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    """Return a number from 0 to 2**64 - 1 as a varint."""
    if value < 128:
        return _ONE_BYTE[value]
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def put_string(parts: list[bytes | memoryview], tag: bytes, value: object, label: str) -> None:
    """Write text or a path."""
    encoded = utf8(value, label)
    parts += (tag, varint(len(encoded)), encoded)


def put_bytes(parts: list[bytes | memoryview], tag: bytes, value: object, label: str) -> None:
    """Write bytes, a bytearray or a memoryview."""
    data = require_bytes(value, label)
    view = data if isinstance(data, bytes) else memoryview(data).cast("B")
    parts += (tag, varint(len(view)), view)


def put_message(parts: list[bytes | memoryview], tag: bytes, encoded: bytes) -> None:
    """Write an encoded message."""
    parts += (tag, varint(len(encoded)), encoded)


def put_bool(parts: list[bytes | memoryview], tag: bytes, value: object, label: str) -> None:
    """Write True or False. Other values are refused, so that a misplaced number is noticed."""
    parts += (tag, b"\x01" if require_bool(value, label) else b"\x00")


def put_uint32(parts: list[bytes | memoryview], tag: bytes, value: object, label: str) -> None:
    """Write a number from 0 to 2**32 - 1."""
    parts += (tag, varint(require_uint32(value, label)))


def put_uint64(parts: list[bytes | memoryview], tag: bytes, value: object, label: str) -> None:
    """Write a number from 0 to 2**64 - 1."""
    parts += (tag, varint(require_uint64(value, label)))


def put_int32(parts: list[bytes | memoryview], tag: bytes, value: object, label: str) -> None:
    """Write a number from -2**31 to 2**31 - 1; a negative one takes ten bytes."""
    parts += (tag, varint(require_int32(value, label) % _UINT64_END))


def put_int64(parts: list[bytes | memoryview], tag: bytes, value: object, label: str) -> None:
    """Write a number from -2**63 to 2**63 - 1; a negative one takes ten bytes."""
    parts += (tag, varint(require_int64(value, label) % _UINT64_END))


def put_packed(parts: list[bytes | memoryview], tag: bytes, values: Iterable[object], label: str) -> None:
    """Write enumeration values as one length-delimited record."""
    encoded = b"".join(varint(require_int32(value, label) % _UINT64_END) for value in each(values, label))
    parts += (tag, varint(len(encoded)), encoded)


def put_string_map(parts: list[bytes | memoryview], tag: bytes, values: Mapping[str, str], label: str) -> None:
    """Write a map of text to text."""
    for key, value in entries(values, label):
        entry: list[bytes | memoryview] = []
        put_string(entry, b"\x0a", key, f"a key of {label}")
        put_string(entry, b"\x12", value, f"{label}[{key!r}]")
        put_message(parts, tag, b"".join(entry))


# --- checking --------------------------------------------------------------------------------------------------------------------------


def utf8(value: object, label: str) -> bytes:
    """Return *value*, text or a path, in UTF-8; raises TypeError or ValueError naming *label*."""
    string = text(value, label)
    try:
        return string.encode()
    except UnicodeEncodeError as error:
        problem = f"{error.reason} at character {error.start}"
    # Raised outside the handler: its context would be an error that holds the whole text, which may be a password.
    raise ValueError(f"{label} is not valid UTF-8 text: {problem}")


def require_bytes(value: object, label: str) -> bytes | bytearray | memoryview:
    """Return *value* if it is bytes, a bytearray or a memoryview; else raises TypeError naming *label*."""
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"{label} must be bytes, not {type(value).__name__}")
    return value


def require_bool(value: object, label: str) -> bool:
    """Return *value* if it is True or False; else raises TypeError naming *label*."""
    if not isinstance(value, bool):
        raise TypeError(f"{label} must be True or False, not {value!r}")
    return value


def require_uint32(value: object, label: str) -> int:
    """Return *value* if it is a number from 0 to 2**32 - 1; else raises TypeError or ValueError naming *label*."""
    return _in_range(value, 0, _UINT32_END, label)


def require_uint64(value: object, label: str) -> int:
    """Return *value* if it is a number from 0 to 2**64 - 1; else raises TypeError or ValueError naming *label*."""
    return _in_range(value, 0, _UINT64_END, label)


def require_int32(value: object, label: str) -> int:
    """Return *value* if it is a number from -2**31 to 2**31 - 1; else raises TypeError or ValueError naming *label*."""
    return _in_range(value, -_UINT32_END // 2, _UINT32_END // 2, label)


def require_int64(value: object, label: str) -> int:
    """Return *value* if it is a number from -2**63 to 2**63 - 1; else raises TypeError or ValueError naming *label*."""
    return _in_range(value, -_UINT64_END // 2, _UINT64_END // 2, label)


def require_one(message: object, oneof: str, *members: str) -> None:
    """Raise ValueError if more than one of the *members* of a oneof is set."""
    present = [name for name in members if getattr(message, name) is not None]
    if len(present) > 1:
        raise ValueError(f"{type(message).__name__} takes one {oneof}, but {' and '.join(present)} are given; leave out all but one")


def each(values: Iterable[T], label: str) -> Iterable[T]:
    """Return *values* if they are iterable; else, or for a single str or bytes, raises TypeError naming *label*."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{label} must be a list, not a single {type(values).__name__}: {values!r}")
    return values


def entries(values: Mapping[str, T], label: str) -> Iterable[tuple[str, T]]:
    """Return the items of *values* if it is a mapping; else raises TypeError naming *label*."""
    if not isinstance(values, Mapping):
        raise TypeError(f"{label} must be a mapping, not {type(values).__name__}")
    return values.items()


def strings(values: Iterable[object], label: str) -> list[str]:
    """Return *values* as a list of str; raises TypeError naming *label* for a single str or an item that is not text."""
    return [text(value, f"each of {label}") for value in each(values, label)]


def mapping(values: Mapping[str, str] | None, label: str) -> dict[str, str]:
    """Return *values* as a dict, empty for None; raises TypeError naming *label* if it is not a mapping."""
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        kind = type(values).__name__
        raise TypeError(f"{label} must be a mapping such as a dict, not {kind}; pass other arguments by name, as in name=…")
    return dict(values)


def text(value: object, label: str) -> str:
    """Return *value*, text or a path, as text. Raises TypeError naming *label* for anything else."""
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str):
        raise TypeError(f"{label} must be a str, not {type(value).__name__}")  # without the value: it may be a password
    return path


def _in_range(value: object, start: int, end: int, label: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{label} must be an int, not {type(value).__name__}")
    if not start <= value < end:
        raise ValueError(f"{label} must be from {start} to {end - 1}, not {value}")
    return value
