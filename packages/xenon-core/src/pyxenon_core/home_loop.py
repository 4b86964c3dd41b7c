"""The event loop that an object, such as a server in this process, belongs to, and calls to it from other loops."""

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
    """The loop of the first call. Calls from other loops are passed on to it, one thread switch each way."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_here(self) -> bool:
        """True if the running loop is the home loop; the first loop that asks becomes it."""
        here = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = here
        return self._loop is here

    async def call(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """Run the coroutine of *function* on the home loop and return its result. Raises SessionClosedError if that loop has ended.

        When the caller is cancelled, the coroutine is cancelled too, and has ended before this call ends.
        """
        if self.is_here:
            return await function(*arguments)
        return await _on(self._loop, function, *arguments)

    def iterate(self, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """Return the items of a generator that runs on the home loop, where it is also closed."""
        return items if self.is_here else _from(self._loop, items)

    def bring(self, items: AsyncIterator[T]) -> AsyncIterator[T]:
        """Return *items*, which come from the running loop, for iteration on the home loop."""
        return items if self.is_here else _from(asyncio.get_running_loop(), items)


async def _from(loop: asyncio.AbstractEventLoop | None, items: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    try:
        while (item := await _on(loop, _next, items)) is not _END:
            yield item
    finally:
        with contextlib.suppress(SessionClosedError):  # the items have ended with their loop
            await _on(loop, _close, items)


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items, _END)


async def _close(items: AsyncIterator[Any]) -> None:
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()


async def _on(loop: asyncio.AbstractEventLoop | None, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
    """Run a coroutine on *loop*, which is not the running loop, to its end."""
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
    """A coroutine on another loop. Unlike asyncio's own, *answer* is set only once the coroutine has ended, even after a cancellation."""

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
        """Request cancellation."""
        self._send(self._cancel)

    def _send(self, step: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(step)
        except RuntimeError:  # the loop has been closed in the meantime
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
