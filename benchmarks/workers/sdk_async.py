"""This SDK, asynchronously: the package ``pyxenon_core``, on an event loop in this thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import pyxenon_core
from benchmarks.workers.client import Server
from benchmarks.workers.sdk import target_of

__all__ = ["AsyncSdkClient", "open_client"]


def open_client(server: Server) -> AsyncSdkClient:
    """A client of *server*."""
    return AsyncSdkClient(target_of(server))


class AsyncSdkClient:
    """What programs that use ``pyxenon_core`` do. A whole round is one coroutine, so that no loop is entered and left in between."""

    def __init__(self, target: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = self._loop.run_until_complete(pyxenon_core.connect(target))
        self._files = self._loop.run_until_complete(self._client.filesystems.create("file"))

    def exists(self, path: str, times: list[float], clock: Callable[[], float]) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""

        async def ask() -> None:
            exists = self._files.exists
            for number in range(len(times)):
                start = clock()
                if not await exists(path):
                    raise FileNotFoundError(path)
                times[number] = clock() - start

        self._loop.run_until_complete(ask())

    def list_files(self, path: str) -> int:
        """See :class:`~benchmarks.workers.client.Client`."""

        async def count_files() -> int:
            count = 0
            async for entry in self._files.list(path):
                if entry.path and entry.size and not entry.is_directory:
                    count += 1
            return count

        return self._loop.run_until_complete(count_files())

    def read(self, path: str, take: Callable[[bytes], object]) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""

        async def read() -> None:
            async for piece in self._files.read_from_file(path):
                take(piece)

        self._loop.run_until_complete(read())

    def write(self, path: str, pieces: Iterable[bytes]) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""
        self._loop.run_until_complete(self._files.write_to_file(path, pieces))

    def run_jobs(self, count: int, executable: str) -> int:
        """See :class:`~benchmarks.workers.client.Client`; one after the other, as the others do it."""

        async def run_all() -> int:
            async with await self._client.schedulers.create("local") as scheduler:
                description = pyxenon_core.messages.JobDescription(executable=executable)
                jobs = [await scheduler.submit_batch_job(description) for _ in range(count)]
                return sum([(await scheduler.wait_until_done(job)).exit_code == 0 for job in jobs])

        return self._loop.run_until_complete(run_all())

    def close(self) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""
        self._loop.run_until_complete(self._files.close())
        self._loop.run_until_complete(self._client.close())
        self._loop.close()
