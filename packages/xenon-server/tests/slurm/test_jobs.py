"""Jobs on real Slurms: the main path on every release, and everything else on one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pyxenon_core.errors import (
    InvalidJobDescriptionException,
    JobCanceledException,
    NoSuchJobException,
    NoSuchQueueException,
    PermissionDeniedException,
)
from pyxenon_core.messages import JobDescription


async def nothing() -> AsyncIterator[bytes]:
    for _ in range(0):
        yield b""


class Typed:
    """Standard input that a test types."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (data := await self.queue.get()) is not None:
            yield data


async def all_of(output: AsyncIterator[Any]) -> tuple[bytes, bytes]:
    pieces = [piece async for piece in output]
    return b"".join(piece.stdout for piece in pieces), b"".join(piece.stderr for piece in pieces)


async def test_the_main_path(any_cluster: Any) -> None:
    async with any_cluster.open() as jobs:
        scheduler = jobs.scheduler
        assert (list(await scheduler.queue_names()), await scheduler.default_queue_name()) == (["main", "short"], "main")

        good, bad, killed, array, sleeps, held = await asyncio.gather(
            jobs.submit("echo", "it's", "$HOME", stdout="out", name="na|me ^^^"),
            jobs.sh("echo wrong >&2; exit 3", stderr="err"),
            jobs.sh("kill -9 $$"),
            jobs.sh("exit $SLURM_ARRAY_TASK_ID", scheduler_arguments=["--array=0-2"]),
            jobs.submit("sleep", "300"),
            jobs.submit("true", scheduler_arguments=["--hold"]),
        )
        assert (await jobs.begun(sleeps)).running
        state = await scheduler.job_state(held)
        assert (state.state, state.running, state.done, state.reason) == ("PENDING", False, False, "JobHeldUser")

        states = await asyncio.gather(*(jobs.done(job) for job in (good, bad, killed, array)))
        assert [(it.state, it.exit_code, it.signal) for it in states] == [
            ("COMPLETED", 0, ""),
            ("FAILED", 3, ""),
            ("FAILED", None, "KILL"),
            ("FAILED", 2, ""),
        ]
        assert states[0].name == "na|me ^^^"
        assert [it.error for it in states] == [None] * 4
        assert {"SubmitTime", "StartTime", "EndTime", "NodeList", "Partition"} <= set(states[0].information)
        assert await any_cluster.text("out") == "it's $HOME\n"
        assert await any_cluster.text("err") == "wrong\n"

        assert {sleeps, held} <= set(await scheduler.jobs([]))
        assert good not in await scheduler.jobs([])
        await scheduler.cancel(sleeps)
        state = await jobs.done(sleeps)
        assert (state.state, state.exit_code, state.signal) == ("CANCELLED", None, "TERM")
        assert isinstance(state.error, JobCanceledException)

        await any_cluster.run(f"scontrol release {held}")
        assert (await jobs.done(held)).exit_code == 0

        typed = Typed()
        job, output = await scheduler.converse(JobDescription("sh", ["-c", 'read x; printf "<$x>"; read y; exit 5']), aiter(typed))
        await typed.queue.put(b"one\n")
        assert (await anext(output)).stdout == b"<one>"  # though the line is not at its end
        await typed.queue.put(b"two\n")
        assert (await all_of(output))[0] == b""
        assert (await jobs.done(job)).exit_code == 5
        with pytest.raises(NoSuchQueueException):
            await jobs.submit("true", queue_name="nonesuch")


async def test_put_back_into_the_queue(any_cluster: Any) -> None:
    async with any_cluster.open() as jobs:
        job, other = await asyncio.gather(jobs.submit("sleep", "300"), jobs.submit("sleep", "300"))
        assert (await jobs.begun(job)).running
        assert (await jobs.begun(other)).running
        await any_cluster.root(f"scontrol suspend {other}")
        state = await jobs.until(other, "SUSPENDED")
        assert (state.running, state.done) == (True, False)
        await any_cluster.run(f"scontrol requeue {job}")
        state = await jobs.until(job, "PENDING")
        assert (state.running, state.done, state.information["Restarts"]) == (False, False, "1")
        await any_cluster.root(f"scontrol resume {other}; scontrol requeuehold state=specialexit {other}")
        state = await jobs.until(other, "SPECIAL_EXIT")
        assert (state.running, state.done) == (False, False)
        for it in (job, other):
            await jobs.scheduler.cancel(it)
            state = await jobs.done(it)
            assert (state.state, state.exit_code) == ("CANCELLED", None)


