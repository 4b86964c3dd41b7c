"""A server in this process used from another event loop, in another thread."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

import pyxenon_core
from embedded import until
from pyxenon_core import messages
from pyxenon_core.client import Client
from pyxenon_core.errors import NoSuchPathException, SessionClosedError, UnknownRpcException
from pyxenon_core.filesystem import FileSystem
from pyxenon_core.home_loop import HomeLoop
from pyxenon_core.scheduler import Scheduler
from pyxenon_core.services import FileSystemServicer, SchedulerServicer, Servicers
from pyxenon_core.targets import InProcessEndpoint

SECONDS = 60
FOR_EVER = 3600


class Files(FileSystemServicer):
    """Notes on which thread it is called, and what becomes of its calls."""

    def __init__(self) -> None:
        self.threads: set[int] = set()
        self.begun: list[str] = []
        self.notes: list[str] = []
        self.received: list[bytes] = []
        self.closed = 0

    async def exists(self, request: messages.PathRequest, /) -> messages.Is:
        self.threads.add(threading.get_ident())
        name = request.path.path if request.path else ""
        if name == "missing":
            raise NoSuchPathException("there is nothing", adaptor="some")
        if name == "broken":
            raise ZeroDivisionError("a mistake in the server")
        if name == "slow":
            try:
                self.begun.append(name)
                await asyncio.sleep(FOR_EVER)
            finally:
                await asyncio.sleep(0.05)  # giving things back takes a while
                self.notes.append("slow ended")
        return messages.Is(value=True)

    async def read_from_file(self, request: messages.PathRequest, /) -> AsyncIterator[messages.ReadFromFileResponse]:
        self.threads.add(threading.get_ident())
        try:
            for number in range(1000):
                if request.path and request.path.path == "silent" and number == 1:
                    self.begun.append("silent")
                    await asyncio.sleep(FOR_EVER)
                yield messages.ReadFromFileResponse(b"%d" % number)
        finally:
            await asyncio.sleep(0.02)
            self.notes.append("read ended")

    async def write_to_file(self, requests: AsyncIterator[messages.WriteToFileRequest], /) -> messages.Empty:
        self.threads.add(threading.get_ident())
        try:
            async for request in requests:
                if request.buffer:
                    self.received.append(request.buffer)
                if request.buffer == b"refuse":
                    raise NoSuchPathException("the disk has gone")
        except BaseException as error:
            self.notes.append(f"write ended: {type(error).__name__}")
            raise
        self.notes.append("written")
        return messages.Empty()

    async def aclose(self) -> None:
        self.threads.add(threading.get_ident())
        self.closed += 1


class Jobs(SchedulerServicer):
    """Repeats what it is told."""

    async def submit_interactive_job(
        self, requests: AsyncIterator[messages.SubmitInteractiveJobRequest], /
    ) -> AsyncIterator[messages.SubmitInteractiveJobResponse]:
        yield messages.SubmitInteractiveJobResponse(job=messages.Job("job"))
        async for request in requests:
            if request.stdin:
                yield messages.SubmitInteractiveJobResponse(stdout=request.stdin)


class Home:
    """A server at home in a loop in a thread of its own, and clients of it in the test's loop."""

    def __init__(self) -> None:
        self.files = Files()
        self.endpoint = InProcessEndpoint(Servicers(self.files, Jobs()), aclose=self.files.aclose)
        self.loop = asyncio.new_event_loop()
        self.goes_on: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._run_loop, daemon=True)
        self.thread.start()
        self.run(self._settle())

    def _run_loop(self) -> None:
        """Run the loop, and again each time that it was just stopped: in the same thread, by which Python 3.14 knows its tasks."""
        self.loop.run_forever()
        while self.goes_on.get():
            self.loop.run_forever()

    async def _settle(self) -> None:
        assert self.endpoint.home.is_here

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        return future.result(SECONDS)

    def stop(self) -> None:
        """End the loop as asyncio.run does: what is left on it is cancelled."""
        if self.loop.is_closed():
            return
        self.run(self._cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.goes_on.put(False)
        self.thread.join(SECONDS)
        self.loop.close()

    @staticmethod
    async def _cancel_all() -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def home() -> Iterator[Home]:
    made = Home()
    yield made
    made.stop()


Scenario = Callable[[Client, FileSystem], Coroutine[Any, Any, None]]


def visit(home: Home, scenario: Scenario) -> None:
    """Run *scenario* with a client in another loop than the server's, and look that no task of it is left on either."""

    async def run() -> None:
        async with await pyxenon_core.connect(home.endpoint.lent()) as client:
            await asyncio.wait_for(scenario(client, FileSystem(client.channel, messages.FileSystem("f"))), SECONDS)
        await asyncio.sleep(0.02)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())
    if not home.loop.is_closed():
        assert home.run(count_tasks()) == 1, "something is left running at home"
    assert threading.get_ident() not in home.files.threads


