"""Run coroutines without an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

__all__ = ["drive", "drive_next"]

T = TypeVar("T")

_SUSPENDED = "a coroutine over a blocking channel waited for an event loop; this is an error in pyxenon_core"


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, as none does over a blocking channel, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError(_SUSPENDED)


def drive_next(stream: AsyncIterator[T]) -> T:
    """Return the next item of a stream that never suspends; raises StopAsyncIteration at its end."""
    try:
        next(stream.__anext__().__await__())
    except StopIteration as end:
        item: T = end.value
        return item
    raise RuntimeError(_SUSPENDED)
