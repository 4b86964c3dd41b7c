"""Jobs on this machine: the keeper, and what becomes of jobs when somebody is killed."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pyxenon_core.errors import CommandNotFoundException, ConnectionLostException, SchedulerClosedException
from pyxenon_core.messages import PropertyDescriptionType
from pyxenon_server.schedulers.processes import job_table as job_table_module
from pyxenon_server.schedulers.processes.local import LocalScheduler
from pyxenon_server.shells import local as local_shell

CLIENT = """
import asyncio, sys
from pyxenon_core.messages import DefaultCredential, JobDescription
from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.schedulers.processes.local import LocalScheduler

async def main():
    properties = Properties.check("local", LocalScheduler.properties, {})
    scheduler = await LocalScheduler.open(OpenRequest(sys.argv[1], DefaultCredential(), properties, Resources()))
    async def nothing():
        await asyncio.sleep(300)
        yield b""
    tree = "echo $$ >>pids; (setsid sh -c 'echo $$ >>pids; exec sleep 300' &) ; sleep 300"
    await scheduler.submit(JobDescription(executable="sh", arguments=["-c", tree]))
    await scheduler.converse(JobDescription(executable="sh", arguments=["-c", tree]), nothing())
    await asyncio.sleep(300)

asyncio.run(main())
"""


def test_the_description_tells_what_the_interface_knows():
    told = LocalScheduler.describe()
    assert (told.name, told.supported_locations, told.supported_credentials) == ("local", ["[/workdir]"], ["DefaultCredential"])
    assert (told.is_embedded, told.supports_interactive, told.supports_batch, told.uses_file_system) == (True, True, True, True)
    prefix = "xenon.adaptors.schedulers.local.queue"
    assert [(item.name, item.default_value, item.type) for item in told.supported_properties] == [
        (f"{prefix}.pollingDelay", "1000", PropertyDescriptionType.LONG),
        (f"{prefix}.multi.maxConcurrentJobs", "4", PropertyDescriptionType.INTEGER),
    ]


async def test_nothing_is_started_before_the_first_job(local):
    before = set(psutil.Process().children())
    async with local.open() as jobs:
        await jobs.scheduler.queue_states([])
        assert not set(psutil.Process().children()) - before


@pytest.mark.parametrize("seconds", [0, 0.002, 0.008])
async def test_a_job_submitted_while_the_scheduler_is_closed_is_refused_or_ended_and_no_keeper_stays(local, seconds):
    before = set(psutil.Process().children())
    async with local.open() as jobs:
        submitting = asyncio.ensure_future(jobs.submit("sleep", "60"))
        await asyncio.sleep(seconds)
        await jobs.scheduler.close()
        try:
            state = await jobs.done(await submitting)
        except SchedulerClosedException as error:
            assert "closed" in error.reason
        else:
            assert state.state == "KILLED"
        assert not set(psutil.Process().children()) - before


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
async def test_everything_dies_with_a_client_that_is_killed(local, death):
    client = await asyncio.create_subprocess_exec(sys.executable, "-c", CLIENT, local.folder)
    try:
        pids = await local.lines("pids", 4)
        assert len(await local.alive(pids)) == 4
    finally:
        client.send_signal(death)
        await client.wait()
    for _ in range(1200):
        if not await local.alive(pids):
            break
        await asyncio.sleep(0.05)
    assert await local.alive(pids) == []


async def test_jobs_outlive_their_keeper_and_are_known_to_the_next(local):
    async with local.open() as jobs:
        short = await jobs.sh("sleep 0.5; echo short >>log; exit 4", queue_name="unlimited")
        long = await jobs.sh("echo long >>log; sleep 60", queue_name="unlimited")
        waiting = await jobs.sh("echo waiting >>log; exit 5")
        await asyncio.gather(jobs.begun(short), jobs.begun(long), jobs.done(waiting))
        await _kill_keeper(jobs)
        later = await jobs.sh("echo later >>log; exit 6")
        states = [await jobs.done(job) for job in (short, later)]
        assert [state.exit_code for state in states] == [4, 6]
        assert (await jobs.scheduler.job_state(long)).running
        assert (await jobs.scheduler.cancel(long)).state == "KILLED"
    assert sorted((await local.text("log")).split()) == ["later", "long", "short", "waiting"]


async def test_a_job_that_vanished_with_its_runner_is_done_with_an_unknown_exit_code(local):
    async with local.open() as jobs:
        job = await jobs.sh("echo $$ >pids; sleep 60")
        pids = await local.lines("pids", 1)
        runner = psutil.Process(int(pids[0])).parent()
        assert runner is not None
        runner.kill()
        os.kill(int(pids[0]), signal.SIGKILL)
        await _kill_keeper(jobs)
        state = await jobs.done(job)
    assert (state.state, state.done, state.exit_code, state.signal) == ("UNKNOWN", True, None, "")
    assert state.error is not None and "its end was not observed" in state.error.reason


async def _runner_killed(local, jobs, script) -> tuple[str, int]:
    """A job whose runner, which would tell how it ended, is killed; and its process."""
    job = await jobs.sh(f"echo $$ >>pids; {script}")
    pid = int((await local.lines("pids", 1))[0])
    runner = psutil.Process(pid).parent()
    assert runner is not None
    runner.kill()
    return job, pid


async def test_a_job_without_a_runner_runs_until_it_ends_and_then_is_done(local, monkeypatch):
    monkeypatch.setattr(job_table_module, "_SECONDS_BETWEEN_LOOKS", 0.1)
    async with local.open() as jobs:
        job, _ = await _runner_killed(local, jobs, "while [ ! -e end ]; do sleep 0.05; done")
        await asyncio.sleep(1)
        assert (await jobs.scheduler.job_state(job)).running
        await local.run(f"touch {local.folder}/end")
        state = await jobs.done(job)
        assert (state.state, state.exit_code, state.signal) == ("UNKNOWN", None, "")
        assert (await jobs.end_of("true")).exit_code == 0  # its slot is free


async def test_a_job_without_a_runner_can_be_cancelled(local):
    async with local.open() as jobs:
        job, pid = await _runner_killed(local, jobs, "sleep 60")
        state = await jobs.scheduler.cancel(job)
        assert (state.state, state.done, state.exit_code, state.signal) == ("KILLED", True, None, "")
        assert await local.alive([str(pid)]) == []
        assert (await jobs.end_of("true")).exit_code == 0


async def test_after_a_restart_of_the_machine_no_stranger_is_taken_for_a_job(local, monkeypatch, tmp_path):
    """Each keeper has a machine of its own, as far as processes go; on the second there are others with the numbers of the first."""
    if subprocess.run(["unshare", "-Urpf", "--mount-proc", "true"], check=False).returncode:  # noqa: ASYNC221
        pytest.skip("this machine lets nobody have processes of its own")
    strangers = "i=0; while [ $i -lt 60 ]; do sleep 300 & i=$((i+1)); done"
    begin = f'[ ! -e {tmp_path}/again ] || {{ {strangers}; }}; : >{tmp_path}/again; exec /bin/sh "$@"'
    shell = tmp_path / "sh"
    shell.write_text(f'#!/bin/sh\nexec unshare -Urpf --kill-child --mount-proc sh -c {shlex.quote(begin)} sh "$@"\n', encoding="ascii")
    shell.chmod(0o755)
    monkeypatch.setattr(local_shell, "_SH", str(shell))
    async with local.open() as jobs:
        job = await jobs.sh("sleep 60")
        process = (await jobs.begun(job)).information["pid"]
        await _kill_keeper(jobs)
        state = await jobs.done(job)
        assert (state.state, state.exit_code, state.signal) == ("UNKNOWN", None, "")
        assert (await jobs.end_of("cat", f"/proc/{process}/comm", stdout="comm")).exit_code == 0
        assert await local.text("comm") == "sleep\n"  # the stranger lives


async def test_a_job_of_which_all_records_are_lost_is_in_no_invented_state(local):
    async with local.open() as jobs:
        job = await jobs.sh("echo $$ >pids; sleep 60")
        pids = await local.lines("pids", 1)
        shutil.rmtree(jobs.scheduler._job_table._keeper.folder)
        await _kill_keeper(jobs)
        with pytest.raises(ConnectionLostException, match=r"cannot wait for job .* any longer: .*no record"):
            await jobs.scheduler.wait(job, lambda state: state.done, 60)
        state = await jobs.scheduler.job_state(job)
        assert (state.state, state.done, state.running, state.exit_code) == ("UNKNOWN", False, False, None)
        assert state.error is not None and "no record" in state.error.reason
        assert (await jobs.end_of("true")).exit_code == 0
        assert await local.alive(pids) == pids
    assert await local.alive(pids) == []  # its mark is known still


async def test_a_start_that_no_keeper_heard_of_is_asked_for_again_once(local):
    async with local.open() as jobs:
        await jobs.end_of("true")
        for round_ in range(10):
            keeper = _keeper(jobs)
            os.kill(keeper.pid, signal.SIGSTOP)
            submitted = [await jobs.sh(f"echo {round_}.{number} >>log", queue_name="unlimited") for number in range(5)]
            if round_ % 2:
                os.kill(keeper.pid, signal.SIGCONT)
            os.kill(keeper.pid, signal.SIGKILL)
            for job in submitted:
                assert (await jobs.done(job)).exit_code == 0
    assert sorted((await local.text("log")).split()) == sorted(f"{round_}.{number}" for round_ in range(10) for number in range(5))


@pytest.mark.parametrize("shell", ["bash", "bash as sh", "dash"])
async def test_every_shell_tells_the_same(local, shell, monkeypatch, tmp_path):
    program = shutil.which(shell.split()[0])
    assert program is not None, f"this test needs {shell}"
    if shell == "bash as sh":
        (tmp_path / "sh").symlink_to(program)
        program = str(tmp_path / "sh")
    monkeypatch.setattr(local_shell, "_SH", program)
    async with local.open() as jobs:
        ends = [jobs.end_of("sh", "-c", script, queue_name="multi") for script in ("exit 137", "exit 145", "kill -9 $$", "kill -2 $$")]
        missing = jobs.end_of("no-such-program", queue_name="multi")
        told = [(end.state, end.exit_code, end.signal) for end in await asyncio.gather(*ends, missing)]
        assert told == [("DONE", 137, ""), ("DONE", 145, ""), ("DONE", None, "KILL"), ("DONE", None, "INT"), ("ERROR", 127, "")]
        at_once = await asyncio.gather(*(jobs.end_of("sh", "-c", "kill -9 $$", queue_name="unlimited") for _ in range(40)))
        assert {(end.exit_code, end.signal) for end in at_once} == {(None, "KILL")}  # however soon they ended
        job = await jobs.sh("echo $$ >>pids; (setsid sh -c 'echo $$ >>pids; exec sleep 60' &) ; sleep 60")
        pids = await local.lines("pids", 2)
        assert (await jobs.scheduler.cancel(job)).signal == "TERM"
        assert await local.alive(pids) == []
        await _kill_keeper(jobs)
        assert (await jobs.end_of("sh", "-c", "exit 3", environment={"a.b": "c"})).exit_code == 3


async def test_a_machine_without_a_place_for_records_says_so(local, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(Path(local.folder) / "nowhere"))
    async with local.open() as jobs:
        with pytest.raises(Exception, match=r"directory for the jobs' records.*nowhere"):
            await jobs.submit("true")
        assert await jobs.scheduler.jobs([]) == []


@pytest.mark.parametrize("lacking", ["mkfifo", "grep", "cat"])
async def test_a_machine_that_lacks_a_program_says_which(local, lacking, monkeypatch, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in {"cat", "env", "grep", "id", "mkdir", "mkfifo", "mv", "rm", "setsid", "sleep"} - {lacking}:
        (programs / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "records"))
    (tmp_path / "records").mkdir()
    async with local.open() as jobs:
        with pytest.raises(CommandNotFoundException, match=f"cannot find {lacking}\\b") as caught:
            await jobs.submit("true")
        assert "PATH" in caught.value.hint
        monkeypatch.setenv("PATH", "")
        with pytest.raises(CommandNotFoundException, match="cannot find cat, grep, mkdir, mkfifo, mv, rm, sleep"):
            await jobs.submit("true")
        assert await jobs.scheduler.jobs([]) == []
    assert list((tmp_path / "records").iterdir()) == []


async def test_a_place_that_can_hold_no_pipe_is_left_as_it_was(local, monkeypatch, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "mkfifo").write_text("#!/bin/sh\necho mkfifo: Operation not permitted >&2; exit 1\n", encoding="ascii")
    (programs / "mkfifo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", local.folder)
    async with local.open() as jobs:
        with pytest.raises(Exception, match=r"directory for the jobs' records.*not permitted") as caught:
            await jobs.submit("true")
        assert "TMPDIR" in caught.value.hint
    assert await local.run(f"ls -A {local.folder}") == ""


def _keeper(jobs) -> psutil.Process:
    (keeper,) = (
        child
        for child in psutil.Process().children()
        if child.pid == jobs.scheduler._job_table._keeper._connection._process._required.get_pid()
    )
    return keeper


async def _kill_keeper(jobs) -> None:
    """Kill the keeper and its children, as a machine does that runs out of memory; jobs are not among them."""
    count = jobs.scheduler._job_table._keeper.count
    _keeper(jobs).kill()
    while jobs.scheduler._job_table._keeper.connected and jobs.scheduler._job_table._keeper.count == count:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.01)
