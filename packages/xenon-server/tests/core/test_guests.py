"""Several clients of one server in this process: a synchronous session, and guests in event loops of their own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import pyxenon_core
import xenon
from pyxenon_core.errors import FileSystemClosedException, NoSuchPathException, PathAlreadyExistsException, SessionClosedError
from pyxenon_core.filesystem import FileSystem
from pyxenon_core.targets import InProcessEndpoint, open_target

MIB = 1 << 20


@pytest.fixture
def session() -> Iterator[xenon.Session]:
    with xenon.init(target="embedded:") as opened:
        yield opened


async def read(files: FileSystem, path: str) -> bytes:
    return b"".join([piece async for piece in files.read_from_file(path)])


def test_a_guest_sees_the_same_server(session: xenon.Session, tmp_path: Path) -> None:
    content = os.urandom(9 * MIB)

    async def visit() -> None:
        async with await pyxenon_core.connect(session.endpoint) as client:
            (known,) = await client.filesystems.list_file_systems()
            assert known.id == host.id
            assert await read(known, "from host") == content

            async def pieces() -> AsyncIterator[bytes]:
                for start in range(0, len(content), MIB):
                    yield content[start : start + MIB]

            await known.write_to_file("from guest", pieces())
            with pytest.raises(PathAlreadyExistsException):
                await known.write_to_file("from guest", pieces())
            with pytest.raises(NoSuchPathException):
                await read(known, "missing")
            with pytest.raises(LookupError, match="the guest's own"):
                await known.write_to_file("never", failing())
            await client.filesystems.create("file", str(tmp_path))

    async def failing() -> AsyncIterator[bytes]:
        yield bytes(MIB)
        raise LookupError("the guest's own")

    host = xenon.FileSystem.create("file", str(tmp_path))
    host.write_to_file("from host", content)
    asyncio.run(visit())
    assert b"".join(host.read_from_file("from guest")) == content
    assert not host.exists("never") and sorted(os.listdir(tmp_path)) == ["from guest", "from host"]  # noqa: PTH208 - of hidden ones, too
    assert len(xenon.FileSystem.list_file_systems()) == 2, "what a guest leaves open belongs to the server"


def test_the_session_ends_while_guests_are_at_it(tmp_path: Path) -> None:
    """Writing, reading, waiting for a copy: each is told that the session was closed, and nothing half stays."""
    (tmp_path / "large").write_bytes(bytes(64 * MIB))
    began, outcomes = threading.Barrier(2), []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(MIB)
            await asyncio.sleep(0.001)

    async def slowly(files: FileSystem) -> None:
        while True:
            async for _piece in files.read_from_file("large"):
                await asyncio.sleep(0.005)

    async def visit(endpoint: InProcessEndpoint) -> None:
        async with await pyxenon_core.connect(endpoint) as client:
            files = await client.filesystems.create("file", str(tmp_path))
            tasks = [asyncio.ensure_future(call) for call in (files.write_to_file("half", endless()), slowly(files))]
            await asyncio.sleep(0.1)
            await asyncio.to_thread(began.wait)
            outcomes.extend(await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60))
            with pytest.raises((SessionClosedError, FileSystemClosedException)):
                await files.exists("large")
            await files.close()

    with xenon.init(target="embedded:") as session:
        guest = threading.Thread(target=lambda: asyncio.run(visit(session.endpoint)))  # type: ignore[arg-type]  # it is in this process
        guest.start()
        began.wait(60)
    guest.join(60)
    assert not guest.is_alive()
    assert isinstance(outcomes[0], SessionClosedError)
    assert isinstance(outcomes[1], (SessionClosedError, FileSystemClosedException)), "it may have begun anew in between"
    assert os.listdir(tmp_path) == ["large"]  # noqa: PTH208 - of hidden ones, too


def test_a_guest_does_not_take_the_server_home(tmp_path: Path) -> None:
    """The session has made no call yet, and its server lives on when the guest's event loop has ended."""

    async def visit(endpoint: InProcessEndpoint) -> None:
        async with await pyxenon_core.connect(endpoint) as client:
            await (await client.filesystems.create("file", str(tmp_path))).create_file("file")

    with xenon.init(target="embedded:") as session:
        asyncio.run(visit(session.endpoint))  # type: ignore[arg-type]  # it is in this process
        asyncio.run(visit_again(session))
        (files,) = xenon.FileSystem.list_file_systems()
        assert files.exists("file")
    with pytest.raises(SessionClosedError):
        asyncio.run(visit(session.endpoint))  # type: ignore[arg-type]  # as above


async def visit_again(session: xenon.Session) -> None:
    async with await pyxenon_core.connect(session.endpoint) as client:
        (files,) = await client.filesystems.list_file_systems()
        assert await files.exists("file")


def test_the_owner_closes_while_a_guest_of_another_loop_writes(tmp_path: Path) -> None:
    outcomes: list[BaseException] = []
    writing = threading.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            writing.set()
            yield bytes(MIB)
            await asyncio.sleep(0.001)

    async def visit(endpoint: InProcessEndpoint) -> None:
        async with await pyxenon_core.connect(endpoint) as client:
            files = await client.filesystems.create("file", str(tmp_path))
            outcomes.extend(await asyncio.gather(files.write_to_file("half", endless()), return_exceptions=True))

    async def own() -> None:
        endpoint = open_target("embedded:")
        assert isinstance(endpoint, InProcessEndpoint)
        async with await pyxenon_core.connect(endpoint):
            guest = threading.Thread(target=lambda: asyncio.run(visit(endpoint.lent())))
            guest.start()
            await asyncio.to_thread(writing.wait, 10)
        await asyncio.to_thread(guest.join, 10)
        assert not guest.is_alive()

    asyncio.run(own())
    assert len(outcomes) == 1 and isinstance(outcomes[0], SessionClosedError)
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - of hidden ones, too
