"""Files of this machine, through the server in this process: answered where they are asked for, whatever else that server is busy with."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import xenon
from xenon.exceptions import DirectoryNotEmptyException, NoSuchPathException, PathAlreadyExistsException, SessionClosedError
from xenon_core.streams import ByteSource
from xenon_server.filesystems import local_making


@pytest.fixture
def filesystem(tmp_path: Path) -> Iterator[xenon.FileSystem]:
    """A file system whose server's event loop stands still until the test is over."""
    session = xenon.Session("embedded:")
    filesystem = xenon.FileSystem(session, session.portal.call(session.client.filesystems.create("file", str(tmp_path))))
    standing, go_on = threading.Event(), threading.Event()

    async def stand_still() -> None:
        standing.set()
        go_on.wait(60)

    thread = threading.Thread(target=lambda: session.portal.call(stand_still()))
    thread.start()
    assert standing.wait(10)
    yield filesystem
    go_on.set()
    thread.join()
    session.close()


def open_files() -> list[str]:
    """What is open, by what it is: the numbers are given anew."""
    return sorted(os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink())


def test_names(filesystem: xenon.FileSystem, tmp_path: Path) -> None:
    filesystem.create_directory("new")
    filesystem.create_file("new/file")
    filesystem.rename("new/file", "new/renamed")
    filesystem.create_symbolic_link("new/link", "new/renamed")
    assert filesystem.read_symbolic_link("new/link") == xenon.Path(tmp_path / "new/renamed")
    assert sorted(entry.path.name for entry in filesystem.list("new")) == ["link", "renamed"]
    with pytest.raises(DirectoryNotEmptyException):
        filesystem.delete("new")
    filesystem.delete("new/link")
    assert (filesystem.exists("new/link"), filesystem.exists("new/renamed")) == (False, True)


def test_attributes(filesystem: xenon.FileSystem, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"four")
    filesystem.set_posix_file_permissions("file", [xenon.PosixFilePermission.OWNER_READ])
    attributes = filesystem.get_attributes("file")
    assert (attributes.size, attributes.permissions) == (4, [xenon.PosixFilePermission.OWNER_READ])


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5_000_000])
def test_content(filesystem: xenon.FileSystem, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    assert b"".join(filesystem.read_from_file("file")) == content


SOURCES: dict[str, Callable[[bytes], ByteSource]] = {
    "bytes": lambda content: content,
    "a list": lambda content: [content[:7], content[7:]],
    "a generator": lambda content: (content[start : start + 300_000] for start in range(0, len(content), 300_000)),
    "an open file": io.BytesIO,
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("told", [False, True], ids=["size untold", "size told"])
@pytest.mark.parametrize("size", [0, 1, 1 << 20, 5_000_000])
def test_writing(filesystem: xenon.FileSystem, tmp_path: Path, source: Callable[[bytes], ByteSource], told: bool, size: int) -> None:
    content = os.urandom(size)
    filesystem.write_to_file("file", source(content), size if told else 0)
    assert (tmp_path / "file").read_bytes() == content
    with pytest.raises(PathAlreadyExistsException):
        filesystem.write_to_file("file", source(content))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
@pytest.mark.parametrize("size", [0, 100])
def test_a_source_that_stops_leaves_nothing(filesystem: xenon.FileSystem, tmp_path: Path, stop: type[BaseException], size: int) -> None:
    def breaking() -> Iterator[bytes]:
        try:
            yield b"half"
            raise stop
        finally:
            ended.append(threading.current_thread())

    ended: list[threading.Thread] = []
    before = open_files()
    with pytest.raises(stop):
        filesystem.write_to_file("file", breaking(), size)
    assert list(tmp_path.iterdir()) == []
    assert open_files() == before
    assert ended == [threading.current_thread()]  # whose it is: it may use what belongs to a thread


class Interrupt(KeyboardInterrupt):
    """One that the test has sent."""


@pytest.fixture
def interrupts() -> Iterator[Callable[[], object]]:
    """Begins a moment in whose course one interrupt comes to this thread."""

    def interrupt(number: int, frame: object) -> None:
        raise Interrupt

    def send() -> None:
        while wanted.acquire() and not over.is_set():
            time.sleep(random.random() * 0.0006)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    wanted, over = threading.Semaphore(0), threading.Event()
    thread = threading.Thread(target=send)
    thread.start()
    yield wanted.release
    over.set()
    wanted.release()
    thread.join()
    signal.signal(signal.SIGUSR1, before)


NAMELESS = pytest.mark.parametrize("nameless", [True, False], ids=["nameless", "hidden"])


def without_nameless(monkeypatch: pytest.MonkeyPatch, nameless: bool) -> None:
    if not nameless:
        monkeypatch.setattr(local_making, "_NAMELESS", None)


@NAMELESS
@pytest.mark.parametrize("size", [0, 20])
def test_an_interrupt_at_any_moment_leaves_all_or_nothing(
    filesystem: xenon.FileSystem,
    tmp_path: Path,
    interrupts: Callable[[], object],
    monkeypatch: pytest.MonkeyPatch,
    nameless: bool,
    size: int,
) -> None:
    without_nameless(monkeypatch, nameless)
    filesystem.write_to_file("first", b"", 1)  # what is opened once is open now
    (tmp_path / "first").unlink()
    before = open_files()
    for _ in range(500):
        try:
            interrupts()
            filesystem.write_to_file("file", (b"0123456789" for _ in range(2)), size)
            while True:  # until it comes; one that comes as a sleep begins is only noticed at its end
                time.sleep(0.001)
        except Interrupt:
            pass
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] in ([], [("file", b"0123456789" * 2)])
        if open_files() != before:
            gc.collect()  # of what an error holds that holds itself
        assert open_files() == before
        (tmp_path / "file").unlink(missing_ok=True)


@NAMELESS
@pytest.mark.parametrize("childs_own", [[b"of the child"], []], ids=["goes on", "ends"])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of forks while there are threads
def test_a_source_that_forks_is_written_by_its_parent_alone(
    filesystem: xenon.FileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool, childs_own: list[bytes]
) -> None:
    def forking() -> Iterator[bytes]:
        yield b"one "
        child = os.fork()
        children.append(child)
        if child == 0:
            yield from childs_own
            return
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        yield b"two"

    without_nameless(monkeypatch, nameless)
    children: list[int] = []
    try:
        filesystem.write_to_file("file", forking())
    except SessionClosedError:
        os._exit(7 if children == [0] else 8)
    finally:
        if children == [0]:
            os._exit(9)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"one two")]