async def test_queues(cluster: Any) -> None:
    async with cluster.open() as jobs:
        scheduler = jobs.scheduler
        state = await scheduler.queue_state("short")
        assert (state.information["PARTITION"], state.information["TIMELIMIT"], state.information["AVAIL"]) == ("short", "10:00", "up")
        with pytest.raises(NoSuchQueueException, match="the queues are main, short"):
            await scheduler.queue_state("nonesuch")
        states = await scheduler.queue_states(["nonesuch", "main"])
        assert [state.queue for state in states] == ["nonesuch", "main"]
        assert isinstance(states[0].error, NoSuchQueueException)
        assert len(await scheduler.queue_states([])) == 2
        assert await scheduler.default_runtime() == 0
        job = await jobs.submit("true", queue_name="short", scheduler_arguments=["--hold"])
        assert job in await scheduler.jobs(["short"])
        assert job not in await scheduler.jobs(["main"])
        assert job in await scheduler.jobs(["main", "short"])
        with pytest.raises(NoSuchQueueException):
            await scheduler.jobs(["nonesuch"])
        assert (await scheduler.cancel(job)).state == "CANCELLED"


async def test_what_slurm_refuses(cluster: Any) -> None:
    async with cluster.open() as jobs:
        with pytest.raises(InvalidJobDescriptionException, match="Requested node configuration is not available"):
            await jobs.submit("true", max_memory=10_000_000)
        with pytest.raises(InvalidJobDescriptionException, match="nonesuch"):
            await jobs.submit("true", scheduler_arguments=["--nonesuch"])
        with pytest.raises(NoSuchQueueException, match="nonesuch"):
            await jobs.submit("true", queue_name="nonesuch")
        results = await asyncio.gather(
            *(jobs.submit("true", queue_name=queue) for queue in ("main", "nonesuch", "main")), return_exceptions=True
        )
        assert [isinstance(result, str) for result in results] == [True, False, True]


async def test_resources_reach_slurm(cluster: Any) -> None:
    async with cluster.open() as jobs:
        job = await jobs.submit(
            "true",
            name="asks",
            queue_name="short",
            max_runtime=5,
            max_memory=64,
            tasks=2,
            cores_per_task=2,
            tasks_per_node=2,
            temp_space=0,
            start_time="23:59 31.12",
            scheduler_arguments=["--comment=for me", "--nice=7"],
        )
        told = await cluster.run(f"scontrol -o show job {job}")
        await jobs.scheduler.cancel(job)
        for part in ("JobName=asks", "Partition=short", "TimeLimit=00:05:00", "mem=64M", "NumTasks=2", "CPUs/Task=2", "Nice=7"):
            assert part in told
        assert "Comment=for me xenon:" in told
        assert "-12-31T23:59:00" in told


async def test_streams_directories_and_environment(cluster: Any) -> None:
    async with cluster.open() as jobs:
        await cluster.run(f"mkdir '{cluster.folder}/a b' && printf typed >'{cluster.folder}/a b/in put'")
        script = 'cat; pwd; printf "%s\\n" "$A_B" >&2'
        job = await jobs.sh(
            script, working_directory="a b", stdin="in put", stdout="o%j", stderr="e\\rr", environment={"A_B": "x,y='\"$z\r\n!"}
        )
        assert (await jobs.done(job)).exit_code == 0
        assert await cluster.text("'a b'/o%j") == f"typed{cluster.folder}/a b\n"
        assert await cluster.text("'a b'/'e\\rr'") == "x,y='\"$z\r\n!\n"
        job = await jobs.submit("printenv", "a.b", "UID", stdout="odd", environment={"a.b": "c", "UID": "7"})
        assert (await jobs.done(job)).exit_code == 0
        assert await cluster.text("odd") == "c\n7\n"
        job = await jobs.submit("pwd", stdout="here")
        assert (await jobs.done(job)).exit_code == 0
        assert await cluster.text("here") == f"{cluster.folder}\n"


async def test_what_slurm_itself_says_is_in_a_file_with_a_plain_name(cluster: Any) -> None:
    async with cluster.open() as jobs:
        job = await jobs.submit("sleep", "300", stderr="err.txt")
        await jobs.begun(job)
        await asyncio.sleep(0.3)
        await jobs.scheduler.cancel(job)
        await jobs.done(job)
        assert "CANCELLED" in await cluster.text("err.txt")


