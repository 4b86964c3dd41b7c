"""Blocking iterators on an event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator

import pytest

from embedded import until
from pyxenon_core.thread_iterator import iterate_in_thread


def test_every_item_comes_in_order_and_a_failure_at_its_place() -> None:
    def source() -> Iterator[int]:
        yield from range(100)
        raise LookupError("after a hundred")

    async def collect() -> list[int]:
        items = []
        with pytest.raises(LookupError, match="after a hundred"):
            async for item in iterate_in_thread(source()):
                items.append(item)
        return items

    assert asyncio.run(collect()) == list(range(100))


def test_the_loop_runs_on_while_the_source_blocks() -> None:
    lines: queue.Queue[bytes | None] = queue.Queue()

    async def converse() -> list[bytes]:
        answers = []
        lines.put(b"first")
        async for item in iterate_in_thread(iter(lines.get, None)):
            answers.append(item)
            await asyncio.sleep(0)
            lines.put(b"second" if len(answers) == 1 else None)
        return answers

    assert asyncio.run(asyncio.wait_for(converse(), 60)) == [b"first", b"second"]


def test_it_is_one_item_ahead_at_most() -> None:
    taken: list[int] = []

    def source() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    async def slowly() -> None:
        stream = iterate_in_thread(source())
        async for item in stream:
            await asyncio.sleep(0.005)
            assert len(taken) <= item + 2
            if item == 10:
                break
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator

    asyncio.run(slowly())
    assert len(taken) <= 12


def test_giving_up_ends_the_thread() -> None:
    async def give_up() -> None:
        stream = iterate_in_thread(iter(range(1000)))
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
        await until(lambda: all(thread.name != "xenon-thread-iterator" for thread in threading.enumerate()), "the thread ends")

    asyncio.run(give_up())
