"""SFTP's messages: what a server may send is understood, and what it may not is refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyxenon_server.filesystems.common.names import from_bytes, to_bytes
from pyxenon_server.filesystems.sftp.messages import (
    Answer,
    Attributes,
    Entry,
    Kind,
    MalformedAnswer,
    SftpError,
    Status,
    mode_only,
    numbers,
    parse_answer,
    parse_name_lists,
    parse_version,
    string,
)

numbers_of_32_bits = st.integers(0, 2**32 - 1)
attributes = st.builds(
    lambda size, owners, mode, times: Attributes(size, owners[0], owners[1], mode, times[0], times[1]),
    st.none() | st.integers(0, 2**64 - 1),
    st.just((None, None)) | st.tuples(numbers_of_32_bits, numbers_of_32_bits),
    st.none() | numbers_of_32_bits,
    st.just((None, None)) | st.tuples(numbers_of_32_bits, numbers_of_32_bits),
)
extended = st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=3)


def encoded(item: Attributes, more: list[tuple[bytes, bytes]]) -> bytes:
    flags, body = 0, b""
    for bit, layout, values in (
        (1, ">Q", (item.size,)),
        (2, ">II", (item.uid, item.gid)),
        (4, ">I", (item.mode,)),
        (8, ">II", (item.accessed, item.modified)),
    ):
        if values[0] is not None:
            flags, body = flags | bit, body + struct.pack(layout, *values)
    if more:
        flags |= 0x80000000
        body += struct.pack(">I", len(more)) + b"".join(string(name) + string(value) for name, value in more)
    return struct.pack(">I", flags) + body


def answer(kind: Kind, body: bytes, request: int = 7) -> Answer:
    return parse_answer(struct.pack(">BI", kind, request) + body)


@given(attributes, extended)
def test_attributes_are_read_whichever_of_them_are_sent(item: Attributes, more: list[tuple[bytes, bytes]]) -> None:
    assert answer(Kind.ATTRS, encoded(item, more)) == (7, Kind.ATTRS, item)


@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=40), attributes, extended), max_size=5))
def test_names_are_read(entries: list[tuple[bytes, bytes, Attributes, list[tuple[bytes, bytes]]]]) -> None:
    body = b"".join(string(name) + string(longname) + encoded(item, more) for name, longname, item, more in entries)
    expected = [Entry(name, longname, item) for name, longname, item, _more in entries]
    assert answer(Kind.NAME, struct.pack(">I", len(entries)) + body).value == expected


@given(st.binary(max_size=200))
def test_what_is_no_message_is_refused_in_one_way(body: bytes) -> None:
    try:
        parsed = parse_answer(body)
    except MalformedAnswer:
        return
    assert parsed.kind in set(Kind)


def test_a_status_may_come_without_words() -> None:
    assert answer(Kind.STATUS, struct.pack(">I", Status.OK)).value is None
    refusal = answer(Kind.STATUS, struct.pack(">I", Status.NO_SUCH_FILE)).value
    assert isinstance(refusal, SftpError) and refusal.code == Status.NO_SUCH_FILE and str(refusal) == "status 2"


def test_a_status_of_a_later_version_keeps_its_words() -> None:
    refusal = answer(Kind.STATUS, struct.pack(">I", 99) + string(b"caf\xe9") + string(b"en")).value
    assert isinstance(refusal, SftpError) and (refusal.code, str(refusal)) == (99, "caf\N{REPLACEMENT CHARACTER}")


def test_the_greeting_has_the_extensions() -> None:
    assert parse_version(struct.pack(">I", 3) + string(b"copy-data") + string(b"1")) == {b"copy-data": b"1"}


@pytest.mark.parametrize("body", [b"", b"\0\0\0", struct.pack(">I", 2), struct.pack(">I", 3) + b"\0\0\0\x09x"])
def test_another_greeting_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        parse_version(body)


def test_lists_of_names() -> None:
    assert parse_name_lists(string(string(b"ada") + string(b"")) + string(string(b"users"))) == ([b"ada", b""], [b"users"])


def test_what_requests_are_made_of() -> None:
    assert mode_only(None) == struct.pack(">I", 0)
    assert mode_only(0o640) == struct.pack(">II", 4, 0o640)
    assert numbers([1, 2]) == struct.pack(">III", 8, 1, 2)


@given(st.binary(max_size=40))
def test_every_name_has_a_text_that_leads_back_to_it(name: bytes) -> None:
    text = from_bytes(name)
    text.encode()  # as it must be for the wire
    assert to_bytes(text) == name


@given(st.text())
def test_a_name_that_is_text_is_that_text(text: str) -> None:
    if not any("\uef80" <= character <= "\uefff" for character in text):
        assert from_bytes(text.encode()) == text
        assert to_bytes(text) == text.encode()


def test_what_is_no_utf_8_is_shown() -> None:
    assert from_bytes(b"caf\xe9") == "caf\uefe9"
    assert to_bytes("caf\udce9") == b"caf\xe9"  # as Python has it of this machine's own files
    assert from_bytes("\uefe9".encode()) == "\uefee\uefbf\uefa9"
