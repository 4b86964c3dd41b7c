"""A submission whose answer is lost: in the end there is one job, or an error that says what is known; never two jobs, nor none."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Any

import pytest

from pyxenon_core.errors import ConnectionLostException, NotConnectedException
from pyxenon_server.schedulers.batch.lookup import Lookup
from pyxenon_server.schedulers.batch.submission import Patience
from pyxenon_testing.errors import ContainerCommandError


class Losing:
    """Loses the answers of the first *times* commands that submit, having run them or not."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, text: str) -> None:
        if "sbatch --parsable" in text and self.left:
            self.left -= 1
            raise ConnectionLostException("the connection broke")


def tags_in(text: str) -> list[str]:
    return re.findall(r"xenon:\w+", text)


async def names_in(cluster: Any) -> list[str]:
    """The names of all the jobs that Slurm has, of this test alone."""
    lines = (await cluster.run("squeue -h -a -t all -o %j")).splitlines()
    return sorted(line for line in lines if line.startswith(cluster.folder[-8:]))


async def test_an_answer_that_is_lost_after_the_command_ran(cluster: Any) -> None:
    name = cluster.folder[-8:]
    async with cluster.open() as jobs:
        jobs.shell.after = Losing(1)
        ids = await asyncio.gather(*(jobs.sh(f"exit {number}", name=f"{name}-{number}") for number in range(5)))
        states = await asyncio.gather(*(jobs.done(job) for job in ids))
    assert [state.exit_code for state in states] == [0, 1, 2, 3, 4]
    assert await names_in(cluster) == [f"{name}-{number}" for number in range(5)]
    assert sum("sbatch --parsable" in text for text in jobs.shell.ran) == 1


async def test_a_command_that_was_lost_before_it_ran(cluster: Any) -> None:
    name = cluster.folder[-8:]
    async with cluster.open() as jobs:
        jobs.scheduler._submitter._message_seconds = 1  # when no command can be submitting any more comes sooner
        jobs.shell.before = Losing(1)
        job = await jobs.submit("true", name=name)
        assert (await jobs.done(job)).exit_code == 0
    assert await names_in(cluster) == [name]


async def test_a_connection_that_breaks_in_the_middle(quiet_cluster: Any) -> None:
    """The command goes on by itself on the cluster."""
    cluster = quiet_cluster
    name = cluster.folder[-8:]
    async with cluster.open() as jobs:
        held = {"scheduler_arguments": ["--hold"]}
        submitting = [asyncio.ensure_future(jobs.submit("true", name=f"{name}-{number}", **held)) for number in range(60)]
        await asyncio.sleep(0.15)
        with contextlib.suppress(ContainerCommandError):  # which says that there are new ones already: sbatch's to the controller
            await asyncio.to_thread(cluster.server.faults.drop_connections)
        ids = await asyncio.gather(*submitting)
        assert len(set(ids)) == 60
        await asyncio.gather(*(jobs.scheduler.cancel(job) for job in ids))
    assert await names_in(cluster) == sorted(f"{name}-{number}" for number in range(60))


