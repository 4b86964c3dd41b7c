"""Reading, writing and appending: whole or not at all, and whatever the file does meanwhile."""

# What is tested is compared with the system's own calls, and no test minds waiting for them.
# ruff: noqa: ASYNC240, PTH208
from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import pyxenon_core
import xenon
from descriptors import descriptors
from embedded import files, until
from pyxenon_core import messages, services
from pyxenon_core.errors import (
    FileSystemClosedException,
    InvalidPathException,
    NoSuchPathException,
    PathAlreadyExistsException,
    SessionClosedError,
)
from pyxenon_core.filesystem import FileSystem
from pyxenon_server.filesystems.local import files as local_files
from pyxenon_server.filesystems.local.making import Making

MIB = 1 << 20


class SourceError(Exception):
    """What a caller's own code raises."""


async def read(source: FileSystem, path: str) -> bytes:
    return b"".join([piece async for piece in source.read_from_file(path)])


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("size", [0, 1, 4095, MIB, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB + 17])
async def test_every_size_arrives(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    async with files(tmp_path) as here:
        await here.write_to_file("file", content)
        assert (tmp_path / "file").read_bytes() == content
        assert await read(here, "file") == content
        await here.append_to_file("file", content)
    assert (tmp_path / "file").read_bytes() == content * 2
    assert names(tmp_path) == ["file"]


async def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        async with files(tmp_path) as here:
            await here.write_to_file("file", b"x")
            await here.create_file("other")
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("file", "other")] == [0o640, 0o640]


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("pieces", [1, 3, MIB, MIB + 1, 3 * MIB])
async def test_a_file_that_should_be_small_may_be_large(tmp_path: Path, pieces: int, replace: bool) -> None:
    content = os.urandom(pieces)

    async def source() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 300_000):
            yield content[start : start + 300_000]

    if replace:
        (tmp_path / "file").write_bytes(b"before")
    await local_files.write_small(str(tmp_path / "file"), source(), replace)
    assert (tmp_path / "file").read_bytes() == content
    assert names(tmp_path) == ["file"]


async def test_a_small_file_whose_source_fails_leaves_nothing(tmp_path: Path) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"piece"
        raise SourceError("the disk of the caller is broken")

    with pytest.raises(SourceError):
        await local_files.write_small(str(tmp_path / "file"), source(), False)
    assert names(tmp_path) == []


async def test_a_small_file_takes_the_place_of_nothing_unasked(tmp_path: Path) -> None:
    async def source() -> AsyncIterator[bytes]:
        (tmp_path / "file").write_bytes(b"of somebody else")
        yield b"piece"

    with pytest.raises(FileExistsError):
        await local_files.write_small(str(tmp_path / "file"), source(), False)
    assert (tmp_path / "file").read_bytes() == b"of somebody else"
    assert names(tmp_path) == ["file"]


# --- all or nothing --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [0, 1, 5])
async def test_a_source_that_fails_leaves_nothing(tmp_path: Path, pieces: int) -> None:
    seen: list[list[str]] = []

    def source() -> Iterator[bytes]:
        for _ in range(pieces):
            yield bytes(MIB)
            seen.append(names(tmp_path))
        raise SourceError("the disk of the caller is broken")

    async with files(tmp_path) as here:
        with pytest.raises(SourceError, match="of the caller"):
            await here.write_to_file("file", source())
        assert names(tmp_path) == []
        assert not any("file" in listing for listing in seen), "the file was there before it was whole"


async def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    async def source() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"piece"
            assert not (tmp_path / "file").exists()
            await asyncio.sleep(0.01)

    async with files(tmp_path) as here:
        await here.write_to_file("file", source())
    assert (tmp_path / "file").read_bytes() == b"piecepiecepiece"


@pytest.mark.parametrize("after", [0, 0.002, 0.01, 0.05])
async def test_a_write_that_is_cancelled_leaves_nothing(tmp_path: Path, after: float) -> None:
    begun = closed = False

    async def source() -> AsyncIterator[bytes]:
        nonlocal begun, closed
        begun = True
        try:
            while True:
                yield bytes(MIB)
                await asyncio.sleep(0)
        finally:
            closed = True

    async with files(tmp_path) as here:
        before = descriptors()
        writing = asyncio.ensure_future(here.write_to_file("file", source()))
        await asyncio.sleep(after)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert names(tmp_path) == []
        assert not descriptors() - before
        assert closed == begun


async def test_a_file_that_came_meanwhile_is_never_overwritten(tmp_path: Path) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"ours"
        (tmp_path / "file").write_bytes(b"theirs")
        yield b"ours"

    async with files(tmp_path) as here:
        with pytest.raises(PathAlreadyExistsException):
            await here.write_to_file("file", source())
    assert (tmp_path / "file").read_bytes() == b"theirs"
    assert names(tmp_path) == ["file"]


