"""The synchronous API over servicers in this process: coroutines on the one loop, streams in batches, back-pressure, failures."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import xenon
from xenon import session as session_module
from xenon.exceptions import NoSuchPathException, ServerUnavailableError, XenonError
from xenon.handle import ResponseStream
from xenon_core import messages
from xenon_core.services import FileSystemServicer, SchedulerServicer, Servicers
from xenon_core.targets import InProcessEndpoint


class Files(FileSystemServicer):
    """Streams numbered pieces, and remembers how far it got."""

    def __init__(self) -> None:
        self.sent = 0
        self.written = b""
        self.closed = threading.Event()
        self.end: BaseException = NoSuchPathException("it was deleted meanwhile")

    async def create(self, request: messages.CreateFileSystemRequest, /) -> messages.FileSystem:
        return messages.FileSystem(request.adaptor)

    async def close(self, request: messages.FileSystem, /) -> messages.Empty:
        return messages.Empty()

    async def exists(self, request: messages.PathRequest, /) -> messages.Is:
        return messages.Is(value=threading.current_thread().name == "xenon-loop")

    async def read_from_file(self, request: messages.PathRequest, /) -> AsyncIterator[messages.ReadFromFileResponse]:
        try:
            for number in range(500):
                self.sent += 1
                yield messages.ReadFromFileResponse(buffer=b"%d " % number)
            raise self.end
        finally:
            self.closed.set()

    async def list(self, request: messages.ListRequest, /) -> AsyncIterator[messages.PathAttributes]:
        try:
            for number in range(100_000):
                yield messages.PathAttributes(path=messages.Path(path=f"/{number}"))
        finally:
            await asyncio.sleep(0.01)  # as one that tells another machine
            self.closed.set()

    async def write_to_file(self, requests: AsyncIterator[messages.WriteToFileRequest], /) -> messages.Empty:
        try:
            async for request in requests:
                self.written += request.buffer
        except BaseException:
            self.written = b""  # as a server must: all or nothing
            raise
        return messages.Empty()


class Echo(SchedulerServicer):
    """A conversation that answers each line with the same, and remembers where it was closed."""

    def __init__(self) -> None:
        self.closed_in = ""
        self.closed = threading.Event()

    async def create(self, request: messages.CreateSchedulerRequest, /) -> messages.Scheduler:
        return messages.Scheduler(request.adaptor)

    async def submit_interactive_job(
        self, requests: AsyncIterator[messages.SubmitInteractiveJobRequest], /
    ) -> AsyncIterator[messages.SubmitInteractiveJobResponse]:
        try:
            yield messages.SubmitInteractiveJobResponse(job=messages.Job("echo"))
            async for request in requests:
                if request.stdin:
                    yield messages.SubmitInteractiveJobResponse(job=messages.Job("echo"), stdout=request.stdin)
        finally:
            await asyncio.sleep(0.01)  # as one that tells another machine
            self.closed_in = threading.current_thread().name
            self.closed.set()


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, echo: Echo) -> Iterator[Files]:
    files = Files()
    monkeypatch.setattr(session_module, "open_target", lambda target: InProcessEndpoint(Servicers(files, echo)))
    monkeypatch.setattr(session_module, "_current", None)
    with xenon.init(target="embedded:"):
        yield files
    assert not [thread for thread in threading.enumerate() if thread.name == "xenon-loop"]


@pytest.fixture
def filesystem(files: Files) -> xenon.FileSystem:
    return xenon.FileSystem.create("f")


def test_calls_run_on_the_one_loop(filesystem: xenon.FileSystem) -> None:
    assert filesystem.exists("/") is True


def test_a_stream_arrives_in_order_and_its_failure_at_its_place(filesystem: xenon.FileSystem) -> None:
    pieces = []
    with pytest.raises(NoSuchPathException, match="read_from_file '/x' failed: it was deleted meanwhile"):
        for piece in filesystem.read_from_file("/x"):
            pieces.append(piece)
    assert b"".join(pieces) == b"".join(b"%d " % number for number in range(500))


def test_a_slow_reader_holds_the_stream_back(filesystem: xenon.FileSystem, files: Files) -> None:
    stream = filesystem.read_from_file("/x")
    next(stream)
    time.sleep(0.2)
    assert files.sent < 100
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert files.closed.wait(5)


@pytest.mark.filterwarnings("error")
def test_a_stream_that_is_left_is_closed_to_its_innermost(filesystem: xenon.FileSystem, files: Files) -> None:
    stream = filesystem.list("/")
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert files.closed.is_set()


def test_a_loop_of_the_callers_does_not_end_a_stream_with_itself(filesystem: xenon.FileSystem) -> None:
    async def begin_one() -> Iterator[xenon.PathAttributes]:
        stream = filesystem.list("/")
        next(stream)
        return stream

    assert sum(1 for _ in asyncio.run(begin_one())) == 99_999


def test_data_is_taken_from_a_callers_blocking_generator(filesystem: xenon.FileSystem, files: Files) -> None:
    filesystem.write_to_file("/x", (b"%d," % number for number in range(100)))
    assert files.written == b"".join(b"%d," % number for number in range(100))


def test_data_that_breaks_off_breaks_off_at_the_server(filesystem: xenon.FileSystem, files: Files) -> None:
    def breaking() -> Iterator[bytes]:
        yield b"half"
        raise LookupError("of the caller's own")

    with pytest.raises(LookupError, match="of the caller's own"):
        filesystem.write_to_file("/x", breaking())
    assert files.written == b""


def test_a_conversation_crosses_the_bridge_line_by_line(files: Files) -> None:
    import queue

    lines: queue.Queue[bytes | None] = queue.Queue()
    job, output = xenon.Scheduler.create("s").submit_interactive_job(xenon.JobDescription(executable="x"), iter(lines.get, None))
    assert job == xenon.Job("echo")
    for line in (b"one", b"two"):
        lines.put(line)
        assert next(output).stdout == line
    lines.put(None)
    assert list(output) == []


def talk() -> tuple[xenon.Job, ResponseStream[Any]]:
    return xenon.Scheduler.create("s").submit_interactive_job(xenon.JobDescription(executable="x"), b"one")


def test_output_that_is_closed_before_it_is_read_ends_the_conversation(files: Files, echo: Echo) -> None:
    with talk()[1]:
        assert not echo.closed.is_set()
    assert echo.closed_in == "xenon-loop"


def test_output_that_is_dropped_before_it_is_read_ends_the_conversation(files: Files, echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    talk()
    gc.collect()
    assert echo.closed.wait(10)
    assert echo.closed_in == "xenon-loop"
    assert complaints == []


def test_output_that_was_read_to_its_end_can_be_closed_too(files: Files, echo: Echo) -> None:
    _, output = talk()
    assert [item.stdout for item in output] == [b"one"]
    output.close()
    output.close()


def test_output_can_be_closed_after_the_session(files: Files, echo: Echo) -> None:
    _, output = talk()
    xenon.init(target="embedded:").close()
    output.close()


def test_a_closed_session_says_so_to_calls_and_streams(filesystem: xenon.FileSystem) -> None:
    stream = filesystem.read_from_file("/x")
    next(stream)
    xenon.init(target="embedded:").close()
    with pytest.raises(ServerUnavailableError, match="the session was closed"):
        filesystem.exists("/")
    with pytest.raises(ServerUnavailableError, match="the session was closed"):
        list(stream)


def test_a_stream_that_the_server_cancels_leaves_no_reader_waiting(filesystem: xenon.FileSystem, files: Files) -> None:
    files.end = asyncio.CancelledError()
    with pytest.raises(XenonError, match="the server cancelled the call"):
        list(filesystem.read_from_file("/x"))


def test_a_program_may_run_coroutines_of_its_own_through_the_portal(filesystem: xenon.FileSystem) -> None:
    async def several() -> list[bool]:
        await asyncio.sleep(0)
        return await asyncio.wait_for(asyncio.gather(*(filesystem.core.exists("/") for _ in range(3))), 10)

    async def numbers() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    portal = xenon.init(target="embedded:").portal
    assert portal.call(several()) == [True] * 3
    assert list(portal.iterate(numbers())) == [0, 1, 2]


# --- answered in the thread of the caller ---


class Anywhere(Files):
    """Remembers in which threads it was called, and leaves its stream when it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[str] = []
        self.entries = 3
        self.failure: Exception | None = None

    async def exists(self, request: messages.PathRequest, /) -> messages.Is:
        self.threads.append(threading.current_thread().name)
        return messages.Is(value=True)

    async def get_attributes(self, request: messages.PathRequest, /) -> messages.PathAttributes:
        self.threads.append(threading.current_thread().name)
        raise NoSuchPathException("nothing is there")

    async def list(self, request: messages.ListRequest, /) -> AsyncIterator[messages.PathAttributes]:
        try:
            for number in range(self.entries):
                self.threads.append(threading.current_thread().name)
                yield messages.PathAttributes(path=messages.Path(path=f"/{number}"))
            if self.failure is not None:
                raise self.failure
        finally:
            self.threads.append(f"closed in {threading.current_thread().name}")


