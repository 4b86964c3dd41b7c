"""Servicers in this process, which are also the place to provoke what a real server does not do on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from pyxenon_core import messages, services
from pyxenon_core._generated import codec
from pyxenon_core.client import Client, open_channel
from pyxenon_core.errors import (
    FileTooLargeError,
    NoSuchPathException,
    ProtocolError,
    UnknownRpcException,
    UnsupportedOperationException,
    XenonError,
)
from pyxenon_core.filesystem import FileSystem
from pyxenon_core.services import FileSystemServicer, SchedulerServicer, Servicers
from pyxenon_core.targets import InProcessEndpoint

FIRST = b"the first piece"


class Files(FileSystemServicer):
    """A file system with one file too large to be sent, and otherwise whatever a test sets."""

    def __init__(self) -> None:
        self.size = 1 << 31
        self.read_error: Exception = UnknownRpcException("ByteString would be too long")
        self.received: list[messages.WriteToFileRequest] = []

    async def get_attributes(self, request: messages.PathRequest, /) -> messages.PathAttributes:
        return messages.PathAttributes(path=request.path, size=self.size)

    async def read_from_file(self, request: messages.PathRequest, /) -> AsyncIterator[messages.ReadFromFileResponse]:
        yield messages.ReadFromFileResponse(buffer=FIRST)
        raise self.read_error

    async def write_to_file(self, requests: AsyncIterator[messages.WriteToFileRequest], /) -> messages.Empty:
        self.received = [request async for request in requests]
        return messages.Empty()

    async def get_credential(self, request: messages.FileSystem, /) -> messages.GetCredentialResponse:
        return messages.GetCredentialResponse()


class Mute(SchedulerServicer):
    """Ends a conversation before it says anything."""

    async def submit_interactive_job(
        self, requests: AsyncIterator[messages.SubmitInteractiveJobRequest], /
    ) -> AsyncIterator[messages.SubmitInteractiveJobResponse]:
        for response in ():
            yield response


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def filesystem(files: Files) -> FileSystem:
    endpoint = InProcessEndpoint(Servicers(files, Mute()))
    return FileSystem(open_channel(endpoint), messages.FileSystem("f"))


async def read(filesystem: FileSystem) -> bytes:
    return b"".join([piece async for piece in filesystem.read_from_file("/big")])


def test_a_file_too_large_to_send_is_named_with_its_size_and_the_way_out(filesystem: FileSystem) -> None:
    with pytest.raises(FileTooLargeError) as caught:
        asyncio.run(read(filesystem))
    text = str(caught.value)
    assert "'/big'" in text and str(1 << 31) in text and "Copy it to a path of this machine" in text


def test_the_failure_of_a_smaller_file_stays_what_it_is(filesystem: FileSystem, files: Files) -> None:
    files.size = 100
    files.read_error = NoSuchPathException("gone while it was read")
    with pytest.raises(NoSuchPathException, match="gone while it was read"):
        asyncio.run(read(filesystem))


def test_an_exception_that_is_not_ours_still_becomes_one(filesystem: FileSystem, files: Files) -> None:
    files.size, files.read_error = 1, ZeroDivisionError("by a servicer")
    with pytest.raises(UnknownRpcException, match="ZeroDivisionError: by a servicer"):
        asyncio.run(read(filesystem))


def test_what_nobody_serves_is_not_supported(filesystem: FileSystem) -> None:
    with pytest.raises(UnsupportedOperationException, match="exists '/x' failed"):
        asyncio.run(filesystem.exists("/x"))


def test_a_large_piece_is_cut_and_the_head_goes_first(filesystem: FileSystem, files: Files) -> None:
    asyncio.run(filesystem.write_to_file("/out", [bytes(3 << 20), b"end"], size=5))
    head, *rest = files.received
    assert (head.filesystem, head.path, head.size) == (messages.FileSystem("f"), messages.Path("/out", "/"), 5)
    assert [len(request.buffer) for request in rest] == [1 << 20] * 3 + [3]


@pytest.mark.parametrize("data", ["text", 5, None, [1], ["text"], object()])
def test_data_that_is_no_bytes_is_refused(filesystem: FileSystem, data: object) -> None:
    with pytest.raises(TypeError, match="the data must"):
        asyncio.run(filesystem.write_to_file("/out", data))  # type: ignore[arg-type]  # the mistake under test


def test_requests_are_checked_and_never_encoded(filesystem: FileSystem, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(message: object) -> bytes:
        raise AssertionError(f"{message} was encoded")

    monkeypatch.setattr(codec, "ENCODERS", dict.fromkeys(codec.ENCODERS, refuse))
    for rpc in services.RPCS.values():
        monkeypatch.delitem(vars(rpc), "encode_request", raising=False)
    files.size, files.read_error = 5, NoSuchPathException("the end of the test")

    async def use() -> None:
        await filesystem.write_to_file("/out", [b"first", b"second"])
        await filesystem.get_attributes("/out")
        with pytest.raises(NoSuchPathException):
            [piece async for piece in filesystem.read_from_file("/out")]

    asyncio.run(use())
    assert [request.buffer for request in files.received] == [b"", b"first", b"second"]
    rpc = services.FILE_SYSTEM_GET_ATTRIBUTES
    for wrong in (messages.PathRequest(path="/out"), messages.Path("/out"), None):
        with pytest.raises(TypeError, match=r"must be a Path(Request)?, not "):
            asyncio.run(filesystem._channel.unary_unary(rpc, wrong))  # type: ignore[arg-type]  # the mistake under test


def test_pieces_of_a_file_are_passed_on_as_they_are(filesystem: FileSystem, files: Files) -> None:
    async def first() -> bytes:
        stream = filesystem.read_from_file("/big")
        piece = await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
        return piece

    assert asyncio.run(first()) is FIRST


def test_an_answer_with_nothing_in_it_is_the_servers_fault(filesystem: FileSystem) -> None:
    with pytest.raises(ProtocolError, match="empty GetCredentialResponse"):
        asyncio.run(filesystem.get_credential())


def test_a_conversation_that_never_begins_is_an_error() -> None:
    endpoint = InProcessEndpoint(Servicers(Files(), Mute()))
    client = Client(open_channel(endpoint), endpoint)

    async def talk() -> None:
        from pyxenon_core.scheduler import Scheduler

        scheduler = Scheduler(client.channel, messages.Scheduler("s"))
        await scheduler.submit_interactive_job(messages.JobDescription(executable="x"), [b""])

    with pytest.raises(XenonError, match="ended submit_interactive_job without a response"):
        asyncio.run(talk())


def test_a_failure_is_never_its_own_cause(filesystem: FileSystem, files: Files) -> None:
    files.size, files.read_error = 1, NoSuchPathException("gone while it was read")
    with pytest.raises(NoSuchPathException) as caught:
        asyncio.run(read(filesystem))
    assert caught.value.__cause__ is not caught.value
