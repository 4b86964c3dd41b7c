"""Running coroutines without an event loop, to their end or as far as they need none."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import types
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

__all__ = ["Begun", "Ended", "Finalizer", "begin", "begin_next", "drive", "drive_next", "in_calling_thread", "to_a_loop"]

T = TypeVar("T")

_SUSPENDED = "a coroutine over a blocking channel waited for an event loop; this is an error in xenon_core"
_TO_A_LOOP = object()

Finalizer: TypeAlias = "Callable[[AsyncGenerator[Any, Any]], None]"
"""What is done with a generator that nobody has any more, and that has not ended: something should close it."""


class _Thread(threading.local):
    is_calling = False
    loop: asyncio.AbstractEventLoop | None = None  # which the caller's thread may have, too, as in a notebook
    task: asyncio.Task[Any] | None = None  # which the caller is there; one that begins meanwhile is another


_thread = _Thread()


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, such as any over a blocking channel, and give its result."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError(_SUSPENDED)


def drive_next(stream: AsyncIterator[T]) -> T:
    """The next item of a stream that never suspends; raises StopAsyncIteration at its end."""
    try:
        next(stream.__anext__().__await__())
    except StopIteration as end:
        item: T = end.value
        return item
    raise RuntimeError(_SUSPENDED)


@dataclass(frozen=True)
class Ended(Generic[T]):
    """What needed no event loop, and its result."""

    result: T


class Begun(Awaitable[T]):
    """What has begun without an event loop, and goes on where it is awaited. It can be awaited once."""

    def __init__(self, steps: Generator[Any, Any, T]) -> None:
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, T]:
        return self._steps

    def abandon(self) -> None:
        """End it, instead of awaiting it."""
        with contextlib.suppress(GeneratorExit):
            self._steps.throw(GeneratorExit())


def begin(work: Awaitable[T], finalizer: Finalizer | None = None) -> Ended[T] | Begun[T]:
    """Run *work* in the calling thread, which may be kept waiting, until it ends or comes to :func:`to_a_loop`.

    Generators that begin there are given to *finalizer* when they are dropped. Raises what *work* raises.
    """
    return _begin(lambda: work, finalizer)


def begin_next(stream: AsyncIterator[T], finalizer: Finalizer | None = None) -> Ended[T] | Begun[T]:
    """As :func:`begin`, the next item of *stream*; raises StopAsyncIteration at its end."""
    return _begin(stream.__anext__, finalizer)


def _begin(make: Callable[[], Awaitable[T]], finalizer: Finalizer | None) -> Ended[T] | Begun[T]:
    before = _thread.is_calling, _thread.loop, _thread.task
    hooks = sys.get_asyncgen_hooks()
    try:
        sys.set_asyncgen_hooks(None, finalizer)  # no generator that begins here belongs to a loop of the caller's, which would end it
        _thread.is_calling, (_thread.loop, _thread.task) = True, _running()
        steps: Generator[Any, Any, T] = make().__await__()
        wanted = next(steps)
    except StopIteration as end:
        return Ended(end.value)
    finally:
        _thread.is_calling, _thread.loop, _thread.task = before
        sys.set_asyncgen_hooks(*hooks)
    if wanted is not _TO_A_LOOP:
        steps.close()
        raise RuntimeError(_SUSPENDED)
    return Begun(steps)


def in_calling_thread() -> bool:
    """Whether this runs under :func:`begin`: in the thread of a caller who waits for it anyway, and in no task or loop begun there."""
    return _thread.is_calling and _running() == (_thread.loop, _thread.task)


def _running() -> tuple[asyncio.AbstractEventLoop | None, asyncio.Task[Any] | None]:
    loop = asyncio._get_running_loop()
    return loop, None if loop is None else asyncio.current_task(loop)


@types.coroutine
def to_a_loop() -> Generator[object, None, None]:
    """Have what :func:`begin` runs go on where it is awaited then: on an event loop."""
    yield _TO_A_LOOP
