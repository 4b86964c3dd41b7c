"""A session against a channel that the test answers for: order, splitting, cancellation, the end."""

from __future__ import annotations

import asyncio
import struct
from typing import Any, cast

import asyncssh
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyxenon_core.errors import ConnectionLostException, InvalidLocationException, IOException
from pyxenon_server.filesystems.sftp.messages import Attributes, Kind, SftpError, Status, string
from pyxenon_server.filesystems.sftp.session import SftpSession


class Channel:
    """Keeps what is written, taken apart into requests."""

    def __init__(self, version: str = "SSH-2.0-OpenSSH_9.2p1") -> None:
        self.version = version
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.version if name == "server_version" else default

    @property
    def requests(self) -> list[tuple[int, int, bytes]]:
        """The kind, the number and the rest of every request."""
        data, found = b"".join(self.writes), []
        while data:
            end = 4 + int.from_bytes(data[:4], "big")
            found.append((data[4], int.from_bytes(data[5:9], "big"), data[9:end]))
            data = data[end:]
        return found


def message(kind: Kind, request: int, body: bytes) -> bytes:
    return string(struct.pack(">BI", kind, request) + body)


def status(request: int, code: Status) -> bytes:
    return message(Kind.STATUS, request, struct.pack(">I", code) + string(b"words") + string(b""))


def session_on(channel: Channel) -> SftpSession:
    session = SftpSession()
    session.connection_made(cast("asyncssh.SSHClientChannel[bytes]", channel))
    return session


async def sent() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_requests_of_one_turn_go_out_together_and_in_order() -> None:
    session = session_on(channel := Channel())
    for number in range(5):
        session.attributes(b"/%d" % number)
    await sent()
    assert len(channel.writes) == 1
    assert [body for _kind, _number, body in channel.requests] == [string(b"/%d" % number) for number in range(5)]


async def test_answers_may_come_in_any_order() -> None:
    session = session_on(Channel())
    first, second = session.read(b"h", 0, 10), session.read(b"h", 10, 10)
    session.data_received(message(Kind.DATA, 2, string(b"second")) + message(Kind.DATA, 1, string(b"first")), None)
    assert (await first, await second) == (b"first", b"second")


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), max_size=20))
def test_answers_may_be_cut_anywhere(lengths: list[int]) -> None:
    async def run() -> None:
        session = session_on(Channel())
        requests = [session.read(b"h", 0, 10) for _ in range(6)]
        data = b"".join(message(Kind.DATA, number + 1, string(bytes([number]) * number)) for number in range(6))
        for length in lengths:
            session.data_received(data[:length], None)
            data = data[length:]
        session.data_received(data, None)
        assert [await request for request in requests] == [bytes([number]) * number for number in range(6)]

    asyncio.run(run())


async def test_a_refusal_is_raised() -> None:
    session = session_on(Channel())
    request = session.attributes(b"/nowhere")
    session.data_received(status(1, Status.NO_SUCH_FILE), None)
    with pytest.raises(SftpError) as raised:
        await request
    assert (raised.value.code, str(raised.value)) == (Status.NO_SUCH_FILE, "words")


async def test_an_answer_of_another_kind_is_an_error_of_that_request_alone() -> None:
    session = session_on(Channel())
    wrong, right = session.attributes(b"/a"), session.attributes(b"/b")
    session.data_received(message(Kind.HANDLE, 1, string(b"h")) + message(Kind.ATTRS, 2, struct.pack(">I", 0)), None)
    with pytest.raises(IOException, match="type 102 instead of 105"):
        await wrong
    assert await right == Attributes()


async def test_a_handle_that_nobody_waits_for_is_closed_again() -> None:
    session = session_on(channel := Channel())
    session.open(b"/f", 1).cancel()
    await sent()
    session.data_received(message(Kind.HANDLE, 1, string(b"handle")), None)
    await sent()
    assert channel.requests[1:] == [(Kind.CLOSE, 2, string(b"handle"))]


@pytest.mark.parametrize(
    "data", [b"\xff\xff\xff\xff", b"\0\0\0\x01x", message(Kind.DATA, 99, string(b"x")), string(b"\x70\0\0\0\x01"), b"SSH rejected\r\n"]
)
async def test_what_is_no_answer_ends_the_session(data: bytes) -> None:
    session = session_on(Channel())
    request = session.attributes(b"/a")
    session.data_received(data, None)
    with pytest.raises(ConnectionLostException, match="answers are not valid SFTP"):
        await request
    assert not session.is_open


async def test_what_a_server_prints_to_standard_error_is_no_answer() -> None:
    session = session_on(Channel())
    session.data_received(b"Warning: something", asyncssh.EXTENDED_DATA_STDERR)
    assert session.is_open


async def test_whoever_waits_when_the_connection_is_lost_is_told() -> None:
    session = session_on(Channel())
    request = session.attributes(b"/a")
    session.connection_lost(OSError("reset by peer"))
    with pytest.raises(ConnectionLostException, match="reset by peer"):
        await request
    with pytest.raises(ConnectionLostException, match="reset by peer"):
        session.attributes(b"/b")


async def test_a_subsystem_that_is_none_is_named() -> None:
    session = session_on(Channel())
    starting = asyncio.ensure_future(session.start())
    await sent()
    session.data_received(message(Kind.VERSION, 2, b""), None)
    with pytest.raises(InvalidLocationException, match="only supports version 2 of SFTP"):
        await starting


async def start(session: SftpSession, extensions: bytes, answers: bytes) -> None:
    starting = asyncio.ensure_future(session.start())
    await sent()
    session.data_received(message(Kind.VERSION, 3, extensions), None)
    await sent()
    session.data_received(answers, None)
    await starting


async def test_blocks_are_as_large_as_the_server_allows_and_no_larger_than_is_useful() -> None:
    session = session_on(Channel())
    limits = struct.pack(">4Q", 0, 100_000, 1 << 30, 0)
    await start(session, string(b"limits@openssh.com") + string(b"1"), message(Kind.EXTENDED_REPLY, 1, limits))
    assert (session.read_block, session.write_block) == (100_000, 255 << 10)


async def test_a_server_that_names_no_limits_is_asked_for_little() -> None:
    session = session_on(Channel())
    await start(session, b"", status(1, Status.FAILURE))
    assert (session.read_block, session.write_block) == (32 << 10, 32 << 10)


@pytest.mark.parametrize(("version", "first"), [("SSH-2.0-OpenSSH_9.2p1", b"target"), ("SSH-2.0-mod_sftp", b"/link")])
async def test_the_arguments_of_a_link_come_in_the_order_that_the_server_wants(version: str, first: bytes) -> None:
    session = session_on(channel := Channel(version))
    session.make_link(b"/link", b"target")
    await sent()
    assert channel.requests[0][2].startswith(string(first))