HERE = threading.current_thread().name


@pytest.fixture
def anywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Anywhere]:
    files = Anywhere()
    endpoint = InProcessEndpoint(
        Servicers(files, Echo()), answers_anywhere=lambda rpc, request: rpc.name in ("exists", "get_attributes", "list", "write_to_file")
    )
    monkeypatch.setattr(session_module, "open_target", lambda target: endpoint)
    monkeypatch.setattr(session_module, "_current", None)
    with xenon.init(target="embedded:"):
        yield files


def test_what_can_be_answered_anywhere_is_answered_where_it_is_asked(anywhere: Anywhere) -> None:
    filesystem = xenon.FileSystem.create("f")
    assert filesystem.exists("/") is True
    with pytest.raises(NoSuchPathException, match="get_attributes '/x' failed: nothing is there"):
        filesystem.get_attributes("/x")
    assert [str(entry.path) for entry in filesystem.list("/")] == ["/0", "/1", "/2"]
    assert anywhere.threads == [HERE] * 5 + [f"closed in {HERE}"]
    assert b"".join(filesystem.read_from_file("/x").__next__() for _ in range(1)) == b"0 "  # which needs the loop, as ever


def test_data_that_only_an_event_loop_can_wait_for_is_waited_for_there(anywhere: Anywhere) -> None:
    async def slow() -> AsyncIterator[bytes]:
        for piece in (b"one", b"two"):
            await asyncio.sleep(0.01)
            anywhere.threads.append(threading.current_thread().name)
            yield piece

    filesystem = xenon.FileSystem.create("f")
    filesystem.write_to_file("/x", slow())
    assert (anywhere.written, set(anywhere.threads)) == (b"onetwo", {"xenon-loop"})
    filesystem.write_to_file("/x", iter([b"three"]))
    assert anywhere.written == b"onetwothree"


