"""Handles: unknown and closed ones, many of them, and what closing and cancelling give back."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

import pyxenon_core
from descriptors import Descriptor, descriptors
from embedded import files
from pyxenon_core import messages, services
from pyxenon_core.errors import FileSystemClosedException, SessionClosedError, Status, XenonError
from pyxenon_core.filesystem import FileSystem
from pyxenon_core.messages import DefaultCredential, PasswordCredential
from pyxenon_server.filesystems.local.filesystem import LocalFileSystem
from pyxenon_server.server import Server
from pyxenon_server.services.registry import Registry


async def use(here: FileSystem, number: int) -> None:
    """A little of everything."""
    await here.write_to_file(f"file{number}", b"content")
    assert [piece async for piece in here.read_from_file(f"file{number}")] == [b"content"]
    reading = here.read_from_file(f"file{number}")
    await anext(reading)
    await reading.aclose()  # type: ignore[attr-defined]  # a generator
    await anext(here.list("."))
    assert (await here.wait_until_done(await here.copy(f"file{number}", here, f"copy{number}"))).state == "DONE"
    await here.delete(f"file{number}")
    await here.delete(f"copy{number}")


def other_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.name.startswith("xenon-files")}


async def test_ten_thousand_handles_leave_nothing_behind(tmp_path: Path) -> None:
    """200 at a time, 50 times over.

    No file is open and no thread runs that was not after the first rounds, but for the pool of eight, which may still fill. Memory may
    end 4 MiB higher: a handle that is kept takes 2 KiB and more, so that a leak of all would be 20 MiB, and Python's own arenas come and
    go in steps of 1 MiB.
    """
    process = psutil.Process()
    async with await pyxenon_core.connect("embedded:") as client:

        async def round_of(number: int) -> None:
            handles = await asyncio.gather(*(client.filesystems.create("file", str(tmp_path)) for _ in range(200)))
            assert len({handle.id for handle in handles}) == 200
            assert len(await client.filesystems.list_file_systems()) == 200
            await asyncio.gather(*(use(handle, index) for index, handle in enumerate(handles[:4])))
            assert await handles[number % 200].is_open()
            await asyncio.gather(*(handle.close() for handle in handles))
            assert await client.filesystems.list_file_systems() == []

        before: tuple[int, frozenset[Descriptor], set[threading.Thread]] | None = None
        for number in range(50):
            await round_of(number)
            if number == 9:  # by now everything is imported and every pool is full
                gc.collect()
                before = process.memory_info().rss, descriptors(), other_threads()
        gc.collect()
        assert before is not None
        assert not descriptors() - before[1]
        assert not other_threads() - before[2]
        assert threading.active_count() <= len(other_threads()) + 8
        assert process.memory_info().rss - before[0] < 4 << 20


async def test_a_handle_that_is_not_known(tmp_path: Path) -> None:
    async with await pyxenon_core.connect("embedded:") as client:
        here = await client.filesystems.create("file", str(tmp_path))
        closed = FileSystem(client.channel, here.handle)
        await here.close()
        await here.close()
        await closed.close()
        for handle in (FileSystem(client.channel, here._handle), FileSystem(client.channel, messages.FileSystem("file:nonsense"))):
            for call in (handle.exists("x"), handle.get_location(), anext(handle.list(".")), handle.write_to_file("x", b"")):
                with pytest.raises(FileSystemClosedException, match="is not open") as caught:
                    await call
                assert caught.value.status == Status.NOT_FOUND
            assert not await handle.is_open()
        with pytest.raises(FileSystemClosedException):
            await client.channel.unary_unary(services.FILE_SYSTEM_EXISTS, messages.PathRequest(None, messages.Path("x")))
        with pytest.raises(FileSystemClosedException, match="is not open"):
            await client.channel.unary_unary(services.FILE_SYSTEM_CLOSE, here._handle)
        with pytest.raises(XenonError, match="does not name a path"):
            other = await client.filesystems.create("file", str(tmp_path))
            await client.channel.unary_unary(services.FILE_SYSTEM_EXISTS, messages.PathRequest(other.handle, None))


async def test_what_a_handle_tells_of_itself(tmp_path: Path) -> None:
    given = {"xenon.adaptors.filesystems.file.bufferSize": "128K"}
    mine = DefaultCredential("me")
    async with await pyxenon_core.connect("embedded:") as client:
        here = await client.filesystems.create("file", str(tmp_path), given, default_credential=mine)
        given["other"] = "changed"
        mine.username = "somebody else"
        assert await here.get_adaptor_name() == "file"
        assert await here.get_location() == str(tmp_path)
        assert dict(await here.get_properties()) == {"xenon.adaptors.filesystems.file.bufferSize": "128K"}
        told = await here.get_credential()
        assert told == DefaultCredential("me")
        told.username = "changed"  # type: ignore[union-attr]
        assert await here.get_credential() == DefaultCredential("me")
        assert await here.get_path_separator() == "/"
        assert await here.is_open()
        plain = await client.filesystems.create("file")
        assert await plain.get_location() == "" and await plain.get_credential() == DefaultCredential()
        assert dict(await plain.get_properties()) == {}


async def test_closing_the_server_twice_and_using_it_afterwards(tmp_path: Path) -> None:
    server = Server()
    handle = await server.filesystems.create(messages.CreateFileSystemRequest("file", str(tmp_path)))
    await server.close()
    await server.close()
    with pytest.raises(FileSystemClosedException):
        await server.filesystems.exists(messages.PathRequest(handle, messages.Path("x")))
    with pytest.raises(SessionClosedError):
        await server.filesystems.create(messages.CreateFileSystemRequest("file", str(tmp_path)))


class Slow(LocalFileSystem):
    """A file system that takes its time to open and close, and may fail to."""

    opened: asyncio.Event
    closed: list[str]
    failure: Exception | None = None

    async def start_directory(self) -> str:
        await self.opened.wait()
        return await super().start_directory()

    async def close(self) -> None:
        await asyncio.sleep(0.01)
        self.closed.append(self.request.location)
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> type[Slow]:
    Slow.opened, Slow.closed, Slow.failure = asyncio.Event(), [], None
    monkeypatch.setattr("pyxenon_server.filesystems.local.filesystem.LocalFileSystem", Slow)
    return Slow


async def test_a_server_that_is_closed_while_something_opens_keeps_nothing_open(slow: type[Slow], tmp_path: Path) -> None:
    server = Server()
    opening = asyncio.ensure_future(server.filesystems.create(messages.CreateFileSystemRequest("file", str(tmp_path))))
    await asyncio.sleep(0.01)
    await server.close()
    slow.opened.set()
    with pytest.raises(SessionClosedError, match="while it was opening the file system"):
        await opening
    assert slow.closed == [str(tmp_path)]


async def test_an_opening_that_is_cancelled_keeps_nothing_open(slow: type[Slow], tmp_path: Path) -> None:
    async with await pyxenon_core.connect("embedded:") as client:
        opening = asyncio.ensure_future(client.filesystems.create("file", str(tmp_path)))
        await asyncio.sleep(0.01)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert slow.closed == [str(tmp_path)]
        assert await client.filesystems.list_file_systems() == []


async def test_closing_fails_and_everything_is_closed_all_the_same(
    slow: type[Slow], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slow.opened.set()
    slow.failure = OSError("the line is dead")
    async with await pyxenon_core.connect("embedded:") as client:
        one = await client.filesystems.create("file", str(tmp_path))
        with pytest.raises(XenonError, match="the line is dead"):
            await one.close()
        assert not await one.is_open() and await client.filesystems.list_file_systems() == []
        for _ in range(3):
            await client.filesystems.create("file", str(tmp_path))
        with caplog.at_level(logging.WARNING, "xenon.server"):
            await client.close()
    assert len(slow.closed) == 4 and caplog.text.count("the line is dead") == 3


async def test_two_who_ask_for_the_local_file_systems_get_the_same(slow: type[Slow]) -> None:
    async with await pyxenon_core.connect("embedded:") as client:
        asking = [asyncio.ensure_future(client.filesystems.local_file_systems()) for _ in range(3)]
        await asyncio.sleep(0.01)
        slow.opened.set()
        found = await asyncio.gather(*asking)
        assert len({handle.id for handles in found for handle in handles}) == 1


async def test_no_secret_is_in_what_is_logged_or_raised(caplog: pytest.LogCaptureFixture) -> None:
    secret = "not for anybody's eyes"
    credential = PasswordCredential("me", secret)
    async with await pyxenon_core.connect("embedded:") as client:
        with caplog.at_level(logging.DEBUG):
            for adaptor, location in (("file", ""), ("nothing", ""), ("sftp", "me:pass@127.0.0.1:1"), ("sftp", "127.0.0.1:1")):
                with pytest.raises(XenonError) as caught:
                    await client.filesystems.create(adaptor, location, password_credential=credential)
                error: BaseException | None = caught.value
                while error is not None:
                    assert secret not in f"{error} {error!r} {vars(error)}"
                    error = error.__cause__ or error.__context__
    assert secret not in caplog.text


async def test_ids_cannot_be_guessed_and_belong_to_one_server(tmp_path: Path) -> None:
    async with files(tmp_path) as one, files(tmp_path) as other:
        assert one.id != other.id and len(one.id) > 30
        with pytest.raises(FileSystemClosedException):
            await FileSystem(other._channel, one.handle).exists("x")


async def test_a_registry_forgets_what_cannot_be_closed() -> None:
    class Stuck:
        name = "stuck"

        async def close(self) -> None:
            raise OSError("stuck")

    registry: Registry[Any] = Registry("File system", FileSystemClosedException)
    identity = registry.add(Stuck())
    assert identity in registry and list(registry.ids()) == [identity]
    with pytest.raises(OSError, match="stuck"):
        await registry.close(identity)
    assert identity not in registry
    with pytest.raises(FileSystemClosedException, match=identity):
        registry.get(identity)
