"""The few messages of the health and reflection services, read and written without a class for each."""

from __future__ import annotations

from collections.abc import Iterator

from pyxenon_core.wire import DecodeError, decode_with, put_bytes, read_varint, skip, varint

__all__ = ["fields_of", "number_field", "text_field", "text_of"]

_VARINT, _LENGTH = 0, 2


def fields_of(data: bytes) -> list[tuple[int, int | bytes]]:
    """The fields of a message in their order: each one's number, and its value as a number or as bytes.

    Fields of a fixed width, which none of these messages has, are left out. Raises :class:`~pyxenon_core.wire.DecodeError`.
    """
    return decode_with(_decode_fields, data)


def text_of(value: int | bytes) -> str:
    """The text in a field; raises :class:`~pyxenon_core.wire.DecodeError` for anything else."""
    try:
        return value.decode() if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError as error:
        raise DecodeError(f"{len(error.object)} bytes in a text field are no UTF-8") from None


def text_field(number: int, value: str | bytes) -> bytes:
    """A field with a text or bytes or a message in it, as it is written; one that is empty is written too."""
    parts: list[bytes | memoryview] = []
    put_bytes(parts, varint(number << 3 | _LENGTH), value.encode() if isinstance(value, str) else value, f"field {number}")
    return b"".join(parts)


def number_field(number: int, value: int) -> bytes:
    """A field with a number from 0 to 2**64 - 1 in it, as it is written."""
    return varint(number << 3 | _VARINT) + varint(value)


def _decode_fields(data: bytes, position: int, end: int) -> list[tuple[int, int | bytes]]:
    return list(_each_field(data, position, end))


def _each_field(data: bytes, position: int, end: int) -> Iterator[tuple[int, int | bytes]]:
    while position < end:
        tag, position = read_varint(data, position)
        start, position = position, skip(data, position, tag)
        if position > end:
            raise DecodeError(f"field {tag >> 3} on the wire is cut off")
        if tag & 7 == _VARINT:
            yield tag >> 3, read_varint(data, start)[0]
        elif tag & 7 == _LENGTH:
            yield tag >> 3, data[read_varint(data, start)[1] : position]