def test_a_caller_with_an_event_loop_of_its_own_is_answered_alike(anywhere: Anywhere) -> None:
    async def ask() -> bool:
        return filesystem.exists("/") and len(list(filesystem.list("/"))) == 3

    filesystem = xenon.FileSystem.create("f")
    assert asyncio.run(ask())
    assert set(anywhere.threads) == {HERE, f"closed in {HERE}"}


@pytest.mark.parametrize("entries", [0, 1, 2, 99, 100, 101, 102, 1000])
@pytest.mark.parametrize("failure", [None, NoSuchPathException("it was deleted meanwhile")])
def test_all_of_a_stream_comes_and_then_its_end(anywhere: Anywhere, entries: int, failure: Exception | None) -> None:
    anywhere.entries, anywhere.failure = entries, failure
    stream = xenon.FileSystem.create("f").list("/")
    assert [str(next(stream).path) for _ in range(entries)] == [f"/{number}" for number in range(entries)]
    with pytest.raises(StopIteration if failure is None else NoSuchPathException):
        next(stream)
    assert anywhere.threads == [HERE] * entries + [f"closed in {HERE}"]


def test_a_stream_that_is_left_in_the_middle_is_closed_at_once(anywhere: Anywhere) -> None:
    stream = xenon.FileSystem.create("f").list("/")
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert anywhere.threads == [HERE, f"closed in {HERE}"]


def test_a_closed_session_ends_what_is_answered_anywhere_too(anywhere: Anywhere) -> None:
    filesystem = xenon.FileSystem.create("f")
    stream = filesystem.list("/")
    next(stream)
    xenon.init(target="embedded:").close()
    with pytest.raises(ServerUnavailableError, match="the session was closed"):
        filesystem.exists("/")
    with pytest.raises(ServerUnavailableError, match="the session was closed"):
        list(stream)
    assert anywhere.threads == [HERE, f"closed in {HERE}"]


def test_a_server_that_cannot_be_ended_leaves_no_thread_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(session_module, "open_target", lambda target: InProcessEndpoint(Servicers(Files(), Echo()), fail))
    monkeypatch.setattr(session_module, "_current", None)
    session = xenon.init(target="embedded:")
    with pytest.raises(OSError, match="the disk is gone"):
        session.close()
    session.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "xenon-loop"]
    with pytest.raises(ServerUnavailableError, match="the session was closed"):
        session.portal.call(session.client.filesystems.get_adaptor_names())
