"""Several coroutines at once, not too many, and all of them ended when one fails; and one that is not left in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

__all__ = ["completed", "run_limited"]

T = TypeVar("T")


async def completed(work: Coroutine[Any, Any, T]) -> T:
    """What *work* gives, waited for to its end even when the waiting is cancelled; then the cancellation is passed on."""
    future = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:  # noqa: BLE001 - raised below, by result()
            break
    if cancelled is not None:
        if not future.cancelled():
            future.exception()
        raise cancelled
    return future.result()


async def run_limited(most: int, coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run *coroutines*, at most *most* at a time, in their order. The first failure ends those under way, and is raised."""
    source = iter(coroutines)
    running: set[asyncio.Task[None]] = set()
    try:
        for coroutine in source:
            running.add(asyncio.ensure_future(coroutine))
            if len(running) >= most:
                running = await _some(running)
        while running:
            running = await _some(running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for coroutine in source:
            coroutine.close()


async def _some(running: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Wait until at least one has ended, and give the others; raises what one of them raised."""
    done, left = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    return left
