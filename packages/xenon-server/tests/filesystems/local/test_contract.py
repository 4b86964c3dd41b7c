"""The contract of a file system, held by the files of this machine."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from descriptors import descriptors
from embedded import files
from file_contract import CONTENT, check_delete_tree, check_range, check_ranges, lengths, offsets
from pyxenon_core.messages import DefaultCredential
from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources
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
