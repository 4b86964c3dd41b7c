"""Waiting for something to happen on a server that returns when its own timeout has passed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

__all__ = ["done", "running_or_done", "until"]

# xenon-grpc 3.0.1 looks at a job once a second while it waits, but answers on time when the time it was given is over. So the first
# rounds are short, each twice as long as the one before: a job of 50 ms is known to be done after 70 ms instead of a second.
FIRST_ROUND_MS = 10
LAST_SHORT_ROUND_MS = 640
# Then the server waits this long at most before it answers anyway: a lost connection is noticed within that time.
ROUND_MS = 30_000
# Between two answers that came early, so that a server which does not wait is not asked without a break.
FIRST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 1.0
_LONGEST_MS = 1 << 53  # longer than anybody waits, and a number that a float holds exactly


class Progress(Protocol):
    """A status that says how far something is."""

    @property
    def done(self) -> bool:
        """Whether it has ended, however it ended."""
        ...

    @property
    def running(self) -> bool:
        """Whether it has begun and not ended."""
        ...


S = TypeVar("S", bound=Progress)


def done(status: Progress) -> bool:
    """Whether it has ended."""
    return status.done


def running_or_done(status: Progress) -> bool:
    """Whether it has begun."""
    return status.running or status.done


async def until(
    happened: Callable[[S], bool],
    ask: Callable[[int], Awaitable[S]],
    timeout: int | None,
    sleep: Callable[[float], Awaitable[None]],
    first_round_ms: int = FIRST_ROUND_MS,
) -> S:
    """Ask until *happened* or until *timeout* milliseconds have passed, and give the last status.

    *ask* takes the milliseconds that the server may wait before it answers; the first time these are *first_round_ms*, and twice as many
    each time after. A timeout of 0 or None waits for as long as it takes.
    Raises ValueError for a negative timeout and TypeError for one that is no whole number.
    """
    started = time.monotonic()
    limit = _checked(timeout)
    pause = FIRST_PAUSE_S
    longest = first_round_ms
    while True:
        elapsed = time.monotonic() - started
        round_ms = longest if limit is None else min(longest, max(1, limit - int(elapsed * 1000)))
        longest = 2 * longest if longest < LAST_SHORT_ROUND_MS else ROUND_MS
        status = await ask(round_ms)
        now = time.monotonic() - started
        if happened(status) or (limit is not None and now * 1000 >= limit):
            return status
        if (now - elapsed) * 1000 < round_ms / 2:
            await sleep(pause if limit is None else min(pause, max(0.0, limit / 1000 - now)))
            pause = min(2 * pause, LONGEST_PAUSE_S)


def _checked(timeout: int | None) -> int | None:
    if timeout is None:
        return None
    if not isinstance(timeout, int) or isinstance(timeout, bool):
        raise TypeError(f"timeout must be a whole number of milliseconds or None, not {timeout!r}")
    if timeout < 0:
        raise ValueError(f"timeout must be 0 (wait until it is done) or more milliseconds, not {timeout}")
    return min(timeout, _LONGEST_MS) or None
