"""Slurm when something is wrong: the controller is away, the accounting lags, a node fails, the controller forgets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pyxenon_core.errors import CommandNotFoundException, NotConnectedException, XenonError
from pyxenon_core.messages import JobStatusErrorType
from pyxenon_server.adaptors.job_state import is_done
from pyxenon_server.schedulers.batch.submission import Patience
from pyxenon_server.schedulers.slurm import SlurmScheduler
from pyxenon_testing import ServerFactory, SlurmServer, SshServer


async def fault(action: Any) -> None:
    await asyncio.to_thread(action)


async def forgotten(cluster: Any, jobs: list[str]) -> None:
    """Wait until the controller has forgotten *jobs*."""
    for _ in range(60):
        if not set(jobs) & set((await cluster.run("squeue -h -a -t all -o %F")).split()):
            return
        await asyncio.sleep(1)
    raise AssertionError("the controller remembers them still")


@pytest.mark.timeout(200)
async def test_without_a_controller(own_cluster: Any) -> None:
    """It is away while jobs run, are waited for and submitted; all of it ends as if it had been there."""
    faults = own_cluster.server.faults
    async with own_cluster.open(SlurmScheduler) as jobs:
        scheduler = jobs.scheduler
        job = await jobs.sh("sleep 3; exit 4")
        assert (await jobs.begun(job)).running
        waiting = asyncio.ensure_future(scheduler.wait(job, is_done, None))
        await fault(faults.stop_controller)
        await asyncio.sleep(0.2)  # an answer is good for the poll delay
        try:
            submitting = [asyncio.ensure_future(jobs.sh(f"exit {number}", name=f"away-{number}")) for number in range(3)]
            asked = (scheduler.job_state(job), scheduler.cancel(job), scheduler.queue_state("main"), scheduler.jobs([]))
            states, *errors = await asyncio.gather(scheduler.job_states([job]), *asked, return_exceptions=True)
            assert [type(error) for error in errors] == [NotConnectedException] * 4
            assert "Unable to contact slurm controller" in str(errors[0])
            assert (states[0].message().error_type, states[0].done) == (JobStatusErrorType.NOT_CONNECTED, False)
            assert not waiting.done()
        finally:
            await fault(faults.start_controller)
        ids = await asyncio.gather(*submitting)
        states = await asyncio.gather(*(jobs.done(job, 60) for job in ids))
        assert [state.exit_code for state in states] == [0, 1, 2]
        assert (await asyncio.wait_for(waiting, 60)).exit_code == 4
        names = (await own_cluster.run("squeue -h -a -t all -o %j")).split()
        assert sorted(name for name in names if name.startswith("away")) == ["away-0", "away-1", "away-2"]


@pytest.mark.timeout(200)
async def test_a_node_that_fails(own_cluster: Any) -> None:
    async with own_cluster.open() as jobs:
        job, again = await asyncio.gather(
            jobs.submit("sleep", "300", scheduler_arguments=["--no-requeue"]),
            jobs.submit("sleep", "300", scheduler_arguments=["--requeue"]),
        )
        await asyncio.gather(jobs.begun(job), jobs.begun(again))
        await own_cluster.root("scontrol update nodename=slurmhost state=down reason=test")
        try:
            state = await jobs.done(job)
            assert (state.state, state.exit_code, state.signal) == ("NODE_FAIL", None, "")
            assert state.message().error_type is JobStatusErrorType.XENON
            state = await jobs.until(again, "PENDING")
            assert (state.done, state.information["Restarts"]) == (False, "1")
            assert (await jobs.scheduler.cancel(again)).done
        finally:
            await own_cluster.root("scontrol update nodename=slurmhost state=resume || true")


@pytest.fixture
def forgetful(xenon_container: ServerFactory, at_cluster: Any) -> Any:
    """A cluster that forgets a job two seconds after its end, or a little later."""
    return at_cluster(xenon_container("slurm", configuration="MinJobAge=2\n"))


@pytest.mark.timeout(200)
async def test_a_job_that_is_forgotten_is_not_done(forgetful: Any) -> None:
    async with forgetful.open() as jobs:
        job = await jobs.sh("exit 3")
        await forgotten(forgetful, [job])
        state = await jobs.scheduler.wait(job, is_done, None)
        assert (state.state, state.running, state.done, state.exit_code) == ("UNKNOWN", False, False, None)
        assert state.message().error_type is JobStatusErrorType.NOT_FOUND
        assert "no accounting" in state.message().error_message


@pytest.mark.timeout(200)
async def test_the_accounting_tells_of_what_is_forgotten(xenon_container: ServerFactory, at_cluster: Any) -> None:
    server: SlurmServer = xenon_container("slurm-accounting", copy="lagging-{worker}", configuration="MinJobAge=2\n")
    cluster = at_cluster(server)
    async with cluster.open() as jobs:
        with server.faults.accounting_lagging():
            ids = await asyncio.gather(
                jobs.sh("exit 3"), jobs.sh("kill -9 $$"), jobs.sh("exit $SLURM_ARRAY_TASK_ID", scheduler_arguments=["--array=0-1"])
            )
            await forgotten(cluster, ids)
            states = await asyncio.gather(*(jobs.scheduler.wait(job, is_done, 3) for job in ids))
            assert [(state.done, state.exit_code) for state in states] == [(False, None)] * 3
        states = await asyncio.gather(*(jobs.done(job, 60) for job in ids))
        assert [(state.exit_code, state.signal, state.evidence) for state in states] == [
            (3, "", "sacct"),
            (None, "KILL", "sacct"),
            (1, "", "sacct"),
        ]
    async with cluster.open() as jobs:
        assert (await jobs.scheduler.job_state(ids[0])).exit_code == 3
        assert (await jobs.scheduler.job_state(f"{ids[2]}_1")).exit_code == 1
    async with cluster.open(slurm_disable_accounting_usage="true") as jobs:
        with pytest.raises(XenonError, match="has no job"):
            await jobs.scheduler.job_state(ids[0])


async def test_who_cancelled_is_told_by_the_accounting(accounted: Any) -> None:
    async with accounted.open() as jobs:
        state = await jobs.done(await jobs.sh("exit 3"))
        assert (state.exit_code, state.evidence) == (3, "squeue")  # which knows sooner


async def test_where_there_is_no_slurm(xenon_ssh: SshServer, at_cluster: Any) -> None:
    cluster = at_cluster(xenon_ssh)
    with pytest.raises(CommandNotFoundException, match="scontrol"):
        async with cluster.open(location=f"ssh://{xenon_ssh.host}:{xenon_ssh.port}"):
            pass


class PatientScheduler(SlurmScheduler):
    """It waits for a controller for longer than a test may take."""

    patience = Patience(controller=600)


@pytest.mark.timeout(200)
async def test_opening_without_a_controller(own_cluster: Any) -> None:
    """The patience is for submitting."""
    faults = own_cluster.server.faults
    await fault(faults.stop_controller)
    try:
        with pytest.raises(NotConnectedException, match="does not answer"):
            async with own_cluster.open(PatientScheduler):
                pass
    finally:
        await fault(faults.start_controller)