def test_a_source_may_use_the_session_that_it_is_written_with(filesystem: xenon.FileSystem, tmp_path: Path) -> None:
    def names() -> Iterator[bytes]:
        for entry in filesystem.list("."):
            yield b"".join(filesystem.read_from_file(entry.path))
            assert filesystem.exists(entry.path)

    content = os.urandom(3_000_000)
    (tmp_path / "one").write_bytes(content)
    filesystem.write_to_file("two", names())
    filesystem.write_to_file("three", filesystem.read_from_file("two"))
    assert (tmp_path / "three").read_bytes() == content


def test_mistakes(filesystem: xenon.FileSystem, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NoSuchPathException, match="get_attributes 'missing' .file adaptor. failed"):
        filesystem.get_attributes("missing")
    with pytest.raises(PathAlreadyExistsException):
        filesystem.create_file("file")
    with pytest.raises(NoSuchPathException):
        list(filesystem.list("missing"))
    with pytest.raises(NoSuchPathException):
        next(filesystem.read_from_file("missing"))


def test_nothing_stays_open_of_a_file_or_listing_that_is_left(filesystem: xenon.FileSystem, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(3_000_000))
    before = open_files()
    streams = [filesystem.read_from_file("file"), filesystem.list(".")]
    for stream in streams:
        next(stream)
    assert len(open_files()) > len(before)
    for stream in streams:
        stream.close()  # type: ignore[attr-defined]  # they are generators
    assert open_files() == before


@pytest.mark.parametrize("ask", [lambda files: files.exists("file"), lambda files: list(files.list("."))], ids=["call", "stream"])
def test_an_event_loop_of_the_callers_own_does_not_matter(filesystem: xenon.FileSystem, ask: Callable[[xenon.FileSystem], object]) -> None:
    async def within() -> object:
        return ask(filesystem)

    assert asyncio.run(within()) == ask(filesystem)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of forks while there are threads
def test_a_fork_does_not_go_on_with_a_file_of_its_parent(filesystem: xenon.FileSystem, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(3_000_000))
    stream = filesystem.read_from_file("file")
    read = len(next(stream))
    child = os.fork()  # where the event loop stands still as it does here, and no thread is to wake it
    if child == 0:
        try:
            next(stream)
        except SessionClosedError:
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert read + sum(map(len, stream)) == 3_000_000