async def test_a_directory_that_is_not_there_is_no_success(cluster: Any) -> None:
    async with cluster.open() as jobs:
        state = await jobs.done(await jobs.submit("true", working_directory="nowhere"))
        assert (state.state, state.exit_code) == ("FAILED", 1)


async def test_a_program_for_each_task(cluster: Any) -> None:
    async with cluster.open() as jobs:
        many = await jobs.sh("echo $V $SLURM_PROCID", tasks=3, start_per_task=True, stdout="many", environment={"V": "v"})
        once = await jobs.sh("echo $SLURM_NTASKS", tasks=3, stdout="once")
        failed = await jobs.sh("exit $SLURM_PROCID", tasks=3, start_per_task=True)
        states = await asyncio.gather(*(jobs.done(job) for job in (many, once, failed)))
        assert [state.exit_code for state in states] == [0, 0, 2]
        assert sorted((await cluster.text("many")).splitlines()) == ["v 0", "v 1", "v 2"]
        assert await cluster.text("once") == "3\n"


async def test_elements_of_an_array(cluster: Any) -> None:
    async with cluster.open() as jobs:
        job = await jobs.sh("sleep 0.$SLURM_ARRAY_TASK_ID; [ $SLURM_ARRAY_TASK_ID != 2 ]", scheduler_arguments=["--array=1-4%2"])
        states = await asyncio.gather(*(jobs.done(f"{job}_{index}") for index in range(1, 5)))
        assert [state.exit_code for state in states] == [0, 1, 0, 0]
        assert (await jobs.done(job)).exit_code == 1
        with pytest.raises(NoSuchJobException):
            await jobs.scheduler.job_state(f"{job}_9")
        long = await jobs.submit("sleep", "300", scheduler_arguments=["--array=1-3"])
        await jobs.scheduler.cancel(f"{long}_2")
        assert (await jobs.done(f"{long}_2")).state == "CANCELLED"
        assert not (await jobs.scheduler.job_state(long)).done
        await jobs.scheduler.cancel(long)
        assert (await jobs.done(long)).state == "CANCELLED"


async def test_jobs_of_an_earlier_session(cluster: Any) -> None:
    async with cluster.open() as jobs:
        job = await jobs.submit("sh", "-c", "sleep 1; exit 7", name="left alone")
    async with cluster.open() as jobs:
        assert not (await jobs.scheduler.job_state(job)).done
        state = await jobs.done(job)
        assert (state.exit_code, state.name) == (7, "left alone")
        for unknown in ("4000000", "nonsense"):
            with pytest.raises(NoSuchJobException):
                await jobs.scheduler.job_state(unknown)
        states = await jobs.scheduler.job_states([job, "4000000"])
        assert [state.exit_code for state in states] == [7, None]
        assert isinstance(states[1].error, NoSuchJobException)


async def test_cancelling_many_at_once_and_what_is_over(cluster: Any) -> None:
    async with cluster.open() as jobs:
        ids = await asyncio.gather(*(jobs.submit("true", scheduler_arguments=["--hold"]) for _ in range(40)))
        before = await cluster.counts()
        states = await asyncio.gather(*(jobs.scheduler.cancel(job) for job in ids))
        assert {state.state for state in states} == {"CANCELLED"}
        cancels = sum("cancel" in text for text in jobs.shell.ran)
        assert cancels <= 3
        job = await jobs.submit("true")
        done = await jobs.done(job)
        assert await jobs.scheduler.cancel(job) == done
        assert before
        with pytest.raises(NoSuchJobException):
            await jobs.scheduler.cancel("4000000")


async def test_a_job_of_somebody_else(cluster: Any) -> None:
    job = (await cluster.root("sbatch --parsable --hold --output=/dev/null --wrap=true")).strip()
    async with cluster.open() as jobs:
        assert job in await jobs.scheduler.jobs([])
        assert (await jobs.scheduler.job_state(job)).reason == "JobHeldUser"
        with pytest.raises(PermissionDeniedException, match=job):
            await jobs.scheduler.cancel(job)
        await cluster.root(f"scancel {job}")
        assert (await jobs.done(job)).state == "CANCELLED"


