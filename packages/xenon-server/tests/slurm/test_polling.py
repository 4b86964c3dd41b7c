"""What is told of jobs, from answers that come, fail, lag, leave jobs out or speak of others; all by a clock that never waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from slurm_told import ToldCommands, record

from fake_clock import FakeClock
from pyxenon_core.errors import (
    ConnectionLostException,
    JobCanceledException,
    NoSuchJobException,
    NotConnectedException,
    SchedulerClosedException,
    XenonError,
)
from pyxenon_server.adaptors.job_state import JobState, is_done, is_running_or_done
from pyxenon_server.schedulers.batch import polling, states, tracking
from pyxenon_server.schedulers.batch.dialect import Site
from pyxenon_server.schedulers.batch.polling import Poller
from pyxenon_server.schedulers.slurm.dialect import SlurmDialect

TAG = "xenon:1"
AWAY = NotConnectedException("Slurm on nowhere does not answer: Unable to contact slurm controller")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of the poller, of its cluster and of its event loop."""
    fake = FakeClock()
    monkeypatch.setattr(polling, "time", fake)
    monkeypatch.setattr(states, "time", fake)
    monkeypatch.setattr(tracking, "time", fake)
    return fake


@asynccontextmanager
async def polls(told: ToldCommands, *, accounting: bool = False, delay: float = 0.02, kept: float = 300) -> AsyncIterator[Poller]:
    told.dialect = SlurmDialect(Site(user="1000", has_history=accounting, seconds_kept=kept))
    poller = Poller(told, delay)
    try:
        yield poller
    finally:
        await poller.close()


async def one(poller: Poller, job: str) -> JobState:
    (state,) = await poller.states([job])
    if isinstance(state, XenonError):
        raise state
    return state


async def after(seconds: float, change: Callable[[], None]) -> None:
    await asyncio.sleep(seconds)
    change()


async def test_one_query_for_all_who_ask_and_wait(told: ToldCommands) -> None:
    told.seconds = 0.05
    told.queue = [record(str(job), "RUNNING") for job in range(1, 301)]
    async with polls(told, delay=0.1) as poller:
        for job in range(1, 301):
            poller.add(str(job), f"xenon:{job}", "", 1000.0)
        waits = [asyncio.ensure_future(poller.wait(str(job), is_done, 5)) for job in range(1, 201)]
        await asyncio.gather(*(one(poller, str(job)) for job in range(201, 301)))
        told.queue = [record(str(job), "COMPLETED") for job in range(1, 301)]
        assert all(state.done for state in await asyncio.gather(*waits))
    assert told.most_under_way == 1
    assert len(told.asked) <= 5
    assert all(" -u 1000 " in command for command in told.asked)


async def test_the_delay_is_kept(told: ToldCommands, clock: FakeClock) -> None:
    told.queue = [record("1", "RUNNING")]
    async with polls(told, delay=0.2) as poller:
        begin = clock.now
        while clock.now < begin + 1:
            await one(poller, "1")
            await asyncio.sleep(0.001)
        assert 4 <= len(told.asked) <= 6
        asked, begin = len(told.asked), clock.now
        for _ in range(5):
            await poller.states(["1"], fresh=True)
        assert len(told.asked) == asked + 5
        assert clock.now - begin > 0.8


async def test_nobody_waits_and_nobody_asks(told: ToldCommands) -> None:
    told.queue = [record("1", "RUNNING")]
    async with polls(told) as poller:
        poller.add("1", TAG, "", 1000.0)
        assert not (await poller.wait("1", is_done, 0.1)).done
        asked = len(told.asked)
        await asyncio.sleep(0.2)
        assert len(told.asked) == asked


async def test_a_job_that_has_ended_is_not_asked_about_again(told: ToldCommands) -> None:
    told.queue = [record("1", "FAILED", "3:0", comment=TAG)]
    async with polls(told) as poller:
        assert (await one(poller, "1")).exit_code == 3
        told.queue = []
        await asyncio.sleep(0.05)
        assert (await one(poller, "1")).exit_code == 3
        assert (await poller.wait("1", is_done, None)).exit_code == 3
    assert len(told.asked) == 1


async def test_the_pause_grows_while_nothing_happens(told: ToldCommands, monkeypatch: pytest.MonkeyPatch) -> None:
    told.queue = [record("1", "RUNNING")]
    async with polls(told, delay=0.01) as poller:
        await poller.wait("1", is_done, 1.5)
    assert 15 <= len(told.asked) <= 90  # 150 without


