"""What the server says, and what becomes of its servicers when a client is slow, fails or goes away; over the SDK's own channels."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio
import pytest
from serve_servants import PIECE

import pyxenon_core
from pyxenon_core import messages, services
from pyxenon_core.errors import (
    NoSuchPathException,
    PathAlreadyExistsException,
    PermissionDeniedException,
    Status,
    UnknownRpcException,
    UnsupportedOperationException,
    XenonError,
)
from pyxenon_core.filesystem import FileSystem
from pyxenon_core.scheduler import Scheduler

Running = Callable[[], contextlib.AbstractAsyncContextManager[Any]]
HANDLE = messages.FileSystem("f")
MIB = 1 << 20


@contextlib.asynccontextmanager
async def connected(running: Running) -> AsyncIterator[tuple[Any, FileSystem, Scheduler]]:
    async with running() as server, await pyxenon_core.connect(server.target) as client:
        yield server, FileSystem(client.channel, HANDLE), Scheduler(client.channel, messages.Scheduler("s"))


# --- errors ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("/missing", NoSuchPathException, "Path does not exist: /missing"),
        ("/there", PathAlreadyExistsException, "Path already exists: /there"),
        ("/denied", PermissionDeniedException, "not yours"),
    ],
)
def test_an_error_arrives_as_what_it_was(running: Running, path: str, error: type[XenonError], words: str) -> None:
    async def work() -> None:
        async with connected(running) as (_, files, _):
            with pytest.raises(error, match=words) as caught:
                await files.exists(path)
            assert caught.value.adaptor == "file"
            assert caught.value.operation == "exists"

    asyncio.run(work())


def test_an_error_in_the_middle_of_a_stream_arrives(running: Running) -> None:
    async def work() -> None:
        async with connected(running) as (_, files, _):
            with pytest.raises(PathAlreadyExistsException):
                await files.write_to_file("/there", [PIECE] * 50)
            with pytest.raises(XenonError, match=r"cannot send the answer.*not valid UTF-8") as caught:
                [entry async for entry in files.list("/bad")]
            assert caught.value.status is Status.INTERNAL

    asyncio.run(work())


def test_an_exception_that_nobody_foresaw_is_logged_with_where_and_told_without_its_words(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> str:
        async with connected(running) as (_, files, _):
            with pytest.raises(UnknownRpcException) as caught:
                await files.exists("/bug")
            with pytest.raises(UnknownRpcException, match="OSError"):
                await files.exists("/disk")
            assert caught.value.status is Status.UNKNOWN
            return str(caught.value)

    with caplog.at_level(logging.DEBUG):
        told = asyncio.run(work())
    assert "ValueError" in told
    assert "in exists" in caplog.text and "serve_servants.py" in caplog.text
    assert "Input/output error" in caplog.text
    assert "hunter2" not in told + caplog.text


def test_what_is_not_served_is_not_supported(running: Running) -> None:
    async def work() -> None:
        async with connected(running) as (_, files, jobs):
            with pytest.raises(UnsupportedOperationException, match="does not provide rename"):
                await files.rename("/a", "/b")
            with pytest.raises(UnsupportedOperationException):
                await jobs.get_queue_names()

    asyncio.run(work())


def test_a_servicer_that_was_cancelled_by_itself_leaves_nobody_waiting(running: Running) -> None:
    async def work() -> None:
        async with connected(running) as (_, files, _):
            with pytest.raises(XenonError, match="cancelled the call") as caught:
                await asyncio.wait_for(files.exists("/cancelled"), 60)
            assert caught.value.status is Status.CANCELLED

    asyncio.run(work())


def test_the_words_of_an_error_fit_into_a_header(running: Running) -> None:
    async def work() -> None:
        async with connected(running) as (_, files, _):
            with pytest.raises(NoSuchPathException, match="…") as caught:
                await files.exists("/long")
            assert 300 < caught.value.reason.count("ü") < 1000
            with pytest.raises(NoSuchPathException, match=r"no such path: /\\udcff"):
                await files.exists("/odd")

    asyncio.run(work())


@pytest.mark.parametrize("rpc", [services.FILE_SYSTEM_EXISTS, services.FILE_SYSTEM_LIST])
def test_a_request_that_is_no_message_is_refused(running: Running, rpc: services.Rpc[Any, Any]) -> None:
    async def work() -> None:
        async with running() as server, grpc.aio.insecure_channel(server.target) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                if rpc.server_streaming:
                    [message async for message in channel.unary_stream(rpc.path)(b"\xff\xff")]
                else:
                    await channel.unary_unary(rpc.path)(b"\xff\xff")
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "java.lang.IllegalArgumentException" in (caught.value.details() or "")

    asyncio.run(work())


def test_a_method_that_does_not_exist_is_unimplemented(running: Running) -> None:
    async def work() -> None:
        async with running() as server, grpc.aio.insecure_channel(server.target) as channel:
            for path in ("/xenon.FileSystemService/fly", "/other.Service/call"):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await channel.unary_unary(path)(b"")
                assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    asyncio.run(work())


# --- streams and back-pressure ----------------------------------------------------------------------------------------------------------


def test_large_files_go_both_ways_as_many_messages(running: Running) -> None:
    async def work() -> None:
        async with connected(running) as (server, files, _):
            size = sum([len(piece) async for piece in files.read_from_file("/64")])
            assert size == 64 * MIB
            server.services.files.pieces = 0
            await files.write_to_file("/out", [PIECE] * 64)
            assert server.notes[-1] == f"whole file of {64 * MIB}"

    asyncio.run(work())


def test_one_message_may_be_of_any_size(running: Running) -> None:
    async def work() -> None:
        path = services.FILE_SYSTEM_WRITE_TO_FILE.path
        async with running() as server, grpc.aio.insecure_channel(server.target, [("grpc.max_send_message_length", -1)]) as channel:
            request = messages.WriteToFileRequest(path=messages.Path("/x"), buffer=bytes(32 * MIB))
            call = channel.stream_unary(path)(iter([services.FILE_SYSTEM_WRITE_TO_FILE.encode_request(request)]))
            await call
            assert server.notes[-1] == f"whole file of {32 * MIB}"

    asyncio.run(work())


async def settled(value: Callable[[], int]) -> int:
    """*value* once it has not grown for half a second."""
    known, since = value(), time.monotonic()
    while time.monotonic() - since < 0.5:
        await asyncio.sleep(0.02)
        if value() != known:
            known, since = value(), time.monotonic()
    return known


def test_a_slow_reader_makes_the_server_wait(running: Running) -> None:
    """Of an endless file, the server makes little more than what the client takes, however long that looks away."""

    async def work() -> None:
        rpc = services.FILE_SYSTEM_READ_FROM_FILE
        async with running() as server, grpc.aio.insecure_channel(server.target) as channel:
            call = channel.unary_stream(rpc.path)(rpc.encode_request(messages.PathRequest(HANDLE, messages.Path("/endless"))))
            for taken in (1, 2, 3, 4, 5):
                await call.read()
                assert await settled(lambda: server.services.files.pieces) - taken <= 16
            call.cancel()
            await server.noted("read closed")

    asyncio.run(work())


def test_a_slow_servicer_makes_the_writer_wait(running: Running) -> None:
    async def work() -> None:
        rpc = services.FILE_SYSTEM_WRITE_TO_FILE
        sent = 0
        async with running() as server, grpc.aio.insecure_channel(server.target) as channel:
            files = server.services.files
            files.gate.clear()
            call = channel.stream_unary(rpc.path)()

            async def send() -> None:
                nonlocal sent
                while sent < 200:
                    await call.write(rpc.encode_request(messages.WriteToFileRequest(buffer=PIECE)))
                    sent += 1
                await call.done_writing()

            sending = asyncio.ensure_future(send())
            assert await settled(lambda: sent) <= 16
            files.gate.set()
            await asyncio.wait_for(asyncio.gather(sending, call), 60)
            assert server.notes[-1] == f"whole file of {200 * MIB}"

    asyncio.run(work())


def test_a_conversation_goes_back_and_forth_without_waiting_for_more(running: Running) -> None:
    async def work() -> None:
        async with connected(running) as (server, _, jobs):
            words: asyncio.Queue[bytes | None] = asyncio.Queue()

            async def say() -> AsyncIterator[bytes]:
                while (word := await words.get()) is not None:
                    yield word

            job, output = await jobs.submit_interactive_job(messages.JobDescription(executable="cat"), say())
            assert job.id == "1"
            first = await anext(output)  # what came with the description: nothing
            for word in (b"one", b"two", b"three"):
                await words.put(word)
                while not (answer := await asyncio.wait_for(anext(output), 60)).stdout:
                    pass
                assert answer.stdout == word
            await words.put(None)
            assert [item async for item in output] == []
            assert first.stdout == b""
            assert server.notes == ["job began", "input ended", "job ended"]

    asyncio.run(work())


def test_a_hundred_calls_run_at_once(running: Running) -> None:
    async def work() -> None:
        async with connected(running) as (server, files, jobs):

            async def talk(number: int) -> bytes:
                async def say() -> AsyncIterator[bytes]:
                    yield str(number).encode()

                _, output = await jobs.submit_interactive_job(messages.JobDescription(executable="cat"), say())
                return b"".join([item.stdout async for item in output])

            server.services.files.gate.clear()  # no wait ends before all have begun
            waits = [asyncio.ensure_future(files.wait_until_done(messages.CopyOperation("c"), timeout=1)) for _ in range(100)]
            assert await asyncio.gather(*map(talk, range(100))) == [str(number).encode() for number in range(100)]
            await server.noted("wait began", count=100)
            assert not any(wait.done() for wait in waits)
            server.services.files.gate.set()
            assert all(status.done for status in await asyncio.gather(*waits))
            assert server.notes.count("wait began") == 100

    asyncio.run(work())


# --- clients that go away ----------------------------------------------------------------------------------------------------------------


def test_a_call_that_is_cancelled_ends_what_it_started(running: Running) -> None:
    async def work() -> None:
        async with connected(running) as (server, files, _):
            waiting = asyncio.ensure_future(files.wait_until_done(messages.CopyOperation("c")))
            await server.noted("wait began")
            waiting.cancel()
            await server.noted("wait cancelled")

    asyncio.run(work())


def test_a_reader_that_stops_early_closes_the_file(running: Running) -> None:
    async def work() -> None:
        async with connected(running) as (server, files, _):
            stream = files.read_from_file("/endless")
            await anext(stream)
            await stream.aclose()  # type: ignore[attr-defined]
            await server.noted("read closed")

    asyncio.run(work())


@pytest.mark.parametrize("seed", range(5))
def test_a_file_that_is_cut_off_is_never_taken_for_whole(running: Running, seed: int) -> None:
    """However a client goes in the middle of a file, and at whatever moment: its servicer is not told that this was all."""
    chance = random.Random(seed)
    rpc = services.FILE_SYSTEM_WRITE_TO_FILE

    async def work() -> None:
        async with running() as server:
            for round_ in range(40):
                channel = grpc.aio.insecure_channel(server.target, [("grpc.use_local_subchannel_pool", 1)])
                call = channel.stream_unary(rpc.path)()
                for _ in range(chance.randrange(1, 4)):
                    await call.write(rpc.encode_request(messages.WriteToFileRequest(buffer=bytes(chance.randrange(1, 50_000)))))
                await asyncio.sleep(chance.random() * chance.choice((0, 0.003)))
                if round_ % 2:
                    call.cancel()
                await channel.close()
            await asyncio.sleep(0.3)
            assert not [line for line in server.notes if line.startswith("whole")]
            assert "write broken by CancelledError" in server.notes

    asyncio.run(work())


CLIENT = """
import asyncio, sys
import pyxenon_core
from pyxenon_core import messages
from pyxenon_core.filesystem import FileSystem
from pyxenon_core.scheduler import Scheduler