async def count_tasks() -> int:
    return len(asyncio.all_tasks())


def test_calls_and_their_errors(home: Home) -> None:
    async def scenario(_client: Client, files: FileSystem) -> None:
        assert await files.exists("x")
        assert all(await asyncio.gather(*(files.exists(str(number)) for number in range(200))))
        with pytest.raises(NoSuchPathException, match="there is nothing") as caught:
            await files.exists("missing")
        assert (caught.value.operation, caught.value.subject, caught.value.adaptor) == ("exists", "'missing'", "some")
        with pytest.raises(UnknownRpcException, match="ZeroDivisionError: a mistake"):
            await files.exists("broken")

    visit(home, scenario)
    assert home.files.closed == 0, "a guest does not close the server"


def test_streams_each_way(home: Home) -> None:
    async def source() -> AsyncIterator[bytes]:
        assert threading.get_ident() not in home.files.threads
        for number in range(100):
            yield b"%d" % number

    async def scenario(_client: Client, files: FileSystem) -> None:
        assert [piece async for piece in files.read_from_file("x")] == [b"%d" % number for number in range(1000)]
        await files.write_to_file("x", source())
        assert home.files.received == [b"%d" % number for number in range(100)]
        await files.write_to_file("x", iter([b"from", b"an iterator"]))

    visit(home, scenario)
    assert home.files.notes == ["read ended", "written", "written"]


def test_a_conversation_item_by_item(home: Home) -> None:
    async def scenario(client: Client, _files: FileSystem) -> None:
        questions: asyncio.Queue[bytes] = asyncio.Queue()

        async def stdin() -> AsyncIterator[bytes]:
            while item := await questions.get():
                yield item

        scheduler = Scheduler(client.channel, messages.Scheduler("s"))
        job, output = await scheduler.submit_interactive_job(messages.JobDescription(executable="x"), stdin())
        assert job.id == "job"
        for text in (b"one", b"two", b"three"):
            questions.put_nowait(text)
            assert (await anext(output)).stdout == text
        questions.put_nowait(b"")
        assert [item async for item in output] == []

    visit(home, scenario)


def test_who_is_cancelled_goes_on_when_the_call_has_ended(home: Home) -> None:
    async def scenario(_client: Client, files: FileSystem) -> None:
        for name, call in (("slow", files.exists("slow")), ("silent", collect(files, "silent"))):
            task = asyncio.ensure_future(call)
            await until(lambda name=name: name in home.files.begun, f"{name} begins")  # type: ignore[misc]  # bound now
            noted = len(home.files.notes)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(home.files.notes) == noted + 1, "it goes on at home"

    visit(home, scenario)
    assert home.files.notes == ["slow ended", "read ended"]


async def collect(files: FileSystem, path: str) -> list[bytes]:
    return [piece async for piece in files.read_from_file(path)]


def test_a_reader_that_stops_ends_the_stream_at_home(home: Home) -> None:
    async def scenario(_client: Client, files: FileSystem) -> None:
        reading = files.read_from_file("x")
        assert await anext(reading) == b"0"
        await reading.aclose()  # type: ignore[attr-defined]  # a generator
        assert home.files.notes == ["read ended"]

    visit(home, scenario)


@pytest.mark.parametrize("how", ["cancelled", "failing", "refused"])
def test_a_write_that_ends_early_closes_its_source(home: Home, how: str) -> None:
    closed: list[int] = []

    async def source() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            if how == "failing":
                raise LookupError("the caller's own")
            if how == "refused":
                yield b"refuse"
            while True:
                await asyncio.sleep(0.01)
                yield b"more"
        finally:
            closed.append(threading.get_ident())

    async def scenario(_client: Client, files: FileSystem) -> None:
        task = asyncio.ensure_future(files.write_to_file("x", source()))
        await until(lambda: bool(home.files.received) or task.done(), "the write begins")
        if how == "cancelled":
            task.cancel()
        with pytest.raises({"cancelled": asyncio.CancelledError, "failing": LookupError, "refused": NoSuchPathException}[how]):
            await task
        assert closed == [threading.get_ident()], "the source is the caller's, and is closed in the caller's loop"

    visit(home, scenario)
    error = {"cancelled": "CancelledError", "failing": "LookupError", "refused": "NoSuchPathException"}[how]
    assert home.files.notes == [f"write ended: {error}"]