async def test_who_begins_to_wait_is_served_soon(told: ToldCommands, clock: FakeClock) -> None:
    told.queue = [record("1", "RUNNING"), record("2", "RUNNING")]
    async with polls(told, delay=0.1) as poller:
        first = asyncio.ensure_future(poller.wait("1", is_done, None))
        await asyncio.sleep(60)  # nothing has happened for long: the pause is a second
        asked = len(told.asked)
        await asyncio.sleep(2)
        assert len(told.asked) == asked + 2
        await asyncio.sleep(0.3)
        begin = clock.now
        assert (await poller.wait("2", is_running_or_done, 5)).running
        assert clock.now - begin < 0.1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def in_rounds(poller: Poller, job: str) -> None:
    """Wait for *job* as clients do: in rounds, the first of them short."""
    seconds = 0.01
    while not (await poller.wait(job, is_done, seconds)).done:
        await asyncio.sleep(0.01)
        seconds = 2 * seconds if seconds < 0.64 else 30.0


async def queries_of(told: ToldCommands, waits: Callable[[Poller, str], Awaitable[object]], seconds: float) -> int:
    """Have 30 clients wait for *seconds*, each for a job of its own that runs all the time, and give the number of queries."""
    told.asked.clear()
    told.queue = [record(str(job), "RUNNING") for job in range(1, 31)]
    async with polls(told, delay=1.0) as poller:
        tasks = []
        for job in range(1, 31):
            poller.add(str(job), f"xenon:{job}", "", 1000.0)
            tasks.append(asyncio.ensure_future(waits(poller, str(job))))
            await asyncio.sleep(0.01)
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return len(told.asked)


async def test_waiting_in_rounds_costs_no_more_queries_than_waiting_at_once(told: ToldCommands) -> None:
    at_once = await queries_of(told, lambda poller, job: poller.wait(job, is_done, None), 600)
    assert 75 <= at_once <= 90
    assert await queries_of(told, in_rounds, 600) <= at_once + 2


async def test_one_who_waits_in_rounds_does_not_either(told: ToldCommands) -> None:
    """Between two rounds nobody waits at all."""
    told.queue = [record("1", "RUNNING")]
    async with polls(told, delay=1.0) as poller:
        poller.add("1", TAG, "", 1000.0)
        wait = asyncio.ensure_future(in_rounds(poller, "1"))
        await asyncio.sleep(600)
        assert len(told.asked) <= 90
        told.queue = [record("1", "COMPLETED")]
        await asyncio.sleep(11)  # ten times the delay, and the query
        assert wait.done()
        await wait


async def test_a_new_job_is_asked_about_often_whatever_was_before(told: ToldCommands) -> None:
    told.queue = [record("1", "RUNNING")]
    async with polls(told, delay=1.0) as poller:
        first = asyncio.ensure_future(in_rounds(poller, "1"))
        await asyncio.sleep(600)
        poller.add("2", "xenon:2", "", 1000.0)
        second = asyncio.ensure_future(in_rounds(poller, "2"))
        told.queue = [record("1", "RUNNING"), record("2", "RUNNING")]
        asked = len(told.asked)
        await asyncio.sleep(3.5)
        assert len(told.asked) - asked >= 3
        told.queue = [record("1", "RUNNING"), record("2", "COMPLETED")]
        await asyncio.wait_for(second, 2)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_what_a_query_for_others_told_is_not_asked_again(told: ToldCommands) -> None:
    told.queue = [record("1", "RUNNING")]
    async with polls(told, delay=1.0) as poller:
        wait = asyncio.ensure_future(in_rounds(poller, "1"))
        await asyncio.sleep(300)  # the pause is ten seconds
        for _ in range(20):
            await one(poller, "1")
            await asyncio.sleep(5)
        asked = len(told.asked)
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)
    assert asked <= 65 + 20  # the waiting made none between those of the questions


async def test_failing_queries_become_rare_in_rounds_too(told: ToldCommands) -> None:
    told.queue = AWAY
    async with polls(told, delay=1.0) as poller:
        poller.add("1", TAG, "", 1000.0)
        wait = asyncio.ensure_future(in_rounds(poller, "1"))
        await asyncio.sleep(600)
        assert 15 <= len(told.asked) <= 30
        told.queue = [record("1", "COMPLETED", comment=TAG)]
        await asyncio.wait_for(wait, 31)


async def test_a_query_that_fails_changes_nothing(told: ToldCommands) -> None:
    told.queue = [record("1", "RUNNING")]
    async with polls(told) as poller:
        assert (await one(poller, "1")).running
        told.queue = AWAY
        await asyncio.sleep(0.05)
        with pytest.raises(NotConnectedException, match="does not answer"):
            await one(poller, "1")
        state = await poller.wait("1", is_done, 0.2)
        assert (state.state, state.running, state.done) == ("RUNNING", True, False)
        assert isinstance(state.error, NotConnectedException)
        told.queue = [record("1", "COMPLETED")]
        assert (await poller.wait("1", is_done, 5)).exit_code == 0


