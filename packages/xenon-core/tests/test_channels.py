"""The same work over each way to a server: gRPC from an event loop, gRPC in the calling thread, and servicers in this process."""

from __future__ import annotations

import asyncio
import os
import queue
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyxenon_core import messages
from pyxenon_core.client import Client, open_channel
from pyxenon_core.driving import drive
from pyxenon_core.errors import (
    FileSystemClosedException,
    NoSuchPathException,
    PathAlreadyExistsException,
    ServerUnavailableError,
    UnknownAdaptorException,
)
from pyxenon_core.filesystem import FileSystem
from pyxenon_core.messages import AppendToFileRequest, JobDescription
from pyxenon_core.services import FILE_SYSTEM_APPEND_TO_FILE
from pyxenon_core.targets import GrpcEndpoint

WAYS = ("loop", "thread")


class Way:
    """Runs coroutines over one kind of channel."""

    def __init__(self, kind: str, endpoint: GrpcEndpoint) -> None:
        self._kind = kind
        self._endpoint = endpoint

    def run(self, work: Any) -> Any:
        async def with_client() -> Any:
            # The endpoint is shared by the whole test run: only the channel is closed here.
            client = Client(open_channel(self._endpoint, blocking=self._kind == "thread"), self._endpoint)
            try:
                return await work(client)
            finally:
                await client.channel.close()

        coroutine: Coroutine[Any, Any, Any] = with_client()
        return drive(coroutine) if self._kind == "thread" else asyncio.run(coroutine)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, endpoint: GrpcEndpoint) -> Way:
    return Way(request.param, endpoint)


async def everything(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in stream])


def test_a_file_is_written_read_listed_and_deleted(way: Way, tmp_path: Path) -> None:
    data = os.urandom(5 << 20)  # more than the 4 MiB at which gRPC stops unless told otherwise

    async def work(client: Client) -> None:
        async with await client.filesystems.create("file") as filesystem:
            path = tmp_path / "data.bin"
            await filesystem.write_to_file(path, data)
            assert path.read_bytes() == data
            assert await everything(filesystem.read_from_file(path)) == data
            await filesystem.append_to_file(path, [b"more"])
            entries = [entry async for entry in filesystem.list(tmp_path)]
            assert [(entry.path.name, entry.size) for entry in entries] == [("data.bin", len(data) + 4)]
            await filesystem.delete(path)
            assert not await filesystem.exists(path)

    way.run(work)


def test_an_empty_file_and_many_reads_over_one_connection(way: Way, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "small").write_bytes(b"small")

    async def work(client: Client) -> None:
        async with await client.filesystems.create("file") as filesystem:
            for _ in range(20):
                assert await everything(filesystem.read_from_file(tmp_path / "empty")) == b""
                assert await everything(filesystem.read_from_file(tmp_path / "small")) == b"small"

    way.run(work)


def test_a_read_that_is_given_up_does_not_disturb_the_next(way: Way, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(20 << 20))
    (tmp_path / "small").write_bytes(b"small")

    async def work(client: Client) -> None:
        async with await client.filesystems.create("file") as filesystem:
            stream = filesystem.read_from_file(tmp_path / "big")
            assert await stream.__anext__()
            await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
            assert await everything(filesystem.read_from_file(tmp_path / "small")) == b"small"

    way.run(work)


def test_errors_say_what_was_attempted_on_what(way: Way, tmp_path: Path) -> None:
    (tmp_path / "there").touch()

    async def work(client: Client) -> None:
        with pytest.raises(UnknownAdaptorException, match="create 'nonsense' failed"):
            await client.filesystems.create("nonsense")
        async with await client.filesystems.create("file") as filesystem:
            with pytest.raises(NoSuchPathException, match="read_from_file '/does/not/exist'"):
                await everything(filesystem.read_from_file("/does/not/exist"))
            with pytest.raises(NoSuchPathException, match="list '/does/not/exist'"):
                [entry async for entry in filesystem.list("/does/not/exist")]
            with pytest.raises(PathAlreadyExistsException, match="write_to_file '.*there'"):
                await filesystem.write_to_file(tmp_path / "there", b"x")

    way.run(work)


