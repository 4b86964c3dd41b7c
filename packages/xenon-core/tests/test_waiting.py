"""Waiting, with servers that wait, that answer at once, and that lie about time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from fake_clock import FakeClock
from pyxenon_core import waiting


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock by which it waits: time passes when somebody says so."""
    fake = FakeClock()
    monkeypatch.setattr(waiting, "time", fake)
    return fake


@dataclass
class Status:
    done: bool = False
    running: bool = False


@dataclass
class Server:
    """Answers with its statuses in turn, the last again and again."""

    statuses: list[Status]
    asked: list[int] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    async def ask(self, milliseconds: int) -> Status:
        self.asked.append(milliseconds)
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@pytest.mark.parametrize("timeout", [0, None])
def test_without_a_timeout_it_waits_until_it_is_done(timeout: int | None) -> None:
    server = Server([Status(running=True)] * 5 + [Status(done=True)])
    status = asyncio.run(waiting.until(waiting.done, server.ask, timeout, server.sleep))
    assert status.done
    assert len(server.asked) == 6


def test_a_server_that_answers_at_once_is_not_asked_without_a_break() -> None:
    server = Server([Status(running=True)] * 12 + [Status(done=True)])
    asyncio.run(waiting.until(waiting.done, server.ask, 0, server.sleep))
    assert server.slept == sorted(server.slept)
    assert server.slept[0] >= 0.01
    assert max(server.slept) <= 1.0


def test_a_timeout_gives_the_last_status(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server([Status(running=True)])
    # It waits as long as it is asked to, on the millisecond.
    monkeypatch.setattr(clock, "monotonic", lambda: sum(server.asked) / 1000)
    status = asyncio.run(waiting.until(waiting.done, server.ask, 30, server.sleep))
    assert status.running and not status.done
    assert server.asked == [10, 20]
    assert server.slept == []


def test_the_first_rounds_are_short_and_the_others_long() -> None:
    server = Server([Status(running=True)] * 10 + [Status(done=True)])
    asyncio.run(waiting.until(waiting.done, server.ask, 0, server.sleep))
    assert server.asked == [10, 20, 40, 80, 160, 320, 640, 30_000, 30_000, 30_000, 30_000]


def test_the_first_round_can_be_a_long_one() -> None:
    server = Server([Status(running=True)] * 2 + [Status(done=True)])
    asyncio.run(waiting.until(waiting.done, server.ask, 0, server.sleep, waiting.ROUND_MS))
    assert server.asked == [30_000, 30_000, 30_000]


def test_running_is_enough_when_it_waits_for_that_and_so_is_a_job_that_is_over() -> None:
    for last in (Status(running=True), Status(done=True)):
        server = Server([Status(), last])
        assert asyncio.run(waiting.until(waiting.running_or_done, server.ask, 0, server.sleep)) is last


@pytest.mark.parametrize(("timeout", "error"), [(-1, ValueError), (1.5, TypeError), ("5", TypeError), (True, TypeError)])
def test_a_timeout_is_whole_milliseconds(timeout: int, error: type[Exception]) -> None:
    server = Server([Status(done=True)])
    with pytest.raises(error, match="timeout must be"):
        asyncio.run(waiting.until(waiting.done, server.ask, timeout, server.sleep))
    assert server.asked == []