def test_the_home_loop_ends_with_calls_under_way(home: Home) -> None:
    async def scenario(_client: Client, files: FileSystem) -> None:
        async def endless() -> AsyncIterator[bytes]:
            while True:
                await asyncio.sleep(0.01)
                yield b"x"

        reading = files.read_from_file("x")
        await anext(reading)
        under_way = [
            asyncio.ensure_future(files.exists("slow")),
            asyncio.ensure_future(collect(files, "silent")),
            asyncio.ensure_future(files.write_to_file("x", endless())),
        ]
        await until(lambda: {*home.files.begun} == {"slow", "silent"} and bool(home.files.received), "all calls are under way")
        await asyncio.to_thread(home.stop)
        for outcome in await asyncio.gather(*under_way, return_exceptions=True):
            assert isinstance(outcome, SessionClosedError), repr(outcome)
        with pytest.raises(SessionClosedError):
            await collect(files, "x")
        with pytest.raises(SessionClosedError):
            await files.exists("x")
        with pytest.raises(SessionClosedError):
            [piece async for piece in reading]

    visit(home, scenario)


def test_a_home_loop_that_just_stops(home: Home) -> None:
    """As a program does that stops its loop and leaves what is on it: nobody waits for ever."""

    async def scenario(_client: Client, files: FileSystem) -> None:
        task = asyncio.ensure_future(files.exists("slow"))
        await until(lambda: "slow" in home.files.begun, "the call begins")
        home.loop.call_soon_threadsafe(home.loop.stop)
        with pytest.raises(SessionClosedError):
            await asyncio.wait_for(task, SECONDS)

    async def run() -> None:
        async with await pyxenon_core.connect(home.endpoint.lent()) as client:
            await scenario(client, FileSystem(client.channel, messages.FileSystem("f")))

    asyncio.run(run())
    home.goes_on.put(True)


def test_a_guest_whose_loop_ends_leaves_nothing_at_home(home: Home) -> None:
    async def visit_briefly() -> None:
        client = await pyxenon_core.connect(home.endpoint.lent())
        files = FileSystem(client.channel, messages.FileSystem("f"))

        async def endless() -> AsyncIterator[bytes]:
            while True:
                await asyncio.sleep(0.01)
                yield b"x"

        tasks = [asyncio.ensure_future(files.write_to_file("x", endless())), asyncio.ensure_future(files.exists("slow"))]
        await until(lambda: "slow" in home.files.begun and bool(home.files.received), "both calls are under way")
        assert not any(task.done() for task in tasks)

    asyncio.run(visit_briefly())
    end = time.monotonic() + SECONDS
    while home.run(count_tasks()) > 1 and time.monotonic() < end:
        time.sleep(0.01)
    assert home.run(count_tasks()) == 1
    assert sorted(home.files.notes) == ["slow ended", "write ended: CancelledError"]


def test_a_closed_client_ends_its_streams_and_leaves_the_server(home: Home) -> None:
    async def run() -> None:
        client = await pyxenon_core.connect(home.endpoint.lent())
        files = FileSystem(client.channel, messages.FileSystem("f"))
        reading = files.read_from_file("x")
        await anext(reading)
        await client.close()
        with pytest.raises(SessionClosedError):
            await anext(reading)
        with pytest.raises(SessionClosedError):
            await files.exists("x")
        async with await pyxenon_core.connect(home.endpoint.lent()) as other:
            assert await FileSystem(other.channel, messages.FileSystem("f")).exists("x")

    asyncio.run(run())
    assert home.files.notes == ["read ended"]
    assert home.files.closed == 0


def test_the_owner_closes_the_server_at_home() -> None:
    async def elsewhere(endpoint: InProcessEndpoint) -> None:
        async with await pyxenon_core.connect(endpoint) as client:
            assert await FileSystem(client.channel, messages.FileSystem("f")).exists("x")

    owned = Home()
    with contextlib.closing(contextlib.ExitStack()) as stack:
        stack.callback(owned.stop)
        asyncio.run(elsewhere(owned.endpoint))
        assert owned.files.closed == 1
        assert owned.files.threads == {owned.thread.ident}


def test_the_first_call_decides_where_home_is() -> None:
    home = HomeLoop()

    async def call() -> bool:
        return home.is_here

    assert asyncio.run(call())
    assert not asyncio.run(call())

    async def later() -> None:
        with pytest.raises(SessionClosedError, match="has ended"):
            await home.call(call)

    asyncio.run(later())