def test_a_stream_that_is_refused_on_its_way_is_told_the_servers_reason(way: Way, tmp_path: Path) -> None:
    (tmp_path / "there").touch()

    async def work(client: Client) -> None:
        async with await client.filesystems.create("file") as filesystem:
            for number in range(150):
                with pytest.raises(PathAlreadyExistsException):
                    await filesystem.write_to_file(tmp_path / "there", [bytes(number % 7 * 1000)] * (number % 5 + 1))

    way.run(work)


class Broken(Exception):
    """The failure of a caller's own data."""


def breaking() -> Iterator[bytes]:
    yield b"half of it"
    raise Broken


async def breaking_later() -> AsyncIterator[bytes]:
    for piece in (b"half of it",):
        yield piece
    raise Broken


def test_requests_that_break_off_are_no_success_whoever_makes_them(way: Way, tmp_path: Path) -> None:
    (tmp_path / "log").touch()

    async def work(client: Client) -> None:
        async def requests() -> AsyncIterator[AppendToFileRequest]:
            yield AppendToFileRequest(filesystem=filesystem.handle, path=messages.Path(str(tmp_path / "log"), "/"))
            raise Broken

        async with await client.filesystems.create("file") as filesystem:
            with pytest.raises(Broken):
                await client.channel.stream_unary(FILE_SYSTEM_APPEND_TO_FILE, requests())

    way.run(work)


@pytest.mark.parametrize("source", [breaking, breaking_later])
def test_data_that_breaks_off_leaves_no_half_file(way: Way, tmp_path: Path, source: Any) -> None:
    async def work(client: Client) -> None:
        async with await client.filesystems.create("file") as filesystem:
            with pytest.raises(Broken):
                await filesystem.write_to_file(tmp_path / "half", source())
            assert not (tmp_path / "half").exists()

    way.run(work)


def breaking_at_once() -> Iterator[bytes]:
    raise Broken
    yield b"never"


@pytest.mark.parametrize("source", [breaking, breaking_at_once])
def test_data_that_breaks_off_does_not_delete_a_file_of_somebody_else(way: Way, tmp_path: Path, source: Any) -> None:
    (tmp_path / "there").write_bytes(b"precious")

    async def work(client: Client) -> None:
        async with await client.filesystems.create("file") as filesystem:
            with pytest.raises((Broken, PathAlreadyExistsException)):
                await filesystem.write_to_file(tmp_path / "there", source())

    way.run(work)
    assert (tmp_path / "there").read_bytes() == b"precious"


def test_a_closed_handle_is_known_on_both_sides(way: Way) -> None:
    async def work(client: Client) -> None:
        filesystem = await client.filesystems.create("file")
        same = FileSystem(client.channel, filesystem.handle)
        assert same == filesystem and hash(same) == hash(filesystem)
        await filesystem.close()
        await filesystem.close()
        with pytest.raises(FileSystemClosedException, match="closed by this program"):
            await filesystem.exists("/")
        with pytest.raises(FileSystemClosedException, match="the server does not know the file system"):
            await same.exists("/")
        assert not await filesystem.is_open()
        assert not await same.is_open()
        await same.close()

    way.run(work)


def test_a_conversation_goes_line_by_line(way: Way) -> None:
    async def work(client: Client) -> None:
        lines: queue.Queue[bytes | None] = queue.Queue()
        async with await client.schedulers.create("local") as scheduler:
            job, output = await scheduler.submit_interactive_job(JobDescription(executable="cat"), iter(lines.get, None))
            for line in (b"one\n", b"two\n", b"three\n"):
                lines.put(line)
                answer = b""
                while not answer.endswith(b"\n"):
                    response = await output.__anext__()
                    assert response.job == job
                    answer += response.stdout
                assert answer == line
            lines.put(None)
            assert [response async for response in output] == []
            assert (await scheduler.wait_until_done(job)).exit_code == 0

    way.run(work)


