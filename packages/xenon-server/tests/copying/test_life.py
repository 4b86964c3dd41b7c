"""A copy from its beginning to its end: progress, waiting, cancelling, and file systems that are closed meanwhile."""

# What is tested is compared with the system's own calls, and no test minds waiting for them.
# ruff: noqa: ASYNC110, ASYNC240, PTH208
from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path

import pytest

import pyxenon_core
from embedded import ended, until
from pyxenon_core.client import Client
from pyxenon_core.errors import FileSystemClosedException, NoSuchCopyException
from pyxenon_core.filesystem import FileSystem
from pyxenon_core.messages import CopyRequestCopyMode, CopyStatusErrorType
from pyxenon_server.filesystems.local.filesystem import LocalFileSystem
from pyxenon_server.transfers import copies as copying

MIB = 1 << 20
CREATE = CopyRequestCopyMode.CREATE
Gate = Callable[[], None]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Copies are streamed, and wait in the middle of every file until this is set."""
    opened = asyncio.Event()
    read = LocalFileSystem.read

    async def slowly(self: LocalFileSystem, path: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        async with contextlib.aclosing(read(self, path, offset, length)) as pieces:
            async for piece in pieces:
                half = len(piece) // 2
                yield piece[:half]
                await opened.wait()
                yield piece[half:]

    async def cannot(*_arguments: object) -> bool:
        return False

    monkeypatch.setattr(LocalFileSystem, "read", slowly)
    monkeypatch.setattr(LocalFileSystem, "copy_here", cannot)
    return opened


@contextlib.asynccontextmanager
async def two(folder: Path) -> AsyncIterator[tuple[Client, FileSystem, FileSystem]]:
    """Two handles, and the client that they are of."""
    async with await pyxenon_core.connect("embedded:") as client:
        yield client, await client.filesystems.create("file", str(folder)), await client.filesystems.create("file", str(folder))


def large(folder: Path) -> bytes:
    content = os.urandom(2 * MIB)
    (folder / "file").write_bytes(content)
    return content


async def test_the_status_while_it_runs_and_afterwards(tmp_path: Path, gate: asyncio.Event) -> None:
    content = large(tmp_path)
    async with two(tmp_path) as (_, here, there):
        operation = await here.copy("file", there, "copy")
        assert operation.id.startswith("copy:")
        while (status := await here.get_status(operation)).bytes_copied == 0:
            await asyncio.sleep(0.005)
        assert (status.state, status.running, status.done) == ("RUNNING", True, False)
        assert (status.bytes_copied, status.bytes_to_copy) == (MIB, 2 * MIB)
        assert not (tmp_path / "copy").exists(), "it has its name before it is whole"
        gate.set()
        final = await here.wait_until_done(operation)
        assert (final.state, final.running, final.done) == ("DONE", False, True)
        assert (final.bytes_copied, final.bytes_to_copy) == (2 * MIB, 2 * MIB)
        for _ in range(3):
            assert await here.get_status(operation) == final
            assert await here.wait_until_done(operation, 1) == final
        assert await here.cancel(operation) == final, "what has ended cannot be cancelled"
    assert (tmp_path / "copy").read_bytes() == content


async def test_progress_only_grows_and_ends_at_the_total(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / "tree" / str(number)).mkdir(parents=True)
        (tmp_path / "tree" / str(number) / "file").write_bytes(bytes(number * 10_000))
    async with two(tmp_path) as (_, here, there):
        operation = await here.copy("tree", there, "copy", CREATE, True)
        seen = []
        while not (status := await here.get_status(operation)).done:
            seen.append(status.bytes_copied)
            assert status.bytes_copied <= status.bytes_to_copy
            await asyncio.sleep(0)
        seen.append(status.bytes_copied)
    assert seen == sorted(seen)
    assert seen[-1] == status.bytes_to_copy == sum(number * 10_000 for number in range(60))


async def test_a_wait_ends_with_its_timeout(tmp_path: Path, gate: asyncio.Event) -> None:
    large(tmp_path)
    async with two(tmp_path) as (_, here, there):
        operation = await here.copy("file", there, "copy")
        for timeout in (1, 100):
            begun = time.monotonic()
            status = await here.wait_until_done(operation, timeout)
            assert not status.done and time.monotonic() - begun >= timeout / 1000
        waiting = [asyncio.ensure_future(here.wait_until_done(operation)) for _ in range(5)]
        await asyncio.sleep(0.02)
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        assert (await here.get_status(operation)).running, "who no longer waits has ended the copy"
        gate.set()
        assert all(status.done for status in await asyncio.gather(*waiting[1:]))
        assert (await here.wait_until_done(operation, 1 << 62)).done


@pytest.mark.parametrize("recursive", [False, True])
async def test_a_copy_that_is_cancelled_leaves_no_half_file(tmp_path: Path, gate: asyncio.Event, recursive: bool) -> None:
    (tmp_path / "tree").mkdir()
    large(tmp_path / "tree" if recursive else tmp_path)
    async with two(tmp_path) as (_, here, there):
        operation = await here.copy("tree" if recursive else "file", there, "copy", CREATE, recursive)
        while not (await here.get_status(operation)).bytes_copied:
            await asyncio.sleep(0.005)
        status = await here.cancel(operation)
        assert (status.error_type, status.done, status.running, status.state) == (CopyStatusErrorType.CANCELLED, True, False, "FAILED")
        assert status.bytes_copied == MIB
        assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == (
            ["tree", "tree/file"] if recursive else ["file", "tree"]
        )
        assert await here.get_status(operation) == status == await here.cancel(operation) == await here.wait_until_done(operation)


async def test_a_copy_that_is_cancelled_before_it_begins(tmp_path: Path) -> None:
    large(tmp_path)
    async with two(tmp_path) as (_, here, there):
        for _ in range(20):
            operation = await here.copy("file", there, "copy")
            status = await here.cancel(operation)
            if status.error_type == CopyStatusErrorType.NONE:
                await here.delete("copy")
                continue
            assert status.error_type == CopyStatusErrorType.CANCELLED and status.done
            assert (await here.get_status(operation)).error_type == CopyStatusErrorType.CANCELLED
            assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("which", ["source", "target"])
async def test_closing_a_file_system_ends_its_copies(tmp_path: Path, gate: asyncio.Event, which: str) -> None:
    large(tmp_path)
    async with two(tmp_path) as (_, here, there):
        operation = await here.copy("file", there, "copy")
        other = await there.copy("file", there, "other")
        while not (await here.get_status(operation)).bytes_copied or not (await there.get_status(other)).bytes_copied:
            await asyncio.sleep(0.005)
        waiting = asyncio.ensure_future(here.wait_until_done(operation))
        await asyncio.sleep(0.01)
        await (here if which == "source" else there).close()
        try:
            status = await asyncio.wait_for(waiting, 60)
            assert status.error_type == CopyStatusErrorType.CANCELLED and "was closed" in status.error_message
        except FileSystemClosedException:  # a long wait is several questions, of which one may come too late
            assert which == "source"
        if which == "source":
            with pytest.raises(FileSystemClosedException):
                await here.get_status(operation)
            assert (await there.get_status(other)).running, "it has nothing to do with the one that was closed"
            gate.set()
            assert (await ended(there, other)).error_type == CopyStatusErrorType.NONE
        else:
            assert (await here.get_status(operation)).error_type == CopyStatusErrorType.CANCELLED
    assert sorted(os.listdir(tmp_path)) == (["file", "other"] if which == "source" else ["file"])


async def test_closing_the_client_ends_every_copy(tmp_path: Path, gate: asyncio.Event) -> None:
    large(tmp_path)
    async with two(tmp_path) as (_, here, there):
        operations = [await here.copy("file", there, f"copy{number}") for number in range(20)]
        while not (await here.get_status(operations[-1])).bytes_copied:
            await asyncio.sleep(0.005)
    assert os.listdir(tmp_path) == ["file"]
    gate.set()
    await asyncio.sleep(0.05)
    assert os.listdir(tmp_path) == ["file"]


async def test_old_copies_are_forgotten_at_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_REMEMBERED", 5)
    (tmp_path / "file").touch()
    async with two(tmp_path) as (_, here, there):
        operations = []
        for number in range(10):
            operations.append(await here.copy("file", there, f"copy{number}"))
            await ended(here, operations[-1])
        for operation in operations[5:]:
            assert (await here.get_status(operation)).done
        for operation in operations[:4]:
            with pytest.raises(NoSuchCopyException):
                await here.get_status(operation)


@pytest.mark.parametrize("change", [b"", b"x" * (3 * MIB)], ids=["shrinks", "grows"])
async def test_a_file_that_changes_while_it_is_copied(tmp_path: Path, gate: asyncio.Event, change: bytes) -> None:
    (tmp_path / "file").write_bytes(bytes(9 * MIB))
    async with two(tmp_path) as (_, here, there):
        operation = await here.copy("file", there, "copy")
        while not (await here.get_status(operation)).bytes_copied:
            await asyncio.sleep(0.005)
        if change:
            with (tmp_path / "file").open("ab") as file:
                file.write(change)
        else:
            os.truncate(tmp_path / "file", 5 * MIB)
        gate.set()
        status = await ended(here, operation)
    assert status.error_type == CopyStatusErrorType.NONE
    assert status.bytes_copied == status.bytes_to_copy == (tmp_path / "copy").stat().st_size


async def test_many_copies_at_once(tmp_path: Path) -> None:
    content = large(tmp_path)
    async with two(tmp_path) as (_, here, there):
        operations = await asyncio.gather(*(here.copy("file", there, f"copy{number}") for number in range(50)))
        assert len({operation.id for operation in operations}) == 50
        statuses = await asyncio.gather(*(here.wait_until_done(operation) for operation in operations))
    assert {status.error_type for status in statuses} == {CopyStatusErrorType.NONE}
    assert all((tmp_path / f"copy{number}").read_bytes() == content for number in range(50))
    await until(lambda: len(os.listdir(tmp_path)) == 51, "all are there")
