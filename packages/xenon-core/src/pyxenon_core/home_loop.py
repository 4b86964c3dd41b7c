"""The event loop to which something belongs, such as a server in this process, and the way there from other loops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from pyxenon_core.errors import SessionClosedError

__all__ = ["HomeLoop"]

T = TypeVar("T")

_END = object()
_SECONDS_BETWEEN_LOOKS = 1.0


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
        """What the coroutine of *function* gives, run at home. Raises SessionClosedError when that loop has ended.

        When the caller is cancelled, so is the coroutine, and it has ended when this has.
        """
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
        with contextlib.suppress(SessionClosedError):  # then they have ended with their loop
            await _on(loop, _close, items)


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items, _END)


async def _close(items: AsyncIterator[Any]) -> None:
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()


async def _on(loop: asyncio.AbstractEventLoop | None, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
    """Run a coroutine on *loop*, which is another one than the running one, to its end."""
    if loop is None or loop.is_closed() or not loop.is_running():
        raise _ended()
    away = _Away(loop, function, arguments)
    answer = asyncio.wrap_future(away.answer)
    cancelled: asyncio.CancelledError | None = None
    while not answer.done():
        try:
            await asyncio.wait({answer}, timeout=_SECONDS_BETWEEN_LOOKS)
        except asyncio.CancelledError as error:
            cancelled = error
            away.cancel()
        if not answer.done() and (loop.is_closed() or not loop.is_running()):
            answer.cancel()
            break
    if cancelled is not None:
        if not answer.cancelled():
            answer.exception()
        raise cancelled
    if answer.cancelled():
        raise _ended()
    return answer.result()


class _Away(Generic[T]):
    """A coroutine on another loop. *answer* has its outcome once it has ended there: also after a cancellation, unlike asyncio's own."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, function: Callable[..., Coroutine[Any, Any, T]], arguments: tuple[Any, ...]
    ) -> None:
        self.answer: Future[T] = Future()
        self._loop = loop
        self._function = function
        self._arguments = arguments
        self._task: asyncio.Task[T] | None = None
        self._send(self._start)

    def cancel(self) -> None:
        """Ask for its end."""
        self._send(self._cancel)

    def _send(self, step: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(step)
        except RuntimeError:  # the loop has been closed meanwhile
            self.answer.cancel()

    def _start(self) -> None:
        self._task = self._loop.create_task(self._function(*self._arguments))
        self._task.add_done_callback(self._ended)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _ended(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self.answer.cancel()
            return
        if not self.answer.set_running_or_notify_cancel():
            task.exception()
            return
        failure = task.exception()
        if failure is None:
            self.answer.set_result(task.result())
        else:
            self.answer.set_exception(failure)


def _ended() -> SessionClosedError:
    return SessionClosedError("the session was closed: the event loop on which the server of this process runs has ended")
