"""Paths that are more likely a mistake than meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedded import files
from pyxenon_core.errors import IllegalArgumentException, InvalidPathException


@pytest.mark.parametrize("given", ["", ".", "./", "..", "../.", "a/../..", "a/.", "/", "//", "/.", "/./"])
@pytest.mark.parametrize("recursive", [False, True])
async def test_the_root_and_the_working_directory_are_not_deleted_by_mistake(tmp_path: Path, given: str, recursive: bool) -> None:
    below = tmp_path / "above/here"
    (below / "a").mkdir(parents=True)
    (below / "a/file").touch()
    async with files(below) as here:
        with pytest.raises(InvalidPathException, match="cannot delete"):
            await here.delete(given, recursive=recursive)
    assert (below / "a/file").exists()


async def test_a_path_longer_than_any_is_refused(tmp_path: Path) -> None:
    async with files(tmp_path) as here:
        for attempt in (here.exists, here.create_directories, here.delete):
            with pytest.raises(IllegalArgumentException, match="100,000 characters"):
                await attempt("x/" * 50_000)
