"""The event loop to which something belongs, such as a server in this process, and the way there from other loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from xenon_core.errors import SessionClosedError

__all__ = ["HomeLoop"]

T = TypeVar("T")

_END = object()


class HomeLoop:
    """The loop on which the first call was made. Calls from other loops are taken there, one hop each way."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_here(self) -> bool:
        """Whether the running loop is the one; it becomes the one when there is none yet."""
        here = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = here
        return self._loop is here

    async def call(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """What the coroutine of *function* gives, run at home. Raises SessionClosedError when that loop has ended."""
        if self.is_here:
            return await function(*arguments)
        return await _on(self._loop, function, *arguments)

    def iterate(self, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """The items of a generator that runs at home; it is closed there."""
        return items if self.is_here else _from(self._loop, items)

    def bring(self, items: AsyncIterator[T]) -> AsyncIterator[T]:
        """*items*, which come from the running loop, to be iterated over at home."""
        return items if self.is_here else _from(asyncio.get_running_loop(), items)


async def _from(loop: asyncio.AbstractEventLoop | None, items: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    try:
        while (item := await _on(loop, _next, items)) is not _END:
            yield item
    finally:
        await _on(loop, _close, items)


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items, _END)


async def _close(items: AsyncIterator[Any]) -> None:
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()


async def _on(loop: asyncio.AbstractEventLoop | None, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
    """Run a coroutine on *loop*, which is another one than the running one."""
    if loop is None or loop.is_closed() or not loop.is_running():
        raise SessionClosedError("the event loop on which the server of this process runs has ended")
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(function(*arguments), loop))
