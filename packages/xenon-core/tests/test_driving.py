"""Coroutines without an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from pyxenon_core.driving import drive, drive_next


async def answer(value: int) -> int:
    return value


async def fail() -> None:
    raise LookupError("on purpose")


async def numbers() -> AsyncIterator[int]:
    for number in range(3):
        yield await answer(number)


def test_results_and_exceptions_come_out() -> None:
    assert drive(answer(5)) == 5
    with pytest.raises(LookupError, match="on purpose"):
        drive(fail())


def test_a_stream_is_gone_through_to_its_end() -> None:
    stream = numbers()
    assert [drive_next(stream), drive_next(stream), drive_next(stream)] == [0, 1, 2]
    with pytest.raises(StopAsyncIteration):
        drive_next(stream)


def test_what_would_suspend_is_an_error_and_not_a_hang() -> None:
    async def suspend() -> None:
        await asyncio.sleep(0)

    async def suspending() -> AsyncIterator[int]:
        await asyncio.sleep(0)
        yield 1

    with pytest.raises(RuntimeError, match="waited for an event loop"):
        drive(suspend())
    with pytest.raises(RuntimeError, match="waited for an event loop"):
        drive_next(suspending())
