"""The only bridge from the synchronous API to the asynchronous one.

With a blocking channel, the coroutines of the core never suspend and are driven in the calling thread, without any thread switch. With any
other channel they run on one event loop in one daemon thread, and streams are passed over in batches.
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

# How many bytes of a stream may wait for a slow reader, and how many a small piece and a message count for.
_ROOM = 8 << 20
_SMALL_PIECE = 256 << 10
_MESSAGE = 32 << 10
# How late an interrupt may be handled.
_SECONDS_BETWEEN_SIGNALS = 0.2


class Portal(ABC):
    """Runs the coroutines of the core for synchronous callers."""

    @abstractmethod
    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* to its end; return its result or raise its exception. An interrupt cancels it."""

    @abstractmethod
    def iterate(self, stream: AsyncIterator[T]) -> Iterator[T]:
        """Yield the items of *stream* as they arrive. Closing the iterator closes the stream."""

    def require_caller(self) -> None:
        """Raise an error if this thread or process cannot use the portal."""
        return

    @abstractmethod
    def close(self) -> None:
        """Release the thread and event loop of the portal."""


class DirectPortal(Portal):
    """Drives coroutines in the calling thread, for blocking channels."""

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
        """Do nothing: this portal has no thread of its own."""


class LoopPortal(Portal):
    """Runs coroutines on one event loop in one daemon thread.

    A forked process does not have the thread, and a call would wait for ever: there every call raises SessionClosedError.
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
            with contextlib.suppress(RuntimeError):  # the loop has been closed in the meantime, which has cancelled it
                self._loop.call_soon_threadsafe(running.cancel)
            raise
        if not begun:
            return drive(coroutine)  # the channel is closed, and raises an error that names the operation
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
            return  # the loop belongs to the parent
        with self._lock:
            if not self._open:
                return
            ended = asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop)  # after every call that was accepted
            self._open = False
        ended.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @override
    def require_caller(self) -> None:
        if self._is_forked():
            hint = "Call xenon.init() in the new process, and create file systems and schedulers there"
            raise SessionClosedError("the session belongs to the process that this one was forked from", hint=hint)
        if threading.current_thread() is self._thread:
            raise RuntimeError(
                "a synchronous call in the session's own event loop, such as from an asynchronous data source, would wait for itself "
                "for ever; await the asynchronous object there, which is .core of a file system or scheduler"
            )

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(_cancel_all())  # tasks that other loops have added in the meantime

    def _is_forked(self) -> bool:
        return os.getpid() != self._process

    def _taken(self, queue: _Items) -> list[Any]:
        if not self._open:
            raise self._cancelled()
        return self.call(queue.take())

    def _begin(self, running: _Running[Any]) -> bool:
        """Start *running* on the loop; return False if the portal is closed."""
        with self._lock:
            if self._open:
                self._loop.call_soon_threadsafe(running.begin)
            return self._open

    def _cancelled(self) -> XenonError:
        """Return the error for a call that ended without an answer while its caller still waits."""
        if self._open:
            return XenonError("the server cancelled the call", status=Status.CANCELLED)
        return SessionClosedError("the session was closed")

    def _finish(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run *coroutine*, but do not wait for it if the garbage collector ends a stream in the loop's own thread."""
        if threading.current_thread() is self._thread:
            self._loop.create_task(coroutine)
        elif self._open:
            with contextlib.suppress(SessionClosedError):  # closing the portal has ended the stream
                self.call(coroutine)
        else:
            coroutine.close()


class _Running(Generic[T]):
    """A coroutine on the loop that a thread waits for, by a lock: that takes half the time of the standard library's futures."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._task: asyncio.Task[None] | None = None
        self._ended = threading.Lock()
        self._ended.acquire()
        self._result: T
        self._failure: BaseException | None = None

    def begin(self) -> None:
        """Start it. Called in the loop's own thread, like :meth:`cancel`."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._never_began)

    def cancel(self) -> None:
        """Cancel it, or keep it from starting."""
        if self._task is None:
            self._coroutine.close()
        else:
            self._task.cancel()

    def wait(self) -> None:
        """Return once it has ended.

        A signal that arrives just before the thread blocks does not interrupt it, so it waits for a moment again and again.
        """
        while not self._ended.acquire(timeout=_SECONDS_BETWEEN_SIGNALS):
            pass

    def result(self) -> T:
        """Return its result or raise its exception; call it once."""
        if self._failure is None:
            return self._result
        failure, self._failure = self._failure, None
        try:
            raise failure
        finally:
            del failure  # breaks the reference cycle between this frame and the traceback

    async def _run(self) -> None:
        try:
            self._result = await self._coroutine
        except BaseException as error:  # noqa: BLE001 - passed on: it is raised where the call was made
            self._failure = error
        self._ended.release()

    def _never_began(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # before its first step; a later cancellation is handled in _run
            self._coroutine.close()
            self._failure = asyncio.CancelledError()
            self._ended.release()


class _End:
    """The mark after the last item of a stream, with the failure that ended it."""

    def __init__(self, failure: BaseException | None) -> None:
        self._failure = failure

    def raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


def _drained(stream: AsyncIterator[T]) -> Iterator[T]:
    """Iterate over a stream of a closed channel, which raises the reason."""
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
    """Cancel all other tasks on the loop."""
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
    """Put every item of *stream* into *items*, waiting while that is full, and then the end mark."""
    failure: BaseException | None = None
    try:
        async with closing(stream):
            async for item in stream:
                await items.put(item)
    except asyncio.CancelledError:
        failure = XenonError("the server cancelled the call", status=Status.CANCELLED)
    except BaseException as error:  # noqa: BLE001 - passed on: it is raised where the items are used
        failure = error
    items.end(failure)


class _Items:
    """A bounded buffer of stream items. The end mark never waits for room."""

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
        """Wait for at least one item, and return all that are there."""
        await self._there.wait()
        items, self._items, self._held = self._items, [], 0
        self._there.clear()
        self._taken.set()
        return items
