"""The contract of a file system, held by the files of this machine."""

# What is tested is compared with the system's own calls, and no test minds waiting for them.
# ruff: noqa: ASYNC240
from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from descriptors import descriptors
from embedded import ended, files
from file_contract import CONTENT, MODES, check_delete_tree, check_permissions, check_range, check_ranges, lengths, offsets
from pyxenon_core.errors import InvalidPathException, NoSuchPathException
from pyxenon_core.messages import DefaultCredential
from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.filesystems.common.permissions import permissions_of
from pyxenon_server.filesystems.local import making
from pyxenon_server.filesystems.local.filesystem import LocalFileSystem


@pytest.fixture
def local(tmp_path: Path) -> LocalFileSystem:
    """The files of this machine."""
    properties = Properties.check("file", LocalFileSystem.properties, {})
    return LocalFileSystem(OpenRequest("", DefaultCredential(), properties, Resources(tmp_path)), "/")


@settings(suppress_health_check=list(HealthCheck))
@given(offsets, lengths)
def test_a_range_is_a_slice(local: LocalFileSystem, tmp_path: Path, offset: int, length: int | None) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    for local._piece in (7, 1 << 20):
        asyncio.run(check_range(local, f"{tmp_path}/file", CONTENT, offset, length))


async def test_ranges_at_the_edges(local: LocalFileSystem, tmp_path: Path) -> None:
    await check_ranges(local, str(tmp_path))


async def test_only_the_range_is_fetched(local: LocalFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(1 << 40)
        os.pwrite(file.fileno(), CONTENT, 1 << 39)
        os.pwrite(file.fileno(), b"end", (1 << 40) - 3)
    fetched: list[int] = []
    read = os.read

    def counting(number: int, most: int) -> bytes:
        fetched.append(most)
        return read(number, most)

    monkeypatch.setattr(os, "read", counting)
    for offset, length, wanted in ((1 << 39, 100, CONTENT), (-3, None, b"end"), (-3, 2, b"en")):
        fetched.clear()
        found = b"".join([piece async for piece in local.read(f"{tmp_path}/file", offset, length)])
        assert found == wanted
        assert length is None or sum(fetched) == length


async def test_a_file_that_tells_no_size_has_ranges(local: LocalFileSystem) -> None:
    whole = b"".join([piece async for piece in local.read("/proc/version")])
    for offset, length in ((0, 10), (6, 7), (6, None), (len(whole), 1), (1 << 70, 1)):
        await check_range(local, "/proc/version", whole, offset, length)
    assert b"".join([piece async for piece in local.read("/proc/version", -5)]) == whole


async def test_whoever_stops_early_leaves_no_file_open(local: LocalFileSystem, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(40 << 20))
    before = descriptors()
    for offset, length in ((0, None), (5 << 20, 30 << 20), (-1, None)):
        reading = local.read(f"{tmp_path}/file", offset, length)
        assert await anext(reading)
        assert descriptors() - before
        await reading.aclose()
        assert not descriptors() - before
    listing = local.list(str(tmp_path))
    assert await anext(listing)
    await listing.aclose()
    assert not descriptors() - before


async def test_permissions(local: LocalFileSystem, tmp_path: Path) -> None:
    await check_permissions(local, str(tmp_path))


@pytest.mark.parametrize("named", [False, True], ids=["without a name", "with a hidden name"])
@pytest.mark.parametrize("before", [None, 0o600, 0o666])
@pytest.mark.parametrize("mode", MODES)
async def test_a_file_appears_with_its_permissions(
    local: LocalFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, before: int | None, named: bool
) -> None:
    target, seen = tmp_path / "file", list[int]()

    def watched(call: Callable[..., None]) -> Callable[..., None]:
        def watching(*arguments: Any, **options: Any) -> None:
            call(*arguments, **options)
            seen.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir())

        return watching

    async def data() -> AsyncGenerator[bytes, None]:
        yield bytes(2 << 20)
        seen.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir() if path != target)

    if before is not None:
        target.touch()
        target.chmod(before)
    if named:
        monkeypatch.setattr(making, "_NAMELESS", None)
    for where, name in ((os, "link"), (os, "replace"), (making, "rename_new")):
        monkeypatch.setattr(where, name, watched(getattr(where, name)))
    await local.write(str(target), data(), replace=before is not None, permissions=permissions_of(mode))
    assert seen and set(seen) <= {mode} | ({before} if before is not None and not named else set()), [oct(found) for found in seen]
    assert seen[-1] == mode == stat.S_IMODE(target.stat().st_mode)


async def test_a_copy_never_sets_permissions_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_arguments: object) -> None:
        raise AssertionError("the file has its name already")

    monkeypatch.setattr(LocalFileSystem, "set_permissions", refuse)
    for mode in (0o600, 0o755, 0o500):
        (tmp_path / "source").write_bytes(b"content")
        (tmp_path / "source").chmod(mode)
        async with files(tmp_path) as here:
            status = await ended(here, await here.copy("source", here, f"copy{mode}"))
        assert status.error_message == ""
        assert stat.S_IMODE((tmp_path / f"copy{mode}").stat().st_mode) == mode


@pytest.mark.parametrize("size", [0, 3, 20_000_000])
async def test_checksums(local: LocalFileSystem, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    for algorithm in ("sha256", "md5", "blake2b"):
        assert await local.checksum(f"{tmp_path}/file", algorithm) == hashlib.new(algorithm, content).hexdigest()
    for algorithm in ("", "crc33", "shake_128"):
        assert await local.checksum(f"{tmp_path}/file", algorithm) is None
    before = descriptors()
    for path, error in ((tmp_path / "missing", NoSuchPathException), (tmp_path, InvalidPathException)):
        with pytest.raises(error):
            await local.checksum(str(path), "sha256")
    computing = asyncio.ensure_future(local.checksum(f"{tmp_path}/file", "sha256"))
    await asyncio.sleep(0)
    computing.cancel()
    await asyncio.gather(computing, return_exceptions=True)
    assert not descriptors() - before


async def test_a_tree_is_deleted_and_links_are_not_followed(local: LocalFileSystem, tmp_path: Path) -> None:
    await check_delete_tree(local, str(tmp_path))


async def test_a_recursive_delete_is_the_adaptors_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def delete_tree(_self: LocalFileSystem, path: str) -> None:
        asked.append(path)

    (tmp_path / "tree").mkdir()
    monkeypatch.setattr(LocalFileSystem, "delete_tree", delete_tree)
    async with files(tmp_path) as here:
        await here.delete("tree", recursive=True)
        assert asked == [f"{tmp_path}/tree"] and (tmp_path / "tree").exists()
        await here.delete("tree")
    assert not (tmp_path / "tree").exists()