async def test_of_many_writers_one_wins(tmp_path: Path) -> None:
    async def source(number: int) -> AsyncIterator[bytes]:
        yield bytes([number]) * MIB
        await asyncio.sleep(0.01)
        yield bytes([number]) * MIB

    async with files(tmp_path) as here:
        outcomes = await asyncio.gather(*(here.write_to_file("file", source(number)) for number in range(12)), return_exceptions=True)
    assert outcomes.count(None) == 1
    assert all(isinstance(outcome, PathAlreadyExistsException) for outcome in outcomes if outcome is not None)
    assert (tmp_path / "file").read_bytes() == bytes([outcomes.index(None)]) * 2 * MIB
    assert names(tmp_path) == ["file"]


async def test_a_refusal_comes_before_the_first_piece(tmp_path: Path) -> None:
    asked = []

    async def source() -> AsyncIterator[bytes]:
        asked.append(True)
        yield b"x"

    (tmp_path / "file").touch()
    async with files(tmp_path) as here:
        with pytest.raises(PathAlreadyExistsException):
            await here.write_to_file("file", source())
        with pytest.raises(NoSuchPathException):
            await here.write_to_file("missing/file", source())
        with pytest.raises(NoSuchPathException):
            await here.write_to_file("file/below", source())
        with pytest.raises(PathAlreadyExistsException):
            await here.write_to_file(".", source())
    assert not asked


async def test_no_message_makes_no_file(tmp_path: Path) -> None:
    async def nothing() -> AsyncIterator[messages.WriteToFileRequest]:
        return
        yield

    async with files(tmp_path) as here:
        await here._channel.stream_unary(services.FILE_SYSTEM_WRITE_TO_FILE, nothing())
    assert names(tmp_path) == []


KILLED = """
import sys, pyxenon, xenon
with xenon.Session("embedded:") as session:
    pyxenon.session._current = session
    files = xenon.FileSystem.create("file", sys.argv[1])
    def source():
        for number in range(1 << 30):
            yield bytes(1 << 20)
            if number == 8:
                print("writing", flush=True)
    files.write_to_file("file", source())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_program_that_is_killed_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Also no hidden file: it has no name before it is whole."""
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"writing\n"
        program.send_signal(number)
        _, said = program.communicate(timeout=60)
    assert (program.returncode == -signal.SIGKILL) if number == signal.SIGKILL else b"KeyboardInterrupt" in said
    assert names(tmp_path) == []


def test_an_interrupt_in_the_synchronous_api_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C is raised in the main thread, which waits for the loop's; the program goes on afterwards."""

    def source() -> Iterator[bytes]:
        for number in range(1 << 20):
            yield bytes(MIB)
            if number == 4:
                signal.raise_signal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else os.kill(
                    os.getpid(), signal.SIGINT
                )

    with xenon.init(target="embedded:"):
        here = xenon.FileSystem.create("file", str(tmp_path))
        with pytest.raises(KeyboardInterrupt):
            here.write_to_file("file", source())
        assert not here.exists("file")
        end = time.monotonic() + 60
        while names(tmp_path) and time.monotonic() < end:
            time.sleep(0.01)
        assert names(tmp_path) == []
        here.write_to_file("file", b"again")
    assert (tmp_path / "file").read_bytes() == b"again"


# --- without files that have no name ---------------------------------------------------------------------------------------------------