async def endless():
    while True:
        yield bytes(100_000)

async def main(target, what):
    async with await pyxenon_core.connect(target) as client:
        files = FileSystem(client.channel, messages.FileSystem("f"))
        if what == "read":
            async for piece in files.read_from_file("/endless"):
                pass
        elif what == "write":
            await files.write_to_file("/out", endless())
        else:
            jobs = Scheduler(client.channel, messages.Scheduler("s"))
            _, output = await jobs.submit_interactive_job(messages.JobDescription(executable="cat"), endless())
            async for item in output:
                pass

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("what", "began", "ended"),
    [
        ("read", "read began", "read closed"),
        ("write", "write began", "write broken by CancelledError"),
        ("job", "job began", "job killed"),
    ],
)
def test_a_client_that_is_killed_frees_what_it_held(running: Running, what: str, began: str, ended: str) -> None:
    async def work() -> None:
        async with running() as server:
            client = await asyncio.to_thread(subprocess.Popen, [sys.executable, "-c", CLIENT, server.target, what])
            try:
                await server.noted(began)
                await asyncio.sleep(0.1)
                client.send_signal(signal.SIGKILL)
                await server.noted(ended)
            finally:
                client.kill()
                client.wait()
            await asyncio.sleep(0.1)
            assert not [line for line in server.notes if line.startswith(("whole", "input ended"))]
            left = [task.get_name() for task in asyncio.all_tasks() if "HandleExceptions" in task.get_name()]
            assert left == []

    asyncio.run(work())


def test_what_is_half_sent_when_the_server_stops_is_not_whole(running: Running) -> None:
    async def work() -> None:
        rpc = services.FILE_SYSTEM_WRITE_TO_FILE
        async with running() as server, grpc.aio.insecure_channel(server.target) as channel:
            call = channel.stream_unary(rpc.path)()
            await call.write(rpc.encode_request(messages.WriteToFileRequest(buffer=PIECE)))
            await server.noted("write began")
            await server.server.stop(0.1)
            assert server.notes == ["write began", "write broken by CancelledError"]
            with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
                await call

    asyncio.run(work())