async def test_waiting_outlasts_failures(told: ToldCommands) -> None:
    told.queue = ConnectionLostException("broke")
    async with polls(told) as poller:
        poller.add("1", TAG, "", 1000.0)
        change = asyncio.ensure_future(after(0.3, lambda: setattr(told, "queue", [record("1", "COMPLETED", comment=TAG)])))
        assert (await poller.wait("1", is_done, 5)).exit_code == 0
        await change


async def test_waiting_does_not_outlast_them_for_ever(told: ToldCommands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "_PATIENCE", 0.2)
    told.queue = AWAY
    async with polls(told) as poller:
        with pytest.raises(NotConnectedException):
            await poller.wait("1", is_done, None)


async def test_an_answer_that_does_not_come_makes_no_old_one_new(told: ToldCommands) -> None:
    told.queue = [record("1", "RUNNING")]
    async with polls(told) as poller:
        assert (await one(poller, "1")).running
        wait = asyncio.ensure_future(poller.wait("1", is_done, 5))
        await asyncio.sleep(0.1)
        told.queue, told.seconds = AWAY, 0.2
        await asyncio.sleep(0.1)
        with pytest.raises(NotConnectedException):
            await one(poller, "1")
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)


async def test_each_who_asks_gets_an_error_of_its_own(told: ToldCommands) -> None:
    told.queue = AWAY
    async with polls(told) as poller:
        errors = await asyncio.gather(one(poller, "1"), one(poller, "1"), return_exceptions=True)
    assert all(isinstance(error, NotConnectedException) for error in errors)
    assert errors[0] is not errors[1]


async def test_one_answer_without_a_job_proves_nothing(told: ToldCommands) -> None:
    told.queue = [record("1", "RUNNING")]
    async with polls(told) as poller:
        assert (await one(poller, "1")).running
        told.queue = [record("2", "RUNNING")]
        await asyncio.sleep(0.03)
        assert (await one(poller, "1")).state == "RUNNING"
        told.queue = [record("1", "COMPLETED")]
        await asyncio.sleep(0.03)
        assert (await one(poller, "1")).exit_code == 0


async def test_gone_without_accounting_is_not_done(told: ToldCommands) -> None:
    told.queue = [record("1", "RUNNING", comment=TAG)]
    async with polls(told) as poller:
        poller.add("1", TAG, "my job", 1000.0)
        assert (await one(poller, "1")).running
        told.queue = []
        state = await poller.wait("1", is_done, None)  # ends, because nothing will ever tell more
        assert (state.state, state.running, state.done, state.exit_code, state.name) == ("UNKNOWN", False, False, None, "my job")
        assert isinstance(state.error, NoSuchJobException)
        assert "no accounting" in state.error.reason
        assert "last known state was RUNNING" in state.error.reason
        assert (await one(poller, "1")).error is state.error
        asked = len(told.asked)
        await one(poller, "1")
        assert len(told.asked) == asked


async def test_gone_and_the_accounting_tells(told: ToldCommands) -> None:
    told.queue = []
    told.accounting = [record("1", "FAILED", "3:0", source="sacct", comment=TAG)]
    async with polls(told, accounting=True) as poller:
        poller.add("1", TAG, "", 1000.0)
        state = await poller.wait("1", is_done, 5)
    assert (state.exit_code, state.evidence) == (3, "sacct")


async def test_the_accounting_has_a_word_before_it_has_an_end(told: ToldCommands) -> None:
    """As seen: FAILED with 0:0 and no time, and then 3:0."""
    told.queue = [record("1", "RUNNING", comment=TAG)]
    told.accounting = [record("1", "COMPLETED", "0:0", source="sacct", ended=None)]
    async with polls(told, accounting=True) as poller:
        poller.add("1", TAG, "", 1000.0)
        assert (await one(poller, "1")).running
        told.queue = []
        assert not (await poller.wait("1", is_done, 0.2)).done
        told.accounting = [record("1", "FAILED", "3:0", source="sacct")]
        assert (await poller.wait("1", is_done, 5)).exit_code == 3


