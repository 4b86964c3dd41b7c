"""The only bridge from the synchronous API to the asynchronous one.

Over a channel that blocks, the coroutines of the core are driven in the calling thread: they never suspend, and no other thread is in
the way of a call. Over any other channel they run on one event loop in one daemon thread, and streams cross over in batches.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, Generic, TypeVar

from typing_extensions import override

from pyxenon_core.driving import drive, drive_next
from pyxenon_core.errors import SessionClosedError, Status, XenonError
from pyxenon_core.streams import closing

__all__ = ["DirectPortal", "LoopPortal", "Portal"]

T = TypeVar("T")

# How many bytes of a stream may wait for a reader who is slow, and as how many a small piece and a message count.
_ROOM = 8 << 20
_SMALL_PIECE = 256 << 10
_MESSAGE = 32 << 10


class Portal(ABC):
    """Runs the core's coroutines for callers that are not asynchronous."""

    @abstractmethod
    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* to its end; gives what it returns and raises what it raises. An interrupt cancels it."""

    @abstractmethod
    def iterate(self, stream: AsyncIterator[T]) -> Iterator[T]:
        """The items of *stream*, each as soon as it is there. Closing the iterator closes the stream."""

    def require_caller(self) -> None:
        """Raise the error that says why this thread, or this process, cannot use the portal; nothing when it can."""
        return

    @abstractmethod
    def close(self) -> None:
        """Release what the portal runs on."""


class DirectPortal(Portal):
    """Drives coroutines in the calling thread. For channels that block."""

    @override
    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return drive(coroutine)

    @override
    def iterate(self, stream: AsyncIterator[T]) -> Iterator[T]:
        try:
            while True:
                try:
                    item = drive_next(stream)
                except StopAsyncIteration:
                    return
                yield item
        finally:
            drive(_close(stream))

    @override
    def close(self) -> None:
        """Nothing to release: the calling threads are the callers' own."""


class LoopPortal(Portal):
    """Runs coroutines on one event loop in one daemon thread.

    The thread is not in a fork of the process, where a call would wait for it for ever: there every call raises SessionClosedError.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._open = True
        self._thread = threading.Thread(target=self._run, name="xenon-loop", daemon=True)
        self._thread.start()

    @override
    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            self.require_caller()
        except BaseException:
            coroutine.close()
            raise
        running = _Running(coroutine)
        try:
            begun = self._begin(running)
            if begun:
                running.wait()
        except BaseException:
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile, which has cancelled it
                self._loop.call_soon_threadsafe(running.cancel)
            raise
        if not begun:
            return drive(coroutine)  # over a closed channel, which says so at once, and what it was about
        try:
            return running.result()
        except asyncio.CancelledError:
            raise self._cancelled() from None

    @override
    def iterate(self, stream: AsyncIterator[T]) -> Iterator[T]:
        self.require_caller()
        if not self._open:
            yield from _drained(stream)
            return
        queue = _Items()
        pump = self.call(_start(_pump(stream, queue)))
        try:
            while True:
                for item in self._taken(queue):
                    if isinstance(item, _End):
                        item.raise_failure()
                        return
                    yield item
        finally:
            self._finish(_stop(pump, stream))

    @override
    def close(self) -> None:
        if self._is_forked():
            return  # the loop is the parent's
        with self._lock:
            if not self._open:
                return
            ended = asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop)  # behind every call that was let in
            self._open = False
        ended.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @override
    def require_caller(self) -> None:
        if self._is_forked():
            hint = "Call xenon.init() in the new process, and open what is needed there"
            raise SessionClosedError("the session belongs to the process that this one was forked from", hint=hint)
        if threading.current_thread() is self._thread:
            raise RuntimeError(
                "a synchronous call in the session's own event loop, such as in an asynchronous source of data, would wait for itself "
                "for ever; await the asynchronous object there, which is .core of a file system or scheduler"
            )

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(_cancel_all())  # what came from other loops between the last look and the end

    def _is_forked(self) -> bool:
        return os.getpid() != self._process

    def _taken(self, queue: _Items) -> list[Any]:
        if not self._open:
            raise self._cancelled()
        return self.call(queue.take())

    def _begin(self, running: _Running[Any]) -> bool:
        """Start it on the loop, if that goes on; gives whether it does."""
        with self._lock:
            if self._open:
                self._loop.call_soon_threadsafe(running.begin)
            return self._open

    def _cancelled(self) -> XenonError:
        """The error for a call that ended without an answer, though its caller still waits."""
        if self._open:
            return XenonError("the server cancelled the call", status=Status.CANCELLED)
        return SessionClosedError("the session was closed")

    def _finish(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run *coroutine*; without waiting for it when the garbage collector ends a stream in the loop's own thread."""
        if threading.current_thread() is self._thread:
            self._loop.create_task(coroutine)
        elif self._open:
            with contextlib.suppress(SessionClosedError):  # closing the portal has ended the stream
                self.call(coroutine)
        else:
            coroutine.close()


