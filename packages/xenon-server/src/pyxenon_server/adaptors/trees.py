"""Operations on directory trees: walk, create and delete, with several requests in flight."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

from pyxenon_core.errors import IOException, NoSuchPathException, PathAlreadyExistsException
from pyxenon_core.messages import PathAttributes
from pyxenon_server.concurrency import run_limited

if TYPE_CHECKING:
    from pyxenon_server.adaptors.base import FileSystem

__all__ = ["create_directories", "delete_tree", "path_of", "walk"]

_AT_ONCE = 16


def path_of(entry: PathAttributes) -> str:
    """Return the path of *entry*."""
    return entry.path.path if entry.path is not None else ""


async def walk(filesystem: FileSystem, directory: str) -> AsyncGenerator[Sequence[PathAttributes], None]:
    """Yield all entries below *directory* in batches; each directory comes before its entries. Links are not followed.

    A subdirectory that disappears during the walk counts as empty.
    """
    waiting = [directory]
    while waiting:
        now, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        for batch in await _all_listed(filesystem, now, directory):
            waiting += [path_of(entry) for entry in batch if entry.is_directory]
            if batch:
                yield batch


async def _all_listed(filesystem: FileSystem, directories: Sequence[str], top: str) -> list[list[PathAttributes]]:
    """Return the entries of each of *directories*. If one cannot be listed, stop listing the others and raise its error."""
    found: dict[str, list[PathAttributes]] = {}

    async def look(directory: str) -> None:
        try:
            found[directory] = [entry async for batch in filesystem.list(directory) for entry in batch]
            _require_inside(filesystem, directory, found[directory])
        except NoSuchPathException:
            if directory == top:
                raise
            found[directory] = []

    await run_limited(_AT_ONCE, (look(directory) for directory in directories))
    return [found[directory] for directory in directories]


def _require_inside(filesystem: FileSystem, directory: str, entries: Sequence[PathAttributes]) -> None:
    """Raise IOException for a path that is not directly in *directory*: a malicious server must not choose where a copy is written."""
    above = f"{directory.rstrip('/')}/"
    for entry in entries:
        path = path_of(entry)
        name = path[len(above) :]
        if not path.startswith(above) or name in ("", ".", "..") or "/" in name:
            raise IOException(f"the listing of {directory} contains a path outside it: {path!r}", adaptor=filesystem.name)


async def delete_tree(filesystem: FileSystem, path: str) -> None:
    """Delete *path* and, if it is a directory, everything in it, as :meth:`FileSystem.delete_tree` does."""
    if (await filesystem.attributes(path)).is_directory:
        await _delete_directory(filesystem, path)
    else:
        await filesystem.delete(path)


async def _delete_directory(filesystem: FileSystem, directory: str) -> None:
    directories = [directory]
    async with contextlib.aclosing(walk(filesystem, directory)) as batches:
        async for batch in batches:
            directories += [path_of(entry) for entry in batch if entry.is_directory]
            await run_limited(_AT_ONCE, (_delete(filesystem, path_of(entry)) for entry in batch if not entry.is_directory))
    by_depth: dict[int, list[str]] = {}
    for path in directories:
        by_depth.setdefault(path.count("/"), []).append(path)
    for depth in sorted(by_depth, reverse=True):
        await run_limited(_AT_ONCE, (_delete(filesystem, path) for path in by_depth[depth]))


async def _delete(filesystem: FileSystem, path: str) -> None:
    with contextlib.suppress(NoSuchPathException):
        await filesystem.delete(path)


async def create_directories(filesystem: FileSystem, path: str) -> None:
    """Create *path* and every missing parent directory. Raises PathAlreadyExistsException if *path* itself exists."""
    ends = [number for number, character in enumerate(path) if character == "/" and number]
    there = len(ends)
    while there and not await filesystem.exists(path[: ends[there - 1]]):
        there -= 1
    for end in ends[there:]:
        try:
            await filesystem.create_directory(path[:end])
        except PathAlreadyExistsException:
            continue  # created concurrently by somebody else
    await filesystem.create_directory(path)
