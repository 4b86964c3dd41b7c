"""The pieces that the codecs are made of, one by one."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.internal import encoder
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_core import wire
from pyxenon_core.errors import ProtocolError, XenonError
from pyxenon_core.wire import DecodeError

Parts = list[bytes | memoryview]


def _written(put: Any, *arguments: Any) -> bytes:
    parts: Parts = []
    put(parts, b"\x08", *arguments, "Message.field")
    return b"".join(parts)


# --- numbers --------------------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**64 - 1))
def test_a_varint_comes_back(number: int) -> None:
    encoded = wire.varint(number)
    assert encoded == encoder._VarintBytes(number)
    assert wire.read_varint(b"x" + encoded + b"y", 1) == (number, 1 + len(encoded))


@pytest.mark.parametrize(
    ("number", "encoded"),
    [(0, b"\x00"), (1, b"\x01"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02"), (2**64 - 1, b"\xff" * 9 + b"\x01")],
)
def test_varints_that_are_known(number: int, encoded: bytes) -> None:
    assert wire.varint(number) == encoded
    assert wire.read_varint(encoded, 0) == (number, len(encoded))


def test_a_varint_with_needless_bytes_is_read() -> None:
    assert wire.read_varint(b"\x81\x80\x80\x00", 0) == (1, 4)


def test_the_bits_beyond_64_are_dropped() -> None:
    assert wire.read_varint(b"\xff" * 9 + b"\x7f", 0) == (2**64 - 1, 10)


@pytest.mark.parametrize("length", [11, 12, 1000])
def test_a_varint_that_does_not_end_is_refused(length: int) -> None:
    with pytest.raises(DecodeError, match="longer than ten bytes"):
        wire.read_varint(b"\x80" * length, 0)


@given(st.integers(-(2**31), 2**31 - 1))
def test_signed32_undoes_what_put_int32_writes(number: int) -> None:
    data = _written(wire.put_int32, number)
    assert wire.signed32(wire.read_varint(data, 1)[0]) == number
    assert len(data) == (11 if number < 0 else len(wire.varint(number)) + 1)


@given(st.integers(-(2**63), 2**63 - 1))
def test_signed64_undoes_what_put_int64_writes(number: int) -> None:
    assert wire.signed64(wire.read_varint(_written(wire.put_int64, number), 1)[0]) == number


@pytest.mark.parametrize(
    ("put", "low", "high"),
    [
        (wire.put_int32, -(2**31), 2**31 - 1),
        (wire.put_uint32, 0, 2**32 - 1),
        (wire.put_int64, -(2**63), 2**63 - 1),
        (wire.put_uint64, 0, 2**64 - 1),
    ],
)
def test_numbers_are_held_to_their_range(put: Any, low: int, high: int) -> None:
    assert _written(put, low)[:1] == _written(put, high)[:1] == b"\x08"
    for wrong in (low - 1, high + 1):
        with pytest.raises(ValueError, match=rf"^Message\.field must be from {low} to {high}, not {wrong}$"):
            _written(put, wrong)
    for other in (True, "1", 1.0, None):
        with pytest.raises(TypeError, match=rf"^Message\.field must be an int, not {type(other).__name__}$"):
            _written(put, other)


def test_truth_values() -> None:
    assert _written(wire.put_bool, True) == b"\x08\x01"
    assert _written(wire.put_bool, False) == b"\x08\x00"
    with pytest.raises(TypeError, match=r"^Message\.field must be True or False, not 1$"):
        _written(wire.put_bool, 1)


# --- text and bytes -------------------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_is_written_as_utf8_behind_its_length_in_bytes(text: str) -> None:
    encoded = text.encode()
    assert _written(wire.put_string, text) == b"\x08" + wire.varint(len(encoded)) + encoded


def test_a_view_of_larger_items_is_written_as_its_bytes() -> None:
    view = memoryview(b"\x01\x02\x03\x04").cast("H")
    assert _written(wire.put_bytes, view) == b"\x08\x04\x01\x02\x03\x04"


def test_lists_and_their_single_elements() -> None:
    assert wire.strings(iter(["a", "b"]), "Message.field") == ["a", "b"]
    with pytest.raises(TypeError, match=r"^Message\.field must be a list, not a single str: 'ab'$"):
        wire.strings("ab", "Message.field")
    with pytest.raises(TypeError, match=r"^each of Message\.field must be a str, not int$"):
        wire.strings(["a", 5], "Message.field")


def test_a_value_of_the_wrong_type_is_not_shown_since_it_may_be_a_secret() -> None:
    with pytest.raises(TypeError) as caught:
        wire.put_string([], b"\x12", 12345678, "PasswordCredential.password")
    assert str(caught.value) == "PasswordCredential.password must be a str, not int"


# --- unknown fields and broken bytes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "data", "after"),
    [(0x08, b"\x96\x01", 2), (0x09, b"12345678", 8), (0x0A, b"\x03abc", 4), (0x0D, b"1234", 4)],
)
def test_a_field_is_skipped_by_its_wire_type(tag: int, data: bytes, after: int) -> None:
    assert wire.skip(data, 0, tag) == after


@pytest.mark.parametrize("tag", [0x0B, 0x0C, 0x0E, 0x0F])
def test_groups_and_wire_types_that_do_not_exist_are_refused(tag: int) -> None:
    with pytest.raises(DecodeError, match=rf"^field 1 on the wire has the unknown wire type {tag & 7}\b"):
        wire.skip(b"", 0, tag)


def test_a_field_number_beyond_the_last_is_refused() -> None:
    with pytest.raises(DecodeError, match="number"):
        wire.skip(b"\x00", 0, 1 << 32)


def test_field_number_0_is_refused() -> None:
    with pytest.raises(DecodeError, match="number 0"):
        wire.skip(b"\x00", 0, 0)


@pytest.mark.parametrize(
    "reason", [IndexError("index out of range"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), RecursionError("deep")]
)
def test_whatever_stops_a_decoder_is_told_as_broken_bytes(reason: Exception) -> None:
    def decode_thing(data: bytes, position: int, end: int) -> object:
        raise reason

    with pytest.raises(DecodeError, match=r"^3 bytes cannot be read as the message thing: ") as caught:
        wire.decode_with(decode_thing, b"abc")
    assert caught.value.__cause__ is reason


def test_a_mistake_in_a_decoder_is_not_hidden() -> None:
    def decode_thing(data: bytes, position: int, end: int) -> object:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        wire.decode_with(decode_thing, b"abc")


def test_broken_bytes_are_an_error_of_xenon() -> None:
    assert issubclass(DecodeError, ProtocolError)
    assert issubclass(DecodeError, XenonError)