def test_a_closed_channel_says_so(way: Way) -> None:
    async def work(client: Client) -> None:
        filesystem = await client.filesystems.create("file")
        await client.channel.close()
        for attempt in (filesystem.exists("/"), everything(filesystem.read_from_file("/etc/hosts")), filesystem.write_to_file("/x", b"")):
            with pytest.raises(ServerUnavailableError, match="session was closed"):
                await attempt

    way.run(work)


def test_nobody_listening_is_a_server_that_is_unavailable(tmp_path: Path) -> None:
    endpoint = GrpcEndpoint("127.0.0.1:1", diagnose=lambda: "it was stopped by hand")

    async def work(client: Client) -> None:
        with pytest.raises(ServerUnavailableError, match="it was stopped by hand"):
            await client.filesystems.get_adaptor_names()

    for kind in WAYS:
        Way(kind, endpoint).run(work)


def test_a_refused_write_is_told_while_its_source_is_silent(way: Way, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    lines: queue.Queue[bytes | None] = queue.Queue()

    async def work(client: Client) -> None:
        async with await client.filesystems.create("file") as filesystem:
            with pytest.raises(PathAlreadyExistsException):
                await filesystem.write_to_file(tmp_path / "there", iter(lines.get, None))

    try:
        way.run(work)
    finally:
        lines.put(None)


def test_a_task_that_is_cancelled_ends_as_such_and_leaves_the_client_usable(endpoint: GrpcEndpoint) -> None:
    async def work() -> None:
        client = Client(open_channel(endpoint), endpoint)
        scheduler = await client.schedulers.create("local")
        job = await scheduler.submit_batch_job(JobDescription(executable="sleep", arguments=["30"]))
        waiting = asyncio.ensure_future(scheduler.wait_until_done(job))
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await scheduler.cancel_job(job)
        await scheduler.close()
        await client.channel.close()

    asyncio.run(work())


def test_calls_that_run_while_the_channel_is_closed_say_so(endpoint: GrpcEndpoint) -> None:
    async def work() -> None:
        client = Client(open_channel(endpoint), endpoint)
        scheduler = await client.schedulers.create("local")
        job = await scheduler.submit_batch_job(JobDescription(executable="sleep", arguments=["3"]))
        waiting = asyncio.ensure_future(scheduler.wait_until_done(job))
        await asyncio.sleep(0.1)
        await client.channel.close()
        with pytest.raises(ServerUnavailableError, match="session was closed"):
            await waiting

    asyncio.run(work())


def test_a_write_whose_task_is_cancelled_leaves_no_half_file(endpoint: GrpcEndpoint, tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"more and more"
            await asyncio.sleep(0.01)

    async def silent() -> AsyncIterator[bytes]:
        yield b"some"
        await asyncio.sleep(60)

    async def work(source: AsyncIterator[bytes], path: Path) -> None:
        client = Client(open_channel(endpoint), endpoint)
        async with await client.filesystems.create("file") as filesystem:
            writing = asyncio.ensure_future(filesystem.write_to_file(path, source))
            while not await filesystem.exists(path):  # noqa: ASYNC110 - the server creates it when it likes
                await asyncio.sleep(0.01)
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
            assert not await filesystem.exists(path)
        await client.channel.close()

    asyncio.run(work(endless(), tmp_path / "endless"))
    asyncio.run(work(silent(), tmp_path / "silent"))


def test_a_cancelled_write_does_not_delete_a_file_of_somebody_else(endpoint: GrpcEndpoint, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"precious")

    async def silent() -> AsyncIterator[bytes]:
        await asyncio.sleep(60)
        yield b"never"

    async def work(seconds: float) -> None:
        client = Client(open_channel(endpoint), endpoint)
        async with await client.filesystems.create("file") as filesystem:
            writing = asyncio.ensure_future(filesystem.write_to_file(tmp_path / "there", silent()))
            await asyncio.sleep(seconds)
            writing.cancel()
            with pytest.raises((asyncio.CancelledError, PathAlreadyExistsException)):
                await writing
        await client.channel.close()

    for number in range(40):
        asyncio.run(work(number * 0.0003))
    assert (tmp_path / "there").read_bytes() == b"precious"