class _Running(Generic[T]):
    """A coroutine on the loop, for whose end a thread waits: on a lock, which takes half the time of the standard library's futures."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._task: asyncio.Task[None] | None = None
        self._ended = threading.Lock()
        self._ended.acquire()
        self._result: T
        self._failure: BaseException | None = None

    def begin(self) -> None:
        """Start it; for the loop's own thread, as is :meth:`cancel`."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._never_began)

    def cancel(self) -> None:
        """Ask for its end, or see to it that it never begins."""
        if self._task is None:
            self._coroutine.close()
        else:
            self._task.cancel()

    def wait(self) -> None:
        """Return once it has ended."""
        self._ended.acquire()

    def result(self) -> T:
        """What it gave, or raised, once."""
        if self._failure is None:
            return self._result
        failure, self._failure = self._failure, None
        try:
            raise failure
        finally:
            del failure  # a frame that keeps it is in its traceback, and neither would go before the garbage collector comes

    async def _run(self) -> None:
        try:
            self._result = await self._coroutine
        except BaseException as error:  # noqa: BLE001 - handed over: it is raised where the call was made
            self._failure = error
        self._ended.release()

    def _never_began(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # before its first step: later, that is an outcome as any other
            self._coroutine.close()
            self._failure = asyncio.CancelledError()
            self._ended.release()


class _End:
    """The mark behind the last item of a stream, with the failure that ended it."""

    def __init__(self, failure: BaseException | None) -> None:
        self._failure = failure

    def raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


def _drained(stream: AsyncIterator[T]) -> Iterator[T]:
    """The items of a stream over a closed channel, which has none and says why."""
    with contextlib.suppress(StopAsyncIteration):
        while True:
            yield drive_next(stream)


async def _start(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.ensure_future(coroutine)


async def _stop(pump: asyncio.Task[None], stream: AsyncIterator[Any]) -> None:
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)
    await _close(stream)


async def _cancel_all() -> None:
    """End what streams and calls have left on the loop."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


async def _close(stream: AsyncIterator[Any]) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()


async def _pump(stream: AsyncIterator[Any], items: _Items) -> None:
    """Put every item of *stream* into *items*, waiting while there are many, and a mark behind the last."""
    failure: BaseException | None = None
    try:
        async with closing(stream):
            async for item in stream:
                await items.put(item)
    except asyncio.CancelledError:
        failure = XenonError("the server cancelled the call", status=Status.CANCELLED)
    except BaseException as error:  # noqa: BLE001 - handed over: it is raised where the items are used
        failure = error
    items.end(failure)


class _Items:
    """The items of a stream that wait for their reader. The mark at the end never waits for room."""

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._held = 0
        self._taken = asyncio.Event()
        self._there = asyncio.Event()

    async def put(self, item: object) -> None:
        while self._held >= _ROOM:
            self._taken.clear()
            await self._taken.wait()
        self._held += max(_SMALL_PIECE, len(item)) if isinstance(item, bytes) else _MESSAGE
        self._items.append(item)
        self._there.set()

    def end(self, failure: BaseException | None) -> None:
        self._items.append(_End(failure))
        self._there.set()

    async def take(self) -> list[Any]:
        """All the items that are there, at least one."""
        await self._there.wait()
        items, self._items, self._held = self._items, [], 0
        self._there.clear()
        self._taken.set()
        return items