@pytest.fixture
def _named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a system, or a file system, that cannot make a file without a name."""
    monkeypatch.setattr("pyxenon_server.filesystems.local.making._NAMELESS", None)


@pytest.mark.usefixtures("_named")
async def test_elsewhere_a_file_in_the_making_is_hidden_and_goes(tmp_path: Path) -> None:
    async def source(fails: bool) -> AsyncIterator[bytes]:
        yield b"half"
        await until(lambda: bool(names(tmp_path)), "the file is begun")
        (hidden,) = names(tmp_path)
        assert hidden.startswith(".xenon-") and hidden.endswith(".part") and len(hidden) == 28
        if fails:
            raise SourceError
        yield b" and half"

    async with files(tmp_path) as here:
        with pytest.raises(SourceError):
            await here.write_to_file("file", source(True))
        assert names(tmp_path) == []
        await here.write_to_file("file", source(False))
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"half and half"


@pytest.mark.usefixtures("_named")
async def test_elsewhere_nothing_is_overwritten_either(tmp_path: Path) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"ours"
        (tmp_path / "file").write_bytes(b"theirs")

    async with files(tmp_path) as here:
        with pytest.raises(PathAlreadyExistsException):
            await here.write_to_file("file", source())
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"theirs"


# --- reading ---------------------------------------------------------------------------------------------------------------------------


async def test_a_file_that_grows_is_read_to_where_it_ends(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(6 * MIB))
    async with files(tmp_path) as here:
        found = 0
        async for piece in here.read_from_file("file"):
            if not found:
                with (tmp_path / "file").open("ab") as file:
                    file.write(bytes(6 * MIB))
            found += len(piece)
    assert found == 12 * MIB


async def test_a_file_that_shrinks_is_read_to_where_it_ends(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(40 * MIB))
    async with files(tmp_path) as here:
        found = 0
        async for piece in here.read_from_file("file"):
            os.truncate(tmp_path / "file", 2 * MIB)
            found += len(piece)
    assert 2 * MIB <= found < 40 * MIB


@pytest.mark.parametrize("path", ["/proc/self/status", "/proc/self/mountinfo", "/proc/cpuinfo"])
async def test_a_file_without_a_size_is_read_whole(tmp_path: Path, path: str) -> None:
    async with files(tmp_path) as here:
        assert (await here.get_attributes(path)).size == 0
        found = await read(here, path)
    assert found.splitlines()[0] == Path(path).read_bytes().splitlines()[0]
    assert found.endswith(b"\n") and len(found) >= 100


async def test_a_reader_that_stops_early_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(40 * MIB))
    async with files(tmp_path) as here:
        before = descriptors()
        for _ in range(20):
            reading = here.read_from_file("file")
            assert await anext(reading)
            await reading.aclose()  # type: ignore[attr-defined]  # a generator
        for _ in range(20):
            task = asyncio.ensure_future(read(here, "file"))
            await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert not descriptors() - before


async def test_reading_one_file_twice_at_once(tmp_path: Path) -> None:
    content = os.urandom(9 * MIB)
    (tmp_path / "file").write_bytes(content)
    async with files(tmp_path) as here:
        assert await asyncio.gather(*(read(here, "file") for _ in range(10))) == [content] * 10


async def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    async with files(tmp_path) as here:
        with pytest.raises(InvalidPathException, match="directory"):
            await read(here, ".")
        with pytest.raises(NoSuchPathException):
            await read(here, "missing")


async def test_appending_adds_what_came_before_the_source_failed(tmp_path: Path) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b" two"
        raise SourceError

    (tmp_path / "file").write_bytes(b"one")
    async with files(tmp_path) as here:
        with pytest.raises(SourceError):
            await here.append_to_file("file", source())
        assert await read(here, "file") == b"one two"
        with pytest.raises(NoSuchPathException):
            await here.append_to_file("missing", b"x")
    assert names(tmp_path) == ["file"]


# --- closing meanwhile -----------------------------------------------------------------------------------------------------------------


async def test_closing_the_client_ends_its_streams(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(bytes(40 * MIB))

    async def source() -> AsyncIterator[bytes]:
        while True:
            yield bytes(MIB)
            await asyncio.sleep(0.001)

    client = await pyxenon_core.connect("embedded:")
    here = await client.filesystems.create("file", str(tmp_path))
    writing = asyncio.ensure_future(here.write_to_file("new", source()))
    reading = here.read_from_file("old")
    await anext(reading)
    await asyncio.sleep(0.02)
    await client.close()
    with pytest.raises(SessionClosedError):
        await asyncio.wait_for(writing, 60)
    with pytest.raises(SessionClosedError):
        await anext(reading)
    with pytest.raises(SessionClosedError):
        await here.exists("old")
    assert names(tmp_path) == ["old"]
    await client.close()


async def test_closing_a_file_system_while_it_is_used(tmp_path: Path) -> None:
    async def source(closed: asyncio.Event) -> AsyncIterator[bytes]:
        yield b"begun"
        await closed.wait()
        yield b" and ended"

    async with await pyxenon_core.connect("embedded:") as client:
        here = await client.filesystems.create("file", str(tmp_path))
        closed = asyncio.Event()
        writing = asyncio.ensure_future(here.write_to_file("file", source(closed)))
        await asyncio.sleep(0.02)
        await here.close()
        closed.set()
        await writing  # nothing holds the file but the call itself, which goes on to its end
        assert (tmp_path / "file").read_bytes() == b"begun and ended"
        with pytest.raises(FileSystemClosedException):
            await here.exists("file")


def test_a_loop_that_is_thrown_away_raises_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program may stop its loop and forget it with what is on it; then Python tells of whatever is raised while it is taken down."""
    (tmp_path / "file").write_bytes(bytes(40 * MIB))

    async def leave() -> None:
        here = await (await pyxenon_core.connect("embedded:")).filesystems.create("file", str(tmp_path))
        for _ in range(5):
            reading = here.read_from_file("file")
            await anext(reading)
            tasks.append(asyncio.ensure_future(reading.aclose()))  # type: ignore[attr-defined]  # a generator
        await asyncio.sleep(0)

    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: told.append(what.exc_value))
    tasks: list[asyncio.Task[None]] = []
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _loop, _context: None)  # which would tell that the tasks were destroyed
    loop.run_until_complete(leave())
    loop.close()
    tasks.clear()
    gc.collect()
    assert told == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can be somebody else")
def test_whose_group_it_was_not_cannot_read_what_replaces_it() -> None:
    """Somebody who may not give the new file to the group of the old one does not open it to another group instead."""
    with tempfile.TemporaryDirectory() as shared:
        folder, file = Path(shared), Path(shared) / "file"
        folder.chmod(0o777)
        for mode, wanted in ((0o660, 0o600), (0o664, 0o644), (0o640, 0o600)):
            file.unlink(missing_ok=True)
            file.write_text("of the group")
            os.chown(file, 1, 1)
            file.chmod(mode)
            os.setegid(65534)
            os.seteuid(65534)
            try:
                making = Making(str(file), replace=True)
                making.finish()
            finally:
                os.seteuid(0)
                os.setegid(0)
            assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode & 0o777) == (65534, 65534, wanted)
