"""Run a limited number of coroutines at once, ending all if one fails; and await a coroutine to its end despite cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

__all__ = ["completed", "run_limited"]

T = TypeVar("T")


async def completed(work: Coroutine[Any, Any, T]) -> T:
    """Await *work* to its end and return its result. A cancellation in the meantime is raised only after that."""
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
    """Run *coroutines* in order, at most *most* at a time. The first failure cancels those that run, and is raised."""
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
    """Wait until at least one of *running* has ended, and return the others; raises what an ended one raised."""
    done, left = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    return left
