"""The synchronous API over servicers in this process: coroutines on the one loop, streams in batches, back-pressure, failures."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
import weakref
from collections.abc import AsyncIterator, Iterator

import pytest

import xenon
from pyxenon import session as session_module
from pyxenon.portal import LoopPortal
from pyxenon_core import messages
from pyxenon_core.services import FileSystemServicer, SchedulerServicer, Servicers
from pyxenon_core.targets import InProcessEndpoint
from xenon.exceptions import NoSuchPathException, ServerUnavailableError, XenonError


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

    async def write_to_file(self, requests: AsyncIterator[messages.WriteToFileRequest], /) -> messages.Empty:
        try:
            async for request in requests:
                self.written += request.buffer
        except BaseException:
            self.written = b""  # as a server must: all or nothing
            raise
        return messages.Empty()


class Echo(SchedulerServicer):
    """A conversation that answers each line with the same."""

    async def create(self, request: messages.CreateSchedulerRequest, /) -> messages.Scheduler:
        return messages.Scheduler(request.adaptor)

    async def submit_interactive_job(
        self, requests: AsyncIterator[messages.SubmitInteractiveJobRequest], /
    ) -> AsyncIterator[messages.SubmitInteractiveJobResponse]:
        yield messages.SubmitInteractiveJobResponse(job=messages.Job("echo"))
        async for request in requests:
            if request.stdin:
                yield messages.SubmitInteractiveJobResponse(job=messages.Job("echo"), stdout=request.stdin)


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    files = Files()
    monkeypatch.setattr(session_module, "open_target", lambda target: InProcessEndpoint(Servicers(files, Echo())))
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
    assert files.closed.wait(60)


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


# --- the portal itself ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def portal() -> Iterator[LoopPortal]:
    portal = LoopPortal()
    yield portal
    portal.close()


class Failure(Exception):
    """Something that a call raises."""


def test_an_interrupt_ends_the_wait_at_once_and_cancels_the_call(portal: LoopPortal) -> None:
    cancelled = threading.Event()
    caller = threading.get_ident()

    async def wait() -> None:
        signal.pthread_kill(caller, signal.SIGINT)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(KeyboardInterrupt):
        portal.call(wait())
    assert cancelled.wait(60)


def test_an_interrupt_that_does_not_wake_the_caller_ends_the_wait_too(portal: LoopPortal) -> None:
    """It arrives in another thread here, which leaves the caller asleep as one that arrives just before it blocks does."""

    async def interrupt() -> None:
        await asyncio.sleep(0.1)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        await asyncio.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        portal.call(interrupt())


@pytest.mark.parametrize("error", [Failure("ours"), KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_whatever_a_call_raises_is_raised_where_it_was_made_and_the_loop_goes_on(portal: LoopPortal, error: BaseException) -> None:
    async def fail() -> None:
        raise error

    async def work() -> int:
        return 5

    with pytest.raises(type(error)) as caught:
        portal.call(fail())
    assert caught.value is error
    assert portal.call(work()) == 5


def test_a_call_whose_task_is_cancelled_before_its_first_step_leaves_nobody_waiting(portal: LoopPortal) -> None:
    async def never() -> None:
        raise AssertionError("it began")

    async def prepare() -> None:
        loop = asyncio.get_running_loop()
        create = loop.create_task

        def cancelled(coroutine: object, **options: object) -> asyncio.Task[object]:
            loop.create_task = create  # type: ignore[method-assign]  # as it was
            task: asyncio.Task[object] = create(coroutine, **options)  # type: ignore[arg-type, call-overload]  # handed on
            task.cancel()
            return task

        loop.create_task = cancelled  # type: ignore[method-assign, assignment]  # for the next task

    portal.call(prepare())
    with pytest.raises(XenonError, match="the server cancelled the call"):
        portal.call(never())


def test_an_exception_that_was_raised_goes_without_the_garbage_collector(portal: LoopPortal) -> None:
    async def fail() -> None:
        raise Failure("ours")

    gc.collect()
    gc.disable()
    try:
        try:
            portal.call(fail())
        except Failure as error:
            gone = weakref.ref(error)
        assert gone() is None
    finally:
        gc.enable()
