"""What every adaptor of a file system must hold to, as checks that the tests of each adaptor run on a directory of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from hypothesis import strategies as st

from pyxenon_core.errors import InvalidPathException, NoSuchPathException
from pyxenon_server.adaptors.base import FileSystem
from pyxenon_server.filesystems.common.permissions import permissions_of

__all__ = [
    "CONTENT",
    "MODES",
    "check_delete_tree",
    "check_permissions",
    "check_range",
    "check_ranges",
    "lengths",
    "offsets",
    "pieces",
    "seen",
]

MODES = [0o000, 0o400, 0o600, 0o555, 0o640, 0o644, 0o755, 0o777]

CONTENT = bytes(range(100))
_EDGES = [0, 1, 6, 7, 8, 50, 99, 100, 101, 1 << 31, 1 << 44, (1 << 63) - 1, 1 << 63, 1 << 64, 1 << 70]

offsets = st.integers(-120, 120) | st.sampled_from(_EDGES + [-edge for edge in _EDGES])
lengths = st.none() | st.integers(0, 120) | st.sampled_from(_EDGES)


async def pieces(*data: bytes) -> AsyncGenerator[bytes, None]:
    """Give *data* as an adaptor takes it."""
    for piece in data:
        yield piece


async def seen(files: FileSystem, path: str) -> object:
    """Return what is at *path*: bytes of a file, the text of a link, a dictionary of a directory by the names in it."""
    what = await files.attributes(path)
    if what.is_symbolic_link:
        return await files.read_symbolic_link(path)
    if what.is_directory:
        below = [entry.path.path async for batch in files.list(path) for entry in batch if entry.path]
        return {name.rpartition("/")[2]: await seen(files, name) for name in below}
    return b"".join([piece async for piece in files.read(path)])


async def check_range(files: FileSystem, path: str, content: bytes, offset: int, length: int | None) -> None:
    """A range of the file is the slice of its *content*."""
    found = [piece async for piece in files.read(path, offset, length)]
    assert b"".join(found) == content[offset:][:length], (offset, length)


async def check_ranges(files: FileSystem, folder: str) -> None:
    """The ranges at the edges, of a file and of an empty one; and what has none."""
    for name, content in (("file", CONTENT), ("empty", b"")):
        await files.write(f"{folder}/{name}", pieces(content))
        for offset in _EDGES:
            for length in (None, 0, 1, 50, 1 << 70):
                await check_range(files, f"{folder}/{name}", content, offset, length)
                await check_range(files, f"{folder}/{name}", content, -offset, length)
    for path, offset, length, error in (
        (f"{folder}/missing", 0, 0, NoSuchPathException),
        (f"{folder}/missing", -1, None, NoSuchPathException),
        (folder, 0, 0, InvalidPathException),
        (folder, -1, 1, InvalidPathException),
    ):
        with pytest.raises(error):
            await check_range(files, path, b"", offset, length)


async def check_permissions(files: FileSystem, folder: str) -> None:
    """A file has the permissions that are asked for, whatever it replaces; without, those of what it replaces."""
    for number, mode in enumerate(MODES):
        path, wanted = f"{folder}/{number}", permissions_of(mode)
        await files.write(path, pieces(b"new"), permissions=wanted)
        assert set((await files.attributes(path)).permissions) == set(wanted)
        await files.write(path, pieces(b"replaced"), replace=True)
        assert set((await files.attributes(path)).permissions) == set(wanted)
        await files.set_permissions(path, permissions_of(0o644 if mode & 0o044 == 0 else 0o600))
        await files.write(path, pieces(bytes(5 << 20)), replace=True, permissions=wanted)
        assert set((await files.attributes(path)).permissions) == set(wanted)


async def check_delete_tree(files: FileSystem, folder: str) -> None:
    """A tree goes with all that is in it, and nothing that a link in it points to."""
    kept = {"outside": {"file": b"kept"}, "file": b"kept"}
    for directory in ("outside", "tree", "tree/inner", "tree/inner/empty"):
        await files.create_directory(f"{folder}/{directory}")
    for file in ("outside/file", "file", "tree/file", "tree/inner/file"):
        await files.write(f"{folder}/{file}", pieces(b"kept" if "tree" not in file else b""))
    for link, target in (
        ("tree/inner/link", "../../outside"),
        ("tree/to file", "../file"),
        ("tree/dangling", "nowhere"),
        ("to outside", "outside"),
    ):
        await files.create_symbolic_link(f"{folder}/{link}", target)
    await files.delete_tree(f"{folder}/tree")
    assert await seen(files, folder) == {**kept, "to outside": "outside"}
    await files.delete_tree(f"{folder}/to outside")
    assert await seen(files, folder) == kept
    await files.delete_tree(f"{folder}/file")
    assert await seen(files, folder) == {"outside": kept["outside"]}
    for missing in ("tree", "tree/file"):
        with pytest.raises(NoSuchPathException):
            await files.delete_tree(f"{folder}/{missing}")