async def test_interactive_jobs(cluster: Any) -> None:
    async with cluster.open() as jobs:
        scheduler = jobs.scheduler
        script = 'printf "%s\\n" "$A"; cat; echo wrong >&2'
        typed = Typed()
        job, output = await scheduler.converse(
            JobDescription("sh", ["-c", script], environment={"A": "it's\r\n$x"}, working_directory="/tmp"), aiter(typed)
        )
        data = bytes(range(256)) * 2000
        await typed.queue.put(data)
        await typed.queue.put(None)
        assert await all_of(output) == (b"it's\r\n$x\n" + data, b"wrong\n")
        assert (await jobs.done(job)).exit_code == 0

        job, output = await scheduler.converse(JobDescription("sleep", ["300"]), nothing())
        assert (await jobs.begun(job)).running
        await output.aclose()
        assert (await jobs.done(job)).state == "CANCELLED"

        job, output = await scheduler.converse(JobDescription("sleep", ["300"]), nothing())
        await scheduler.cancel(job)
        assert b"srun: " in (await all_of(output))[1]  # in words that vary with who sees the end first
        assert (await jobs.done(job)).state == "CANCELLED"

        job, output = await scheduler.converse(JobDescription("echo", ["$SLURM_PROCID"], tasks=3), nothing())
        assert (await all_of(output))[0] == b"$SLURM_PROCID\n"
        for wrong in (JobDescription("true", queue_name="nonesuch"), JobDescription("true", stdout="file")):
            with pytest.raises((NoSuchQueueException, InvalidJobDescriptionException)):
                await scheduler.converse(wrong, nothing())


async def test_an_interactive_job_that_has_to_wait_is_known(cluster: Any) -> None:
    async with cluster.open() as jobs:
        begin = JobDescription("true", scheduler_arguments=["--begin=now+1hour"])
        job, output = await jobs.scheduler.converse(begin, nothing())
        assert (await jobs.scheduler.job_state(job)).state == "PENDING"
        await output.aclose()
        assert (await jobs.done(job)).state == "CANCELLED"


async def test_closing_ends_what_is_interactive_and_leaves_the_rest(cluster: Any) -> None:
    async with cluster.open() as jobs:
        batch = await jobs.submit("sleep", "300")
        job, _ = await jobs.scheduler.converse(JobDescription("sleep", ["300"]), nothing())
    async with cluster.open() as jobs:
        assert (await jobs.done(job)).state == "CANCELLED"
        assert not (await jobs.scheduler.job_state(batch)).done
        await jobs.scheduler.cancel(batch)


async def test_its_file_system(cluster: Any) -> None:
    async with cluster.open() as jobs:
        files = await jobs.scheduler.file_system()
        try:
            await files.create_file(f"{cluster.folder}/made")
            assert await files.start_directory() == cluster.folder
        finally:
            await files.close()
        assert await cluster.run(f"ls {cluster.folder}") == "made\n"


async def test_a_noisy_environment_changes_nothing(cluster: Any) -> None:
    noise = "export SQUEUE_FORMAT='%i' SQUEUE_SORT=-i SQUEUE_STATES=PD SLURM_TIME_FORMAT=relative SINFO_FORMAT='%N' SBATCH_NTASKS=2"
    await cluster.run(f"cp ~/.bashrc ~/.bashrc.kept 2>/dev/null; printf '%s\\necho hello from a profile\\n' \"{noise}\" >~/.bashrc")
    try:
        async with cluster.open() as jobs:
            assert list(await jobs.scheduler.queue_names()) == ["main", "short"]
            job = await jobs.submit("printenv", "SLURM_TIME_FORMAT", stdout="seen")
            assert (await jobs.done(job)).exit_code == 0
            assert await cluster.root(f"cat {cluster.folder}/seen") == "relative\n"  # the user's own, and not what queries need
    finally:
        await cluster.run("mv ~/.bashrc.kept ~/.bashrc 2>/dev/null || rm -f ~/.bashrc")


async def test_an_environment_that_changes_what_the_commands_do_changes_nothing(cluster: Any) -> None:
    await cluster.run("printf 'export SBATCH_WAIT=1 SBATCH_CLUSTERS=nowhere SLURM_LABELIO=1 SLURM_STDOUTMODE=none\\n' >~/.bashrc")
    try:
        async with cluster.open() as jobs:
            assert (await jobs.done(await jobs.sh("exit 7"))).exit_code == 7
            typed = Typed()
            job, output = await jobs.scheduler.converse(JobDescription("cat"), aiter(typed))
            await typed.queue.put(b"hello\n")
            await typed.queue.put(None)
            assert await all_of(output) == (b"hello\n", b"")
            assert (await jobs.done(job)).exit_code == 0
    finally:
        await cluster.run("rm -f ~/.bashrc")
