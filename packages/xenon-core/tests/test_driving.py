"""Coroutines without an event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import Any

import pytest

from xenon_core.driving import Begun, Ended, begin, begin_next, drive, drive_next, in_calling_thread, to_a_loop


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


# --- begun here, ended on a loop ---


async def on_a_loop(begun: Awaitable[str]) -> str:
    return await begun


async def where() -> str:
    return "here" if in_calling_thread() else "on a loop"


async def here_and_there(log: list[str]) -> str:
    try:
        log.append(await where())
        await to_a_loop()
        await asyncio.sleep(0)
        log.append(await where())
        return "done"
    finally:
        log.append("closed")


async def stream_of(log: list[str]) -> AsyncIterator[str]:
    yield await here_and_there(log)


def test_what_needs_no_loop_ends_in_the_thread_that_began_it() -> None:
    assert begin(where()) == Ended("here")
    assert drive(where()) == "on a loop"  # as far as anybody can tell who was not begun
    with pytest.raises(LookupError, match="on purpose"):
        begin(fail())
    assert not in_calling_thread()


def test_one_call_within_another_leaves_the_outer_one_where_it_was() -> None:
    async def outer() -> tuple[object, str]:
        return begin(where()), await where()

    assert begin(outer()) == Ended((Ended("here"), "here"))


def test_other_threads_are_not_called_from() -> None:
    seen: list[bool] = []

    async def look_elsewhere() -> None:
        thread = threading.Thread(target=lambda: seen.append(in_calling_thread()))
        thread.start()
        thread.join()

    begin(look_elsewhere())
    assert seen == [False]


def test_a_loop_within_is_none_of_the_callers() -> None:
    async def ask() -> tuple[str, str]:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            elsewhere = pool.submit(asyncio.run, where()).result()
        return await where(), elsewhere

    async def within() -> object:
        return begin(ask())  # the caller's thread may have a loop of its own, as in a notebook

    assert asyncio.run(within()) == Ended(("here", "on a loop"))

    async def begins_a_loop() -> str:
        return asyncio.run(where())

    assert begin(begins_a_loop()) == Ended("on a loop")


def test_a_generator_is_not_ended_by_a_loop_of_the_callers() -> None:
    async def within() -> AsyncIterator[int]:
        stream = numbers()
        assert begin_next(stream) == Ended(0)
        return stream

    assert begin_next(asyncio.run(within())) == Ended(1)


def test_a_generator_that_is_dropped_in_the_middle_is_handed_over() -> None:
    dropped: list[AsyncGenerator[Any, Any]] = []
    stream = numbers()
    assert begin_next(stream, dropped.append) == Ended(0)
    identity = id(stream)
    del stream
    gc.collect()
    assert [id(generator) for generator in dropped] == [identity]
    drive(dropped[0].aclose())


if sys.version_info >= (3, 12):  # before, no task begins at once

    def test_a_task_that_begins_at_once_within_is_none_of_the_callers() -> None:
        seen: list[bool] = []

        async def see() -> None:
            seen.append(in_calling_thread())

        async def ask() -> None:
            loop = asyncio.get_running_loop()
            loop.set_task_factory(asyncio.eager_task_factory)
            await see()
            tasks.append(loop.create_task(see()))

        async def within() -> None:
            assert isinstance(begin(ask()), Ended)
            await asyncio.gather(*tasks)

        tasks: list[asyncio.Task[None]] = []
        asyncio.run(within())
        assert seen == [True, False]


def test_what_needs_a_loop_goes_on_on_one() -> None:
    log: list[str] = []
    begun = begin(here_and_there(log))
    assert isinstance(begun, Begun)
    assert log == ["here"]
    assert asyncio.run(on_a_loop(begun)) == "done"
    assert log == ["here", "on a loop", "closed"]


def test_so_does_the_first_item_of_a_stream_and_the_stream_behind_it() -> None:
    log: list[str] = []
    stream = stream_of(log)
    begun = begin_next(stream)
    assert isinstance(begun, Begun)

    async def finish() -> list[str]:
        return [await begun, *[item async for item in stream]]

    assert asyncio.run(finish()) == ["done"]


@pytest.mark.parametrize("kind", ["call", "stream"])
def test_what_is_abandoned_is_closed(kind: str) -> None:
    log: list[str] = []
    stream = stream_of(log)
    begun = begin(here_and_there(log)) if kind == "call" else begin_next(stream)
    assert isinstance(begun, Begun)
    begun.abandon()
    assert log == ["here", "closed"]
    asyncio.run(stream.aclose())  # type: ignore[attr-defined]  # a generator


def test_what_would_wait_for_a_loop_without_asking_for_one_is_an_error() -> None:
    async def suspend() -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="waited for an event loop"):
        begin(suspend())
