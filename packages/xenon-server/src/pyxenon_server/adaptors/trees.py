"""Directories and all that is in them: listed, made and deleted, with several requests under way at once."""

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
    """The path that *entry* is about."""
    return entry.path.path if entry.path is not None else ""


async def walk(filesystem: FileSystem, directory: str) -> AsyncGenerator[Sequence[PathAttributes], None]:
    """What is in *directory* and below it, in batches; each directory comes before what is in it. Links are not followed.

    A directory below that vanishes meanwhile was never there.
    """
    waiting = [directory]
    while waiting:
        now, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        for batch in await _all_listed(filesystem, now, directory):
            waiting += [path_of(entry) for entry in batch if entry.is_directory]
            if batch:
                yield batch


async def _all_listed(filesystem: FileSystem, directories: Sequence[str], top: str) -> list[list[PathAttributes]]:
    """What is in each of *directories*; when one cannot be listed the others are not gone on with."""
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
    """Raise IOException for a path that is not right below *directory*: whoever answers a listing must not choose where a copy goes."""
    above = f"{directory.rstrip('/')}/"
    for entry in entries:
        path = path_of(entry)
        name = path[len(above) :]
        if not path.startswith(above) or name in ("", ".", "..") or "/" in name:
            raise IOException(f"the listing of {directory} has a name that leads out of it: {path!r}", adaptor=filesystem.name)


async def delete_tree(filesystem: FileSystem, path: str) -> None:
    """Delete *path*, and all that is in it when it is a directory, as :meth:`FileSystem.delete_tree` does."""
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
    """Make *path* and every directory above it that is missing; raises PathAlreadyExistsException when *path* itself exists."""
    ends = [number for number, character in enumerate(path) if character == "/" and number]
    there = len(ends)
    while there and not await filesystem.exists(path[: ends[there - 1]]):
        there -= 1
    for end in ends[there:]:
        try:
            await filesystem.create_directory(path[:end])
        except PathAlreadyExistsException:
            continue  # somebody else has made it meanwhile
    await filesystem.create_directory(path)
