"""Feed a blocking iterator, such as a generator that waits on a queue, to an event loop without blocking the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar

__all__ = ["iterate_in_thread"]

T = TypeVar("T")

_END = object()


async def iterate_in_thread(iterator: Iterator[T]) -> AsyncIterator[T]:
    """Yield the items of *iterator*, which is advanced in a thread of its own, at most one item ahead.

    Python waits for pool threads at exit, and one blocked on a caller's queue would never end: hence a daemon thread.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Any] = asyncio.Queue()
    wanted = threading.Semaphore(1)
    stopped = threading.Event()

    def hand_over(item: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, item)

    def advance() -> None:
        try:
            while wanted.acquire() and not stopped.is_set():
                hand_over((next(iterator, _END), None))
        except BaseException as error:  # noqa: BLE001 - passed on: it is raised where the items are used
            hand_over((_END, error))

    threading.Thread(target=advance, name="xenon-thread-iterator", daemon=True).start()
    try:
        while True:
            item, error = await queue.get()
            if isinstance(error, Exception):
                raise error
            if error is not None:  # SystemExit and the like would end the event loop, and the call would never return
                raise RuntimeError(f"the source of the data raised {type(error).__name__}") from error
            if item is _END:
                return
            wanted.release()
            yield item
    finally:
        stopped.set()
        wanted.release()