@pytest.mark.parametrize("word", ["PENDING", "RUNNING"])
async def test_the_accounting_lags(told: ToldCommands, word: str) -> None:
    told.queue = [record("1", "RUNNING", comment=TAG)]
    told.accounting = [record("1", word, source="sacct", comment=TAG)]
    async with polls(told, accounting=True) as poller:
        poller.add("1", TAG, "", 1000.0)
        assert (await one(poller, "1")).running
        told.queue = []
        state = await poller.wait("1", is_done, 0.3)
        assert (state.done, state.state, state.evidence) == (False, "RUNNING", "squeue")
        told.accounting = [record("1", "TIMEOUT", "0:0", source="sacct", comment=TAG)]
        state = await poller.wait("1", is_done, 5)
    assert (state.state, state.done, state.exit_code) == ("TIMEOUT", True, None)


async def test_the_accounting_speaks_of_an_older_job_of_that_number(told: ToldCommands) -> None:
    told.queue = []
    told.accounting = [record("1", "COMPLETED", submitted=5.0, source="sacct")]
    async with polls(told, accounting=True) as poller:
        poller.add("1", TAG, "", 1000.0)
        assert not (await poller.wait("1", is_done, 0.2)).done
        told.accounting = [record("1", "FAILED", "1:0", submitted=1001.0, source="sacct")]
        assert (await poller.wait("1", is_done, 5)).exit_code == 1


async def test_the_queue_speaks_of_another_job_of_that_number(told: ToldCommands) -> None:
    told.queue = [record("1", "COMPLETED", comment="xenon:other", submitted=2000.0)]
    async with polls(told) as poller:
        poller.add("1", TAG, "", 1000.0)
        state = await poller.wait("1", is_done, 5)
    assert (state.state, state.done) == ("UNKNOWN", False)


async def test_a_changed_comment_is_no_other_job(told: ToldCommands) -> None:
    told.queue = [record("1", "COMPLETED", comment="checked by the site", submitted=1001.0)]
    async with polls(told) as poller:
        poller.add("1", TAG, "", 1000.0)
        assert (await poller.wait("1", is_done, 5)).exit_code == 0


async def test_an_accounting_that_does_not_answer_loses_nothing(told: ToldCommands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "_GRACE", 0.05)
    told.queue = [record("2", "COMPLETED")]
    told.accounting = AWAY
    async with polls(told, accounting=True) as poller:
        poller.add("1", TAG, "", 1000.0)
        poller.add("2", "xenon:2", "", 1000.0)
        other, state = await asyncio.gather(poller.wait("2", is_done, 5), poller.wait("1", is_done, 0.4))
        assert (other.exit_code, state.state, state.done) == (0, "PENDING", False)
        told.accounting = [record("1", "COMPLETED", source="sacct")]
        assert (await poller.wait("1", is_done, 5)).exit_code == 0


async def test_an_accounting_that_never_tells(told: ToldCommands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "_GRACE", 0.1)
    told.queue = []
    async with polls(told, accounting=True) as poller:
        poller.add("1", TAG, "", 1000.0)
        state = await poller.wait("1", is_done, None)
    assert (state.state, state.done) == ("UNKNOWN", False)
    assert state.error is not None
    assert "accounting does not say" in state.error.reason


async def test_a_job_put_back_into_the_queue_is_not_done_any_more(told: ToldCommands) -> None:
    told.queue = [record("1", "COMPLETING", comment=TAG)]
    async with polls(told) as poller:
        poller.add("1", TAG, "", 1000.0)
        assert (await one(poller, "1")).running
        told.queue = [record("1", "PENDING", nodes="", restarts=1, submitted=5000.0, comment=TAG, reason="BeginTime")]
        await asyncio.sleep(0.03)
        state = await one(poller, "1")
    assert (state.running, state.done, state.reason, state.information["Restarts"]) == (False, False, "BeginTime", "1")


async def test_elements_of_an_array_leave_the_queue_one_by_one(told: ToldCommands) -> None:
    told.queue = [record("8_1", "FAILED", "4:0", number="9"), record("8_2", "RUNNING", number="10"), record("8_3", "PENDING", nodes="")]
    async with polls(told) as poller:
        poller.add("8", TAG, "", 1000.0)
        assert (await one(poller, "8")).running
        assert (await one(poller, "8_1")).exit_code == 4
        assert not (await one(poller, "8_3")).running
        told.queue = [record("8_2", "COMPLETED", number="10"), record("8_3", "RUNNING")]
        await asyncio.sleep(0.03)
        assert (await one(poller, "8")).running
        told.queue = [record("8_3", "COMPLETED")]
        state = await poller.wait("8", is_done, 5)
        assert (state.exit_code, state.state) == (4, "FAILED")
        with pytest.raises(NoSuchJobException):
            await one(poller, "8_7")


