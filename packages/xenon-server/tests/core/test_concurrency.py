"""Several coroutines at once: not too many, in their order, and none left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator

import pytest

from pyxenon_server.concurrency import run_limited


class Work:
    """Notes what runs."""

    def __init__(self, number: int, failing: int = -1) -> None:
        self.number = number
        self.failing = failing
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.running = 0
        self.most = 0

    async def one(self, number: int) -> None:
        self.begun.append(number)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0.001 * (number % 3))
            if number == self.failing:
                raise LookupError(f"number {number}")
            await asyncio.sleep(0.002)
        finally:
            self.running -= 1
            self.ended.append(number)

    def all(self) -> Iterator[Coroutine[None, None, None]]:
        return (self.one(number) for number in range(self.number))


@pytest.mark.parametrize("number", [0, 1, 3, 4, 50])
async def test_all_are_run_in_their_order_and_not_too_many(number: int) -> None:
    work = Work(number)
    await run_limited(4, work.all())
    assert work.begun == list(range(number)) and sorted(work.ended) == work.begun
    assert work.most == min(4, number)


async def test_the_first_failure_ends_the_others() -> None:
    work = Work(50, failing=7)
    with pytest.raises(LookupError, match="number 7"):
        await run_limited(4, work.all())
    assert work.running == 0 and sorted(work.begun) == sorted(work.ended)
    assert len(work.begun) < 15


async def test_a_cancellation_ends_all() -> None:
    work = Work(50)
    task = asyncio.ensure_future(run_limited(4, work.all()))
    await asyncio.sleep(0.004)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.running == 0 and sorted(work.begun) == sorted(work.ended) and len(work.begun) < 50
