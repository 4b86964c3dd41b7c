"""Messages, and the bytes of a file, out of HTTP/2 frames, however those are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_core._generated.codec import encode_read_from_file_response
from pyxenon_core.channels.framing import MessageReader, PayloadReader
from pyxenon_core.errors import ProtocolError
from pyxenon_core.messages import ReadFromFileResponse

payloads = st.lists(st.binary(max_size=400), max_size=5)


def framed(payload: bytes) -> bytes:
    message = encode_read_from_file_response(ReadFromFileResponse(buffer=payload))
    return b"\0" + len(message).to_bytes(4, "big") + message


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, position = [], 0
    for size in sizes:
        pieces.append(data[position : position + size])
        position += size
    return [*pieces, data[position:]]


@given(payloads, st.lists(st.integers(0, 50), max_size=40))
def test_any_cut_gives_the_same_bytes(contents: list[bytes], sizes: list[int]) -> None:
    reader = PayloadReader("read_from_file")
    out = [piece for part in cut(b"".join(map(framed, contents)), sizes) for piece in reader.feed(part)]
    reader.finish()
    assert b"".join(out) == b"".join(contents)
    assert all(out)


@given(st.binary(min_size=1, max_size=400), st.data())
def test_an_end_in_the_middle_is_noticed(payload: bytes, data: st.DataObject) -> None:
    whole = framed(payload)
    reader = PayloadReader("read_from_file")
    list(reader.feed(whole[: data.draw(st.integers(1, len(whole) - 1))]))
    with pytest.raises(ProtocolError, match="ended in the middle"):
        reader.finish()


@given(st.binary(max_size=200), st.lists(st.integers(0, 9), max_size=20))
def test_anything_else_is_an_error_and_never_a_crash(garbage: bytes, sizes: list[int]) -> None:
    reader = PayloadReader("read_from_file")
    try:
        for part in cut(garbage, sizes):
            list(reader.feed(part))
        reader.finish()
    except ProtocolError as error:
        assert "read_from_file" in str(error)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\1\0\0\0\2\x0a\0", "compressed"),
        (b"\0\0\0\0\3\x12\1x", "field 2"),
        (b"\0\0\0\0\3\x0a\x05xy", "longer than its message"),
        (b"\0\0\0\0\x20\x0a" + b"\xff" * 30, "too long"),
    ],
)
def test_each_way_of_being_malformed_has_its_words(data: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        list(PayloadReader("read_from_file").feed(data))


@given(payloads, st.lists(st.integers(0, 50), max_size=40))
def test_any_cut_gives_the_same_messages(contents: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(b"\0" + len(message).to_bytes(4, "big") + message for message in contents)
    reader = MessageReader("list")
    assert [message for part in cut(stream, sizes) for message in reader.feed(part)] == contents
    reader.finish()


@given(st.binary(max_size=200), st.data())
def test_a_message_without_its_end_is_noticed(message: bytes, data: st.DataObject) -> None:
    whole = b"\0" + len(message).to_bytes(4, "big") + message
    reader = MessageReader("list")
    assert list(reader.feed(whole[: data.draw(st.integers(1, len(whole) - 1))])) == []
    with pytest.raises(ProtocolError, match="the answer to list ended in the middle"):
        reader.finish()


def test_a_compressed_message_is_refused() -> None:
    with pytest.raises(ProtocolError, match="the answer to list is compressed"):
        list(MessageReader("list").feed(b"\1\0\0\0\2xx"))
