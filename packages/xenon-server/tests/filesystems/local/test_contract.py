"""The contract of a file system, held by the files of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedded import files
from file_contract import check_delete_tree
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
