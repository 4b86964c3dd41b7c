"""A clock for tests of polling: hours pass at once, and exactly as many as somebody sleeps.

Time stands still while anything runs, and jumps to the next timer of the event loop when nothing does. So a test neither waits nor
depends on how busy the machine is. What happens outside the event loop, in threads, processes and sockets, is not waited for: such tests
need a real clock.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

__all__ = ["FakeClock", "run_by_clock"]


class FakeClock:
    """Takes the place of the module ``time`` in the module under test.

    Attributes:
        now: Seconds, as :func:`time.monotonic` gives them.
    """

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the seconds since some moment."""
        return self.now

    def time(self) -> float:
        """Return the seconds since 1970."""
        return 1_700_000_000 + self.now


def run_by_clock(clock: FakeClock, work: Coroutine[Any, Any, None]) -> None:
    """Run *work* as :func:`asyncio.run` does, in an event loop that goes by *clock*."""
    loop = _Loop(clock)
    try:
        loop.run_until_complete(work)
    finally:
        loop.run_until_complete(_end_others())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__(_Selector(clock))
        self._clock = clock

    def time(self) -> float:
        return self._clock.now


class _Selector(selectors.DefaultSelector):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; when nothing is, let *timeout* pass on the clock instead of waiting."""
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout:
            self._clock.now += timeout
        return ready
