"""Requests that come while a command is under way, gathered for the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

__all__ = ["Batching"]

T = TypeVar("T")


class Batching(Generic[T]):
    """Hands items to *work*, as many at a time as have come, and never two times at once.

    Args:
        work: Deals with some items; it must not raise.
        most: How many items it gets at most.
    """

    def __init__(self, work: Callable[[list[T]], Awaitable[None]], most: int) -> None:
        self._work = work
        self._most = most
        self._items: deque[T] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, *items: T) -> None:
        """Have *items* dealt with soon."""
        self._items.extend(items)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def discard(self, item: T) -> bool:
        """Forget *item* when it has not been handed on; whether it was so."""
        try:
            self._items.remove(item)
        except ValueError:
            return False
        return True

    async def close(self) -> list[T]:
        """Stop, and give the items that nobody has dealt with."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        items = list(self._items)
        self._items.clear()
        return items

    async def _run(self) -> None:
        while self._items:
            await self._work([self._items.popleft() for _ in range(min(self._most, len(self._items)))])
