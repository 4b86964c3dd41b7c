"""Read the data of a gRPC stream: whole messages, or the payload of byte messages as it arrives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from pyxenon_core.errors import ProtocolError

__all__ = ["FrameReader", "MessageReader", "PayloadReader"]

_PREFIX_BYTES = 5
_LONGEST_FIELD_HEADER = 20


class FrameReader(Protocol):
    """Reads the data of a stream, which may come in pieces of any size."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add *data* and yield what is complete."""
        ...

    def finish(self) -> None:
        """Raise :class:`~pyxenon_core.errors.ProtocolError` unless the last message is complete."""
        ...


class MessageReader:
    """Reads whole messages."""

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self._held = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add *data* and yield the messages that are complete."""
        data = self._held + data if self._held else data
        position = 0
        while len(data) - position >= _PREFIX_BYTES:
            start = position + _PREFIX_BYTES
            end = start + _message_size(data, position, self._operation)
            if end > len(data):
                break
            yield data[start:end]
            position = end
        self._held = data[position:]

    def finish(self) -> None:
        """Raise :class:`~pyxenon_core.errors.ProtocolError` unless the last message is complete."""
        if self._held:
            raise _malformed(self._operation, "ended in the middle of a message")


class PayloadReader:
    """Reads the payload of messages whose only field is ``bytes`` number 1.

    An incomplete header is held back, payload never is.
    """

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self._held = b""
        self._message_left = 0
        self._payload_left = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add *data* and yield the parts of it that are payload."""
        data, self._held = (self._held + data if self._held else data), b""
        position = 0
        while position < len(data):
            if self._payload_left:
                piece = data[position : position + self._payload_left] if position or len(data) > self._payload_left else data
                self._payload_left -= len(piece)
                self._message_left -= len(piece)
                position += len(piece)
                yield piece
                continue
            after = self._read_header(data, position)
            if after is None:
                self._held = data[position:]
                return
            position = after

    def finish(self) -> None:
        """Raise :class:`~pyxenon_core.errors.ProtocolError` unless the last message is complete."""
        if self._held or self._message_left:
            raise self._malformed("ended in the middle of a message")

    def _read_header(self, data: bytes, position: int) -> int | None:
        """Read one header at *position*; return the position after it, or None if it is incomplete."""
        if self._message_left:
            return self._read_field(data, position)
        if len(data) - position < _PREFIX_BYTES:
            return None
        self._message_left = _message_size(data, position, self._operation)
        return position + _PREFIX_BYTES

    def _read_field(self, data: bytes, position: int) -> int | None:
        tag, after_tag = self._varint(data, position)
        if after_tag is None:
            return None
        if tag != 10:
            raise self._malformed(f"holds the field {tag >> 3}, which is not in the interface")
        size, after = self._varint(data, after_tag)
        if after is None:
            return None
        self._message_left -= after - position
        if size > self._message_left:
            raise self._malformed("holds a field that is longer than its message")
        self._payload_left = size
        return after

    def _varint(self, data: bytes, position: int) -> tuple[int, int | None]:
        value = 0
        for shift, byte in enumerate(data[position : position + _LONGEST_FIELD_HEADER // 2]):
            value |= (byte & 127) << 7 * shift
            if byte < 128:
                return value, position + shift + 1
        if len(data) - position >= _LONGEST_FIELD_HEADER // 2:
            raise self._malformed("holds a number that is too long")
        return 0, None

    def _malformed(self, what: str) -> ProtocolError:
        return _malformed(self._operation, what)


def _message_size(data: bytes, position: int, operation: str) -> int:
    """Return the message size in the prefix at *position*."""
    if data[position] != 0:
        raise _malformed(operation, "is compressed, although compression was not requested")
    return int.from_bytes(data[position + 1 : position + _PREFIX_BYTES], "big")


def _malformed(operation: str, what: str) -> ProtocolError:
    return ProtocolError(f"the answer to {operation} {what}")