async def test_an_element_that_nobody_saw_end_does_not_hide_the_others(told: ToldCommands) -> None:
    told.queue = [record("8_1", "RUNNING", number="9"), record("8_2", "RUNNING")]
    async with polls(told) as poller:
        assert (await one(poller, "8")).running
        told.queue = [record("8_2", "RUNNING")]
        assert not (await poller.wait("8", is_done, 0.2)).done
        told.queue = [record("8_2", "COMPLETED")]
        state = await poller.wait("8", is_done, None)
    assert (state.state, state.done) == ("UNKNOWN", False)


async def test_an_element_that_is_cancelled_while_it_waits_leaves_no_record(told: ToldCommands) -> None:
    told.queue = [record("8_1-3", "PENDING", nodes="")]
    async with polls(told) as poller:
        assert (await one(poller, "8_2")).state == "PENDING"
        told.queue = [record("8_1,3", "PENDING", nodes="")]
        state = await poller.wait("8_2", is_done, 5)
        assert (state.state, state.done, state.exit_code) == ("CANCELLED", True, None)
        assert isinstance(state.error, JobCanceledException)


async def test_an_element_that_waited_long_ago_may_have_run_since(told: ToldCommands) -> None:
    told.queue = [record("8_1-3", "PENDING", nodes="")]
    async with polls(told, kept=0.1) as poller:
        assert (await one(poller, "8_2")).state == "PENDING"
        told.queue = [record("8_1,3", "PENDING", nodes="")]
        await asyncio.sleep(0.1)
        state = await poller.wait("8_2", is_done, None)
        assert (state.state, state.done) == ("UNKNOWN", False)


async def test_who_waits_for_one_after_the_other_pays_for_few_queries(told: ToldCommands) -> None:
    told.queue = [record(str(job), "COMPLETED") for job in range(1, 51)]
    async with polls(told, delay=0.2) as poller:
        for job in range(1, 51):
            poller.add(str(job), f"xenon:{job}", "", 1000.0)
        for job in range(1, 51):
            assert (await poller.wait(str(job), is_done, 5)).done
    assert len(told.asked) == 1


@pytest.mark.parametrize("job", ["", "abc", "5;rm", "5_", "5_a", "-1", "\uff15", "5 6"])
async def test_what_is_no_id_is_not_asked_about(told: ToldCommands, job: str) -> None:
    async with polls(told) as poller:
        with pytest.raises(NoSuchJobException):
            await one(poller, job)
        with pytest.raises(NoSuchJobException):
            await poller.wait(job, is_done, None)
    assert not told.asked


async def test_a_job_that_there_is_not(told: ToldCommands) -> None:
    async with polls(told) as poller:
        with pytest.raises(NoSuchJobException, match="'77'"):
            await one(poller, "77")
        with pytest.raises(NoSuchJobException):
            await poller.wait("77", is_done, None)
        with pytest.raises(NoSuchJobException):
            await poller.wait("77", is_done, 0)


async def test_jobs_of_others_are_asked_for_by_number(told: ToldCommands) -> None:
    told.queue = [record("1", "RUNNING", user="7"), record("2", "RUNNING")]
    async with polls(told) as poller:
        await poller.states(["1", "2"])
        await asyncio.sleep(0.03)
        await poller.states(["2"])
        await asyncio.sleep(0.03)
        await poller.states(["1", "2"], fresh=True)
    assert [" -j 1,2 " in told.asked[0], " -j 2 " in told.asked[1], " -j 1,2 " in told.asked[2]] == [True] * 3


async def test_closing_ends_waits(told: ToldCommands) -> None:
    told.queue = [record("1", "RUNNING")]
    async with polls(told) as poller:
        wait = asyncio.ensure_future(poller.wait("1", is_done, None))
        told.seconds = 5
        ask = asyncio.ensure_future(one(poller, "1"))
        await asyncio.sleep(0.05)
    errors = await asyncio.gather(wait, ask, return_exceptions=True)
    assert all(isinstance(error, SchedulerClosedException) for error in errors)


async def test_waiting_with_a_closed_poller(told: ToldCommands) -> None:
    async with polls(told) as poller:
        pass
    with pytest.raises(SchedulerClosedException):
        await poller.wait("1", is_done, None)


async def test_a_wait_that_is_cancelled_leaves_nothing(told: ToldCommands) -> None:
    told.queue = [record("1", "RUNNING")]
    async with polls(told) as poller:
        wait = asyncio.ensure_future(poller.wait("1", is_done, None))
        await asyncio.sleep(0.05)
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)
        assert not poller._waiters
        await asyncio.sleep(0.1)
        asked = len(told.asked)
        await asyncio.sleep(0.1)
        assert len(told.asked) == asked
