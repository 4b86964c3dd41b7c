"""Jobs on a machine without a batch system: the same here and over SSH, with real processes."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from descriptors import descriptors
from pyxenon_core.errors import (
    CommandNotFoundException,
    IncompleteJobDescriptionException,
    InvalidJobDescriptionException,
    InvalidPathException,
    JobCanceledException,
    NoSuchJobException,
    NoSuchQueueException,
    PermissionDeniedException,
    UnsupportedJobDescriptionException,
)
from pyxenon_core.messages import JobDescription
from pyxenon_server.adaptors.job_state import is_done, is_running_or_done
from pyxenon_server.schedulers.processes import job_table as job_table_module
from pyxenon_server.schedulers.processes import jobs as jobs_module
from pyxenon_server.schedulers.processes import keeper as keeper_module
from pyxenon_server.schedulers.processes.job_script import shell_text

# A program with children that left its group or its session. Its argument is run by one of them.
TREE = """
echo $$ >>pids
(setsid sh -c 'echo $$ >>pids; exec sleep 300' &)
nohup sh -c "echo \\$\\$ >>pids; $1; while :; do sleep 0.2; done" >/dev/null 2>&1 &
sh -c 'sh -c "echo \\$\\$ >>pids; exec setsid sleep 300" & echo $$ >>pids; wait'
"""
IN_TREE = 5

# Runs until there is a file of that name.
# What keeper.sh does to a job that does not end by itself.
FORCE = '[ "$xk_tries" -le 30 ] || xk_signal KILL "$1"'
GIVING_UP = '[ "$xk_tries" -le 100 ] || break'
UNTIL_TOLD = "while [ ! -e go ]; do sleep 0.02; done"


def records(jobs: Any) -> str:
    """The folder in which the keeper has its records."""
    return jobs.scheduler._job_table._keeper.folder


def zombies() -> set[psutil.Process]:
    return {process for process in psutil.Process().children(recursive=True) if process.status() == psutil.STATUS_ZOMBIE}


async def nothing() -> AsyncIterator[bytes]:
    for item in ():
        yield item


async def test_a_job_gets_its_arguments_environment_directory_and_files(machine):
    await machine.run(f"cd {machine.folder} && mkdir 'a b' && echo given >'a b/in put'")
    async with machine.open() as jobs:
        state = await jobs.end_of(
            "sh",
            "-c",
            'cat; printf "%s|" "$@" "$VALUE"; pwd; echo wrong >&2; exit 3',
            "sh",
            "",
            "*",
            "$HOME 'x'",
            environment={"VALUE": 'a"b'},
            working_directory="a b",
            stdin="in put",
            stdout="out put",
            stderr="err",
            name="a name",
        )
    assert (state.state, state.exit_code, state.signal, state.error, state.name) == ("DONE", 3, "", None, "a name")
    assert await machine.text("'a b/out put'") == f"given\n|*|$HOME 'x'|a\"b|{machine.folder}/a b\n"
    assert await machine.text("'a b/err'") == "wrong\n"


async def test_both_outputs_into_one_file_keep_their_order(machine):
    async with machine.open() as jobs:
        await jobs.end_of("sh", "-c", "echo 1; echo 2 >&2; echo 3", stdout="both", stderr="both")
    assert await machine.text("both") == "1\n2\n3\n"


async def test_a_job_inherits_no_more_than_its_three_streams(machine):
    async with machine.open() as jobs:
        await jobs.end_of("sh", "-c", "ls /proc/$$/fd; true", stdout="out")
    assert (await machine.text("out")).split() == ["0", "1", "2"]


async def test_every_exit_code_and_signal_is_told_as_it_was(machine):
    signals = {"HUP": 1, "INT": 2, "QUIT": 3, "ABRT": 6, "KILL": 9, "SEGV": 11, "PIPE": 13, "TERM": 15}
    async with machine.open() as jobs:
        codes = [jobs.end_of("sh", "-c", f"exit {code}", queue_name="multi") for code in range(256)]
        kills = [jobs.end_of("sh", "-c", f"kill -{number} $$; sleep 5", queue_name="multi") for number in signals.values()]
        ends = await asyncio.gather(*codes, *kills)
    assert [end.exit_code for end in ends[:256]] == list(range(256))
    assert [(end.exit_code, end.signal) for end in ends[256:]] == [(None, name) for name in signals]
    assert [end.reason for end in ends] == [""] * 256 + [f"killed by signal {name}" for name in signals]
    assert [end.message().exit_code for end in ends[256:]] == [128 + number for number in signals.values()]
    assert not any(end.error for end in ends)


@pytest.mark.parametrize(
    "fields",
    [{"arguments": ["x" * 200_000]}, {"arguments": ["x" * 100_000] * 12, "environment": {"LONG": "x" * 200_000}}],
    ids=["an argument", "arguments and a variable"],
)
async def test_what_is_too_long_for_a_program_is_told_and_is_no_exit_code_of_it(machine, fields):
    async with machine.open() as jobs:
        job = await jobs.scheduler.submit(JobDescription(executable="/bin/true", **fields, stderr="err"))
        ends = [await jobs.done(job)]
        job, output = await jobs.scheduler.converse(JobDescription(executable="/bin/true", **fields), nothing())
        [_ async for _ in output]
        ends.append(await jobs.done(job))
    assert [(end.state, end.reason) for end in ends] == [("ERROR", "unstartable")] * 2
    assert all(isinstance(end.error, InvalidJobDescriptionException) and "too long" in end.error.reason for end in ends)
    assert "too long" in await machine.text("err")


async def test_a_program_in_the_working_directory_is_found_where_the_path_has_it(local):
    await local.run(f"cd {local.folder} && printf '#!/bin/sh\nexit 5\n' >here && chmod +x here")
    async with local.open() as jobs:
        codes = [(await jobs.end_of("here", environment={"PATH": path})).exit_code for path in ("/bin:", ":/bin", "/bin::/usr/bin")]
        assert codes == [5, 5, 5]
        assert (await jobs.end_of("here", environment={"PATH": "/bin:/usr/bin"})).exit_code == 127


@pytest.mark.parametrize(
    ("fields", "code", "error", "said"),
    [
        ({"executable": "no-such-program"}, 127, CommandNotFoundException, "no-such-program"),
        ({"executable": "/no/such/program"}, 127, CommandNotFoundException, "/no/such/program"),
        ({"executable": "/etc/passwd"}, 126, PermissionDeniedException, "/etc/passwd"),
        ({"executable": "/tmp"}, 126, PermissionDeniedException, "/tmp"),
        ({"executable": "true", "working_directory": "nowhere"}, None, InvalidPathException, "nowhere"),
        ({"executable": "true", "stdin": "nothing"}, None, InvalidPathException, "nothing"),
        ({"executable": "true", "stdout": "no/where"}, None, InvalidPathException, "no/where"),
        ({"executable": "true", "stderr": "no/where"}, None, InvalidPathException, "no/where"),
    ],
)
async def test_a_job_that_cannot_start_says_why(machine, fields, code, error, said):
    async with machine.open() as jobs:
        state = await jobs.done(await jobs.scheduler.submit(JobDescription(**fields)))
        assert (state.state, state.exit_code, state.done, state.running) == ("ERROR", code, True, False)
        assert type(state.error) is error and said in state.error.reason
        assert await jobs.scheduler.jobs([]) == []


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({}, IncompleteJobDescriptionException, "executable"),
        ({"executable": "true", "queue_name": "fast"}, NoSuchQueueException, "single, multi, unlimited"),
        ({"executable": "true", "tasks": 2}, InvalidJobDescriptionException, "tasks"),
        ({"executable": "true", "scheduler_arguments": ["-x"]}, UnsupportedJobDescriptionException, "scheduler_arguments"),
        ({"executable": "true", "temp_space": 1}, UnsupportedJobDescriptionException, "temp_space"),
        ({"executable": "true", "start_time": "12:00"}, UnsupportedJobDescriptionException, "start_time"),
        ({"executable": "true", "arguments": ["a\0b"]}, InvalidJobDescriptionException, "arguments"),
        ({"executable": "true", "environment": {"A=B": "c"}}, InvalidJobDescriptionException, "environment"),
        ({"executable": "true", "environment": {"XENON_JOB": "c"}}, InvalidJobDescriptionException, "XENON_JOB"),
    ],
)
async def test_a_description_that_cannot_be_honoured_is_refused(local, fields, error, said):
    async with local.open() as jobs:
        with pytest.raises(error, match=said):
            await jobs.scheduler.submit(JobDescription(**fields))
        assert await jobs.scheduler.jobs([]) == []


@pytest.mark.parametrize("end", ["cancel", "close", "timeout"])
async def test_a_whole_tree_dies(machine, end, monkeypatch):
    monkeypatch.setattr(jobs_module, "_SECONDS", 1)
    async with machine.open() as jobs:
        stubborn = "trap '' TERM HUP" if end == "cancel" else ":"
        job = await jobs.submit("sh", "-c", TREE, "sh", stubborn, max_runtime=5 if end == "timeout" else 0)
        pids = await machine.lines("pids", IN_TREE)
        if end != "timeout":  # whose time may be up by now
            assert sorted(await machine.alive(pids)) == sorted(pids)
        if end == "cancel":
            state = await jobs.scheduler.cancel(job)
        elif end == "timeout":
            state = await jobs.done(job)
            while await machine.alive(pids):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.05)
        else:
            await jobs.scheduler.close()
            state = await jobs.scheduler.job_state(job)
        assert await machine.alive(pids) == []
    assert (state.state, state.done, state.exit_code, state.signal) == ("KILLED", True, None, "TERM")
    assert isinstance(state.error, JobCanceledException)
    assert {"cancel": "cancelled", "close": "closed", "timeout": "max_runtime"}[end] in state.error.reason


async def test_a_job_that_ends_as_it_likes_when_told_to_is_killed_with_its_own_exit_code(machine):
    async with machine.open() as jobs:
        job = await jobs.sh("trap 'exit 7' TERM; echo ready >ready; while :; do sleep 0.05; done")
        await machine.lines("ready", 1)
        state = await jobs.scheduler.cancel(job)
        assert (state.state, state.exit_code) == ("KILLED", 7)
        assert await jobs.scheduler.cancel(job) == state


async def test_what_a_program_left_behind_lives_until_the_scheduler_is_closed(machine):
    async with machine.open() as jobs:
        state = await jobs.end_of("sh", "-c", "setsid sh -c 'echo $$ >pids; exec sleep 300' >/dev/null 2>&1 & exit 0")
        assert state.exit_code == 0
        pids = await machine.lines("pids", 1)
        assert await machine.alive(pids) == pids
    assert await machine.alive(pids) == []


async def test_a_job_cancelled_at_once_ends_at_once(machine, monkeypatch):
    """As nothing is ever done with force, and nobody gives up, to wait for either would take longer than a test may."""

    def text_without_force(name: str) -> str:
        text = shell_text(name)
        assert name != "keeper.sh" or (FORCE in text and GIVING_UP in text)
        return text.replace(FORCE, ":").replace(GIVING_UP, ":")

    monkeypatch.setattr(keeper_module, "shell_text", text_without_force)
    monkeypatch.setattr(job_table_module, "_SECONDS_TO_END", 600)
    async with machine.open() as jobs:
        await jobs.end_of("true")
        for _ in range(10):
            state = await jobs.scheduler.cancel(await jobs.submit("sleep", "600", queue_name="unlimited"))
            assert (state.state, state.signal) == ("KILLED", "TERM")


async def test_one_job_at_a_time_in_order_in_single(machine):
    async with machine.open() as jobs:
        submitted = [await jobs.sh(f"echo begin {n} >>log; sleep 0.02; echo end {n} >>log") for n in range(10)]
        for job in submitted:
            await jobs.done(job)
    assert await machine.text("log") == "".join(f"begin {n}\nend {n}\n" for n in range(10))


async def test_a_job_that_waits_is_pending_and_never_starts_once_cancelled(machine):
    async with machine.open() as jobs:
        first = await jobs.submit("sleep", "60")
        second, third = await jobs.sh("echo second >>log"), await jobs.sh("echo third >>log")
        await jobs.begun(first)
        state = await jobs.scheduler.job_state(second)
        assert (state.state, state.running, state.done) == ("PENDING", False, False)
        assert (await jobs.scheduler.queue_state("single")).information == {"pending": "2", "running": "1", "slots": "1"}
        assert await jobs.scheduler.jobs(["single"]) == [first, second, third]
        assert await jobs.scheduler.jobs(["multi", "unlimited"]) == []
        cancelled = await jobs.scheduler.cancel(second)
        assert (cancelled.state, cancelled.done, cancelled.exit_code) == ("KILLED", True, None)
        assert isinstance(cancelled.error, JobCanceledException)
        await jobs.scheduler.cancel(first)
        assert (await jobs.done(third)).exit_code == 0
    assert await machine.text("log") == "third\n"


@pytest.mark.parametrize(("queue", "most"), [("single", 1), ("multi", 3), ("unlimited", 12)])
async def test_as_many_jobs_run_at_once_as_the_queue_has_slots(local, queue, most):
    async with local.open(maxConcurrentJobs="3") as jobs:
        submitted = [await jobs.sh(UNTIL_TOLD, queue_name=queue) for _ in range(12)]

        async def running() -> int:
            return sum(state.running for state in await jobs.scheduler.job_states(submitted))

        for _ in range(3000):
            if await running() >= most:
                break
            await asyncio.sleep(0.02)
        for _ in range(10):
            assert await running() == most
            await asyncio.sleep(0.02)
        await local.run(f"touch {local.folder}/go")
        assert [(await jobs.done(job)).exit_code for job in submitted] == [0] * 12


async def test_waiting_ends_when_something_happens_or_when_the_time_is_over(machine):
    async with machine.open() as jobs:
        job = await jobs.sh(UNTIL_TOLD)
        assert (await jobs.scheduler.wait(job, is_running_or_done, 600)).running
        began = time.monotonic()
        assert not (await jobs.scheduler.wait(job, is_done, 0.3)).done
        assert time.monotonic() - began > 0.29
        await machine.run(f"touch {machine.folder}/go")
        assert (await jobs.scheduler.wait(job, is_done, None)).exit_code == 0


async def test_unknown_jobs_and_queues(machine):
    async with machine.open() as jobs:
        assert await jobs.scheduler.queue_names() == ["single", "multi", "unlimited"]
        assert await jobs.scheduler.default_queue_name() == "single"
        assert await jobs.scheduler.default_runtime() == 0
        with pytest.raises(NoSuchJobException, match="nonsense"):
            await jobs.scheduler.job_state("nonsense")
        with pytest.raises(NoSuchQueueException, match="fast"):
            await jobs.scheduler.jobs(["fast"])
        assert [type(state.error) for state in await jobs.scheduler.queue_states(["multi", "fast"])] == [type(None), NoSuchQueueException]
        assert [type(state.error) for state in await jobs.scheduler.job_states(["nonsense"])] == [NoSuchJobException]


async def test_jobs_that_ended_stay_known_but_not_for_ever(local, monkeypatch):
    monkeypatch.setattr(job_table_module, "_MOST_REMEMBERED", 3)
    async with local.open() as jobs:
        ended = [(await jobs.end_of("true")).job for _ in range(5)]
        known = [state.state for state in await jobs.scheduler.job_states(ended)]
    assert known == ["UNKNOWN", "UNKNOWN", "DONE", "DONE", "DONE"]


@pytest.mark.parametrize(("where", "queue"), [("local", "multi"), pytest.param("ssh", "unlimited", marks=pytest.mark.xenon_docker)])
async def test_a_thousand_jobs_at_once_each_run_once_and_leave_nothing(request, where, queue):
    me, machine = psutil.Process(), request.getfixturevalue(where)
    dead = zombies()
    async with machine.open(maxConcurrentJobs="50") as jobs:
        await jobs.end_of("true")
        gc.collect()
        files, memory = descriptors(), me.memory_info().rss
        submitted = await asyncio.gather(*(jobs.sh(f"echo {n} >>log", queue_name=queue) for n in range(1000)))
        ends = await asyncio.gather(*(jobs.done(job, 100) for job in submitted))
        assert Counter(end.exit_code for end in ends) == {0: 1000}
        assert len(set(submitted)) == 1000
        gc.collect()
        assert not descriptors() - files
        assert me.memory_info().rss - memory < 50 << 20
        await asyncio.sleep(1.2)
        assert await machine.run(f"ls {records(jobs)}") == "boot\nevents\nkeeper\n"
    assert await machine.run(f"ls -d {records(jobs)} 2>&1 || true") == f"ls: cannot access '{records(jobs)}': No such file or directory\n"
    assert not zombies() - dead
    assert sorted(map(int, (await machine.text("log")).split())) == list(range(1000))


async def test_the_files_of_the_machine(machine):
    async with machine.open() as jobs:
        files = await jobs.scheduler.file_system()
        try:
            await jobs.end_of("sh", "-c", "echo hello", stdout="out")
            assert await files.start_directory() == machine.folder
            assert b"".join([piece async for piece in files.read(f"{machine.folder}/out")]) == b"hello\n"
        finally:
            await files.close()


# --- interactive jobs ---


async def test_a_conversation_goes_to_and_fro_item_by_item(machine):
    said: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def stdin() -> AsyncIterator[bytes]:
        while (item := await said.get()) is not None:
            yield item

    async with machine.open() as jobs:
        job, output = await jobs.scheduler.converse(JobDescription(executable="cat"), stdin())
        for number in range(50):
            said.put_nowait(f"{number}\n".encode())
            assert (await anext(output)).stdout == f"{number}\n".encode()
        assert (await jobs.scheduler.job_state(job)).running
        assert await jobs.scheduler.jobs(["unlimited"]) == [job]
        said.put_nowait(None)
        assert [piece async for piece in output] == []
        assert (await jobs.scheduler.job_state(job)).exit_code == 0
        assert await jobs.scheduler.jobs([]) == []


async def test_a_conversation_tells_both_outputs_and_the_end(machine):
    async with machine.open() as jobs:
        for script, code, signal in (("exit 5", 5, ""), ("kill -9 $$", None, "KILL"), ("exit 127", 127, "")):
            description = JobDescription(
                executable="sh", arguments=["-c", f"pwd; echo $A >&2; {script}"], environment={"A": "é"}, queue_name="single"
            )
            job, output = await jobs.scheduler.converse(description, nothing())
            pieces = [piece async for piece in output]
            assert b"".join(piece.stdout for piece in pieces) == f"{machine.folder}\n".encode()
            assert b"".join(piece.stderr for piece in pieces) == "é\n".encode()
            state = await jobs.scheduler.job_state(job)
            assert (state.state, state.exit_code, state.signal) == ("DONE", code, signal)


async def test_a_conversation_with_a_program_that_is_not_there(machine):
    async with machine.open() as jobs:
        job, output = await jobs.scheduler.converse(JobDescription(executable="no-such-program"), nothing())
        assert [piece async for piece in output] == []
        state = await jobs.scheduler.job_state(job)
        assert (state.state, state.exit_code) == ("ERROR", 127)
        assert isinstance(state.error, CommandNotFoundException)
        with pytest.raises(InvalidJobDescriptionException, match="stdout"):
            await jobs.scheduler.converse(JobDescription(executable="true", stdout="x"), nothing())


@pytest.mark.parametrize("end", ["cancel", "aclose", "close"])
async def test_the_tree_of_a_conversation_dies(machine, end):
    async with machine.open() as jobs:
        job, output = await jobs.scheduler.converse(JobDescription(executable="sh", arguments=["-c", TREE, "sh", ":"]), nothing())
        pids = await machine.lines("pids", IN_TREE)
        if end == "cancel":
            await jobs.scheduler.cancel(job)
            assert [piece async for piece in output] == []
        elif end == "aclose":
            await output.aclose()
        else:
            await jobs.scheduler.close()
        state = await jobs.scheduler.job_state(job)
        assert await machine.alive(pids) == []
    assert (state.state, state.signal) == ("KILLED", "TERM")


async def test_a_conversation_with_a_slow_reader_waits_for_it(machine):
    async with machine.open() as jobs:
        description = JobDescription(
            executable="sh", arguments=["-c", "i=0; while :; do head -c 65536 /dev/zero; i=$((i+1)); echo $i >count; done"]
        )
        _, output = await jobs.scheduler.converse(description, nothing())
        await anext(output)
        await asyncio.sleep(0.5)
        before = (await machine.text("count")).strip()
        await asyncio.sleep(0.5)
        assert (await machine.text("count")).strip() == before
        assert int(before) * 65536 < 8 << 20
        await output.aclose()


async def test_a_conversation_takes_any_amount_of_input(machine):
    async def stdin() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 65536

    async with machine.open() as jobs:
        _, output = await jobs.scheduler.converse(JobDescription(executable="wc", arguments=["-c"]), stdin())
        assert b"".join([piece.stdout async for piece in output]).split() == [b"%d" % (64 * 65536)]


async def test_a_conversation_whose_input_breaks_off_is_ended(machine):
    async def stdin() -> AsyncIterator[bytes]:
        yield b"x"
        raise OSError("gone")

    async with machine.open() as jobs:
        job, output = await jobs.scheduler.converse(JobDescription(executable="sleep", arguments=["60"]), stdin())
        assert [piece async for piece in output] == []
        assert (await jobs.scheduler.job_state(job)).state == "KILLED"


async def test_a_conversation_waits_for_its_turn_in_a_queue(local):
    async with local.open() as jobs:
        first = await jobs.submit("sleep", "60")
        waiting = asyncio.ensure_future(jobs.scheduler.converse(JobDescription(executable="true", queue_name="single"), nothing()))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await jobs.scheduler.cancel(first)
        job, output = await waiting
        assert [piece async for piece in output] == []
        assert (await jobs.scheduler.job_state(job)).exit_code == 0
        second = await jobs.submit("sleep", "60")
        waiting = asyncio.ensure_future(jobs.scheduler.converse(JobDescription(executable="true", queue_name="single"), nothing()))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await jobs.scheduler.jobs([]) == [second]


async def test_no_value_of_the_environment_is_among_the_arguments_of_a_process(machine):
    async with machine.open() as jobs:
        for number in range(5):
            job = await jobs.sh(f"echo >ready{number}; sleep 60", environment={"SECRET": "open-sesame"}, queue_name="unlimited")
            assert await machine.run("grep -la 'open-[s]esame' /proc/[0-9]*/cmdline || true") == ""
            await machine.lines(f"ready{number}", 1)
            await jobs.scheduler.cancel(job)


async def test_an_interactive_job_that_prints_what_nobody_reads_can_be_cancelled(machine):
    async with machine.open() as jobs:
        job, output = await jobs.scheduler.converse(JobDescription(executable="yes"), nothing())
        await anext(output)
        assert (await jobs.scheduler.cancel(job)).state == "KILLED"
        await output.aclose()


async def test_a_scheduler_can_be_closed_while_somebody_reads(machine):
    async with machine.open() as jobs:
        job, output = await jobs.scheduler.converse(JobDescription(executable="sleep", arguments=["60"]), nothing())
        reading = asyncio.ensure_future(anext(output, None))
        await asyncio.sleep(0.05)
        await jobs.scheduler.close()
        assert await reading is None
        assert (await jobs.scheduler.job_state(job)).state == "KILLED"
