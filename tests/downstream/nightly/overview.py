"""The asynchronous half: what a server offers, and what is in a directory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import assert_type

import pyxenon_core
from pyxenon_core import messages
from pyxenon_core.errors import NoSuchQueueException, XenonError


@dataclass(frozen=True)
class Overview:
    """The queues of a scheduler with the state of each, what is in a directory, and the adaptors that can copy between servers."""

    queues: dict[str, str]
    names: list[str]
    third_party: list[str]


async def listing(filesystem: pyxenon_core.FileSystem, folder: pyxenon_core.Path) -> AsyncIterator[str]:
    """The names in *folder*, directories with a slash."""
    async for entry in filesystem.list(folder):
        assert_type(entry, pyxenon_core.PathAttributes)
        yield f"{entry.path.name}/" if assert_type(entry.is_directory, bool) else entry.path.name


async def queue_state(scheduler: pyxenon_core.Scheduler, queue: str) -> str:
    """How a queue is, in a word."""
    try:
        status = assert_type(await scheduler.get_queue_status(queue), messages.QueueStatus)
    except NoSuchQueueException as error:
        return assert_type(error.reason, str)
    return "well" if status.error_type == messages.QueueStatus.ErrorType.NONE else status.error_message


async def survey(target: str, folder: pyxenon_core.Path) -> Overview:
    """Look at the server of *target*, and into *folder* on it."""
    async with await pyxenon_core.connect(target) as client:
        assert_type(client, pyxenon_core.Client)
        try:
            descriptions = await client.filesystems.get_adaptor_descriptions()
        except XenonError as error:
            raise SystemExit(f"{error} ({error.status.name})") from error
        assert_type(descriptions, list[messages.FileSystemAdaptorDescription])
        third_party = sorted(description.name for description in descriptions if description.supports_third_party_copy)
        async with await client.schedulers.create("local") as scheduler, await client.filesystems.create("file") as filesystem:
            queues = {name: await queue_state(scheduler, name) for name in assert_type(await scheduler.get_queue_names(), list[str])}
            names = sorted([name async for name in listing(filesystem, folder)])
            content = [piece async for piece in filesystem.read_from_file(folder / "kept")]
            assert_type(content, list[bytes])
    return Overview(queues, names, third_party)
