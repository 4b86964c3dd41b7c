"""Collect the requests that arrive while a command runs, for the next command."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

__all__ = ["Batching"]

T = TypeVar("T")


class Batching(Generic[T]):
    """Passes items to *work* in batches: all that have arrived, with only one call at a time.

    Args:
        work: Processes a batch; it must not raise.
        most: The maximum size of a batch.
    """

    def __init__(self, work: Callable[[list[T]], Awaitable[None]], most: int) -> None:
        self._work = work
        self._most = most
        self._items: deque[T] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, *items: T) -> None:
        """Queue *items* for the next batch."""
        self._items.extend(items)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def discard(self, item: T) -> bool:
        """Remove *item* if it is still queued; return True if it was."""
        try:
            self._items.remove(item)
        except ValueError:
            return False
        return True

    async def close(self) -> list[T]:
        """Stop, and return the items that are still queued."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        items = list(self._items)
        self._items.clear()
        return items

    async def _run(self) -> None:
        while self._items:
            await self._work([self._items.popleft() for _ in range(min(self._most, len(self._items)))])
