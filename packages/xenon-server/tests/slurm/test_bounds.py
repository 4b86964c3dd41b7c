"""However many jobs there are: commands of a bounded length, and a bounded number of jobs that are remembered."""

from __future__ import annotations

import asyncio
import re

import pytest
from slurm_told import ToldCommands, record

from fake_clock import FakeClock
from pyxenon_server.adaptors.job_state import is_done
from pyxenon_server.schedulers.batch import job_table, polling, states, submission, tracking
from pyxenon_server.schedulers.batch.cancelling import Canceller
from pyxenon_server.schedulers.batch.commands import Answer
from pyxenon_server.schedulers.batch.lookup import Lookup
from pyxenon_server.schedulers.batch.polling import Poller
from pyxenon_server.schedulers.batch.submission import Patience, Submission, Submitter
from pyxenon_server.shells.base import Completed


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of everything that is tried here."""
    fake = FakeClock()
    for module in (polling, states, submission, tracking):
        monkeypatch.setattr(module, "time", fake)
    return fake


class TakingCommands(ToldCommands):
    """Commands of a cluster that takes every job, and cancels it when it is told to.

    Attributes:
        changed: The scripts that submitted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.changed: list[str] = []

    async def query(self, command: str) -> Answer:
        if not command.startswith("scancel"):
            return await super().query(command)
        self.asked.append(command)
        return Answer(0, "", "")

    async def change(self, script: str, seconds: float) -> Completed:
        first = 1000 * len(self.changed)
        self.changed.append(script)
        await asyncio.sleep(0.1)
        token = re.findall(r"'\+(x\w+)@ ", script)[0]
        numbers = range(script.count("sbatch --parsable"))
        said = "".join(f"{first + number}\n{token}= {number} 0\n" for number in numbers)
        return Completed(0, "", f"{token}@ 1\n{said}{token}!\n".encode(), "".join(f"{token}= {number}\n" for number in numbers).encode())


async def test_a_command_submits_a_hundred_jobs_at_most() -> None:
    commands = TakingCommands()
    submitter = Submitter(commands, Lookup(commands, lambda job: False), Patience(), lambda job: None)
    loop = asyncio.get_running_loop()
    jobs = [Submission(f"xenon:{number}", "", [], "#!/bin/sh\n", loop.create_future()) for number in range(250)]
    submitted = await asyncio.gather(*(submitter.submit(job) for job in jobs))
    await submitter.close()
    assert len({it.job for it in submitted}) == 250
    assert [script.count("sbatch --parsable") for script in commands.changed] == [100, 100, 50]


async def test_a_command_cancels_five_hundred_jobs_at_most() -> None:
    commands = TakingCommands()
    canceller = Canceller(commands)
    await asyncio.gather(*(canceller.cancel(str(job)) for job in range(1200)))
    await canceller.close()
    assert [len(command.split()) - 1 for command in commands.asked] == [500, 500, 200]


async def test_a_query_names_two_thousand_jobs_at_most(told: ToldCommands) -> None:
    told.queue = [record(str(job), "RUNNING") for job in range(1, 2002)]
    poller = Poller(told, 1.0)
    for job in range(1, 2001):
        poller.add(str(job), f"xenon:{job}", "", 1000.0)
    await poller.states(["1"])
    poller.add("2001", "xenon:2001", "", 1000.0)
    assert not any(isinstance(state, Exception) or not state.running for state in await poller.states(["2001"]))
    await poller.close()
    first, second = told.asked
    assert " -u 1000 -j 1,10,100," in first
    assert " -j " not in second


async def test_jobs_that_ended_are_dropped(told: ToldCommands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_table, "_MOST_KEPT", 5)
    told.queue = [record(str(job), "COMPLETED") for job in range(1, 21)] + [record("21", "RUNNING")]
    poller = Poller(told, 1.0)
    for job in range(1, 22):
        poller.add(str(job), f"xenon:{job}", "", 1000.0)
    assert len(poller._jobs) == 21
    answers = await poller.states([str(job) for job in range(1, 22)])
    assert [getattr(state, "done", None) for state in answers] == [True] * 20 + [False]
    assert len(poller._jobs) == 6
    assert (poller.is_known("21"), poller.last("1"), len(told.asked)) == (True, None, 1)
    (again,) = await poller.states(["1"])
    assert (getattr(again, "exit_code", None), len(told.asked)) == (0, 2)
    await poller.close()
    assert len(poller._jobs) == 6


async def test_jobs_of_others_are_dropped_too_but_not_while_somebody_waits(told: ToldCommands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_table, "_MOST_KEPT", 5)
    told.queue = [record(str(job), "RUNNING", user="7") for job in range(1, 21)]
    poller = Poller(told, 1.0)
    waiting = asyncio.ensure_future(poller.wait("1", is_done, None))
    await asyncio.sleep(0.1)
    answers = await poller.states([str(job) for job in range(2, 21)])
    assert all(getattr(state, "running", False) for state in answers)
    assert len(poller._jobs) <= 6
    told.queue = [record("1", "FAILED", "3:0", user="7")]
    assert (await waiting).exit_code == 3
    await poller.close()