async def test_a_comment_that_the_site_replaced_is_no_reason_to_submit_again(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = cluster.folder[-8:]
    async with cluster.open() as jobs:
        jobs.scheduler._submitter._message_seconds = 1

        def forget(text: str) -> None:
            if "sbatch --parsable" in text:
                cluster.server.run(f"for j in $(squeue -h -n {name} -o %i); do scontrol update job=$j comment=ours; done")
                raise ConnectionLostException("the connection broke")

        jobs.shell.after = forget
        with pytest.raises(ConnectionLostException, match="may have been submitted") as caught:
            await jobs.submit("sleep", "60", name=name)
        assert "squeue --me" in caught.value.hint
        assert await names_in(cluster) == [name]
        await cluster.run(f"scancel -n {name}")


async def test_a_name_that_a_scheduler_argument_gives_is_the_one_that_is_looked_for(cluster: Any) -> None:
    name = cluster.folder[-8:]
    async with cluster.open() as jobs:
        jobs.scheduler._submitter._message_seconds = 1

        def forget(text: str) -> None:
            if "sbatch --parsable" in text:
                cluster.server.run(f"for j in $(squeue -h -n {name} -o %i); do scontrol update job=$j comment=ours; done")
                raise ConnectionLostException("the connection broke")

        jobs.shell.after = forget
        with pytest.raises(ConnectionLostException, match="may have been submitted"):
            await jobs.submit("sleep", "60", name="another", scheduler_arguments=["-J", name])
        assert await names_in(cluster) == [name]
        await cluster.run(f"scancel -n {name}")


async def test_a_name_that_others_have_too_is_a_job_that_may_be_it(cluster: Any) -> None:
    """Without a tag nobody can tell: better an error than a second job."""
    name = cluster.folder[-8:]
    async with cluster.open() as jobs:
        jobs.scheduler._submitter._message_seconds = 1
        await cluster.run(f"sbatch --hold -o /dev/null -J {name} --wrap true")
        jobs.shell.before = Losing(1)
        with pytest.raises(ConnectionLostException, match="may have been submitted"):
            await jobs.submit("true", name=name)
        await cluster.run(f"scancel -n {name}")


async def test_nothing_is_submitted_when_the_place_cannot_be_reached(cluster: Any) -> None:
    async with cluster.open() as jobs:

        def unreachable(text: str) -> None:
            raise NotConnectedException("nobody is there")

        jobs.shell.before = unreachable
        with pytest.raises(NotConnectedException, match="the job was not submitted: nobody is there"):
            await jobs.submit("true")


async def test_lost_and_out_of_reach_after_that(cluster: Any) -> None:
    name = cluster.folder[-8:]
    async with cluster.open() as jobs:
        jobs.scheduler._submitter._patience = Patience(command=2, job=0.1, controller=3)

        def unreachable(text: str) -> None:
            raise ConnectionLostException("nobody is there")

        jobs.shell.after = unreachable
        with pytest.raises(ConnectionLostException, match="may have been submitted, but it is not certain: nobody is there") as caught:
            await jobs.submit("true", name=name)
        (tag,) = tags_in(caught.value.hint)
        assert tag in await cluster.run("squeue -h -a -t all -o %k")


async def test_an_answer_without_a_number_is_no_success(quiet_cluster: Any) -> None:
    """As from a wrapper around sbatch that prints something of its own."""
    cluster = quiet_cluster
    name = cluster.folder[-8:]
    await cluster.root("mv /usr/bin/sbatch /usr/bin/sbatch.real && ln -sf /usr/bin/sbatch.real /usr/bin/sbatch")
    wrapper = '#!/bin/sh\\n/usr/bin/sbatch.real "$@" >/dev/null && echo thank you\\n'
    try:
        async with cluster.open() as jobs:
            await cluster.root(f"rm /usr/bin/sbatch; printf '{wrapper}' >/usr/bin/sbatch; chmod 755 /usr/bin/sbatch")
            job = await jobs.submit("true", name=name)
            assert (await jobs.done(job)).exit_code == 0
            assert await names_in(cluster) == [name]
    finally:
        await cluster.root("mv -f /usr/bin/sbatch.real /usr/bin/sbatch")


async def test_words_before_the_number(quiet_cluster: Any) -> None:
    cluster = quiet_cluster
    await cluster.root("mv /usr/bin/sbatch /usr/bin/sbatch.real && ln -sf /usr/bin/sbatch.real /usr/bin/sbatch")
    wrapper = '#!/bin/sh\\necho 42 days until the maintenance; echo "sbatch: careful" >&2\\nexec /usr/bin/sbatch.real "$@"\\n'
    try:
        async with cluster.open() as jobs:
            await cluster.root(f"rm /usr/bin/sbatch; printf '{wrapper}' >/usr/bin/sbatch; chmod 755 /usr/bin/sbatch")
            assert (await jobs.done(await jobs.sh("exit 3"))).exit_code == 3
    finally:
        await cluster.root("mv -f /usr/bin/sbatch.real /usr/bin/sbatch")


async def test_who_gives_up_leaves_no_job(cluster: Any) -> None:
    name = cluster.folder[-8:]
    async with cluster.open() as jobs:
        submitting = asyncio.ensure_future(jobs.submit("sleep", "300", name=name))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0.002)
        submitting.cancel()
        await asyncio.gather(submitting, return_exceptions=True)
        assert submitting.cancelled()
        for _ in range(600):
            await asyncio.sleep(0.1)
            if not (await cluster.run(f"squeue -h -n {name} -o %T")).split():
                break
        else:
            raise AssertionError("the job is still there")


async def test_closing_while_submitting_says_what_is_known(cluster: Any) -> None:
    async with cluster.open() as jobs:
        submitting = [asyncio.ensure_future(jobs.submit("true")) for _ in range(150)]
        await asyncio.sleep(0.05)
    errors = await asyncio.gather(*submitting, return_exceptions=True)
    said = {str(getattr(error, "reason", "")) for error in errors}
    assert said <= {"the scheduler was closed: a job may have been submitted", "the scheduler was closed: the job was not submitted", ""}
    assert any("was not submitted" in words for words in said)


async def test_a_job_that_is_forgotten_already_is_found_in_the_accounting(accounted: Any) -> None:
    name = accounted.folder[-8:]
    async with accounted.open() as jobs:
        job = await jobs.submit("true", name=name)
        tag = jobs.scheduler._poller._jobs.get(job).tag
        await jobs.done(job)
        lookup: Lookup = jobs.scheduler._lookup
        since = (await accounted.root("date +%s")).strip()
        for _ in range(300):
            found = await lookup._history(float(since) - 60)
            if tag in [record.tag for record in found]:
                break
            await asyncio.sleep(0.2)
        else:
            raise AssertionError("the accounting does not have it")
