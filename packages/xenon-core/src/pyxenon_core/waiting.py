"""Wait for an event on a server that answers when it happens or when the timeout given to it has passed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

__all__ = ["done", "running_or_done", "until"]

# While it waits, xenon-grpc 3.0.1 checks a job only once a second, but it answers on time when its timeout has passed. So the first
# rounds are short, each twice as long as the one before: the end of a 50 ms job is known after 70 ms instead of a second.
FIRST_ROUND_MS = 10
LAST_SHORT_ROUND_MS = 640
# Later rounds last at most this long, so that a lost connection is noticed within that time.
ROUND_MS = 30_000
# The pause after an answer that came early, so that a server that does not wait is not polled in a tight loop.
FIRST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 1.0
_LONGEST_MS = 1 << 53  # longer than anybody waits, and exact as a float


class Progress(Protocol):
    """A status with a progress."""

    @property
    def done(self) -> bool:
        """True if it has ended, successfully or not."""
        ...

    @property
    def running(self) -> bool:
        """True if it has started and not ended."""
        ...


S = TypeVar("S", bound=Progress)


def done(status: Progress) -> bool:
    """Return True if it has ended."""
    return status.done


def running_or_done(status: Progress) -> bool:
    """Return True if it has started."""
    return status.running or status.done


async def until(
    happened: Callable[[S], bool],
    ask: Callable[[int], Awaitable[S]],
    timeout: int | None,
    sleep: Callable[[float], Awaitable[None]],
    first_round_ms: int = FIRST_ROUND_MS,
) -> S:
    """Ask until *happened* is true of the status or *timeout* milliseconds have passed, and return the last status.

    *ask* takes the milliseconds that the server may wait before it answers: *first_round_ms* at first, then twice as many each time. A
    timeout of 0 or None waits as long as it takes.
    Raises ValueError for a negative timeout and TypeError for one that is not a whole number.
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
