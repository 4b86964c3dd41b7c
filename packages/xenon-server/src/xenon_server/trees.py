"""Directories and all that is in them: listed, made and deleted, with several requests under way at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from xenon_core.errors import NoSuchPathException, PathAlreadyExistsException
from xenon_core.messages import PathAttributes
from xenon_server.adaptor import FileSystem
from xenon_server.paths import parent_of
from xenon_server.together import together

__all__ = ["create_directories", "delete_tree", "path_of", "walk"]

_AT_ONCE = 16


def path_of(entry: PathAttributes) -> str:
    """The path that *entry* is about."""
    return entry.path.path if entry.path is not None else ""


async def walk(filesystem: FileSystem, directory: str) -> AsyncIterator[Sequence[PathAttributes]]:
    """What is in *directory* and below it, in batches; each directory comes before what is in it. Links are not followed."""
    waiting = [directory]
    while waiting:
        now, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        for batch in await asyncio.gather(*(_listed(filesystem, path) for path in now)):
            waiting += [path_of(entry) for entry in batch if entry.is_directory]
            if batch:
                yield batch


async def _listed(filesystem: FileSystem, directory: str) -> list[PathAttributes]:
    return [entry async for batch in filesystem.list(directory) for entry in batch]


async def delete_tree(filesystem: FileSystem, directory: str) -> None:
    """Delete *directory* and all that is in it; links are deleted and not followed. What others delete meanwhile is no error."""
    directories = [directory]
    async for batch in walk(filesystem, directory):
        directories += [path_of(entry) for entry in batch if entry.is_directory]
        await together(_AT_ONCE, (_delete(filesystem, path_of(entry)) for entry in batch if not entry.is_directory))
    by_depth: dict[int, list[str]] = {}
    for path in directories:
        by_depth.setdefault(path.count("/"), []).append(path)
    for depth in sorted(by_depth, reverse=True):
        await together(_AT_ONCE, (_delete(filesystem, path) for path in by_depth[depth]))


async def _delete(filesystem: FileSystem, path: str) -> None:
    try:
        await filesystem.delete(path)
    except NoSuchPathException:
        return


async def create_directories(filesystem: FileSystem, path: str) -> None:
    """Make *path* and every directory above it that is missing; raises PathAlreadyExistsException when *path* itself exists."""
    missing = []
    above = parent_of(path)
    while above != "/" and not await filesystem.exists(above):
        missing.append(above)
        above = parent_of(above)
    for directory in reversed(missing):
        try:
            await filesystem.create_directory(directory)
        except PathAlreadyExistsException:
            continue  # somebody else has made it meanwhile
    await filesystem.create_directory(path)
