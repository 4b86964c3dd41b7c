"""Every text that POSIX allows arrives byte for byte, in a batch job and in an interactive one, here and over SSH."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyxenon_core.errors import InvalidJobDescriptionException
from pyxenon_core.messages import JobDescription
from pyxenon_server.schedulers.common.description import check_description
from pyxenon_server.schedulers.processes.job_script import batch_script

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
AWKWARD = st.text(st.sampled_from(" \t\n\r\\'\"`$!*?[]{}()<>|&;#~^%=-+,.@\x01\x7f\x81\x88\xffaé"), max_size=20)
VALUES = TEXTS | AWKWARD
# A file's name holds no slash, is no more than 255 bytes long, and neither . nor ..
NAMES = VALUES.filter(lambda text: text not in ("", ".", "..") and "/" not in text and len(text.encode()) <= 255)
# PATH and what the loader and the C library obey would change what runs.
VARIABLES = (
    VALUES | st.sampled_from(["IFS", "PWD", "_", "UID", "PPID", "SHLVL", "OPTIND", "xk_file", "a.b", "-x", "é", "HOME", "ENV", "PS4"])
).filter(
    lambda name: (
        name not in ("", "PATH", "XENON_JOB") and "=" not in name and not name.startswith(("LD_", "MALLOC_", "GLIBC_", "LC_", "LANG"))
    )
)
DESCRIPTIONS = st.fixed_dictionaries(
    {
        "arguments": st.lists(VALUES, max_size=5),
        "environment": st.dictionaries(VARIABLES, VALUES, max_size=4),
        "working_directory": NAMES,
        "stdin": NAMES,
        "name": VALUES,
    }
)


def fuzzed(examples: int) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Callable[..., Coroutine[Any, Any, None]]]:
    """Make a coroutine of one example, its first argument, a test of many, one after another in the same event loop."""

    def decorate(check: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Coroutine[Any, Any, None]]:
        async def test(machine):
            async with machine.open() as jobs:
                loop = asyncio.get_running_loop()

                @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
                @given(DESCRIPTIONS)
                def all_examples(example: dict[str, Any]) -> None:
                    asyncio.run_coroutine_threadsafe(check(example, machine, jobs), loop).result(60)

                await asyncio.to_thread(all_examples)

        test.__name__ = check.__name__
        return test

    return decorate


async def nothing() -> AsyncIterator[bytes]:
    for item in ():
        yield item


async def said(jobs: Any, *words: str, **fields: Any) -> bytes:
    """What an interactive job prints that runs *words*."""
    job, output = await jobs.scheduler.converse(JobDescription(executable=words[0], arguments=list(words[1:]), **fields), nothing())
    pieces = [piece async for piece in output]
    state = await jobs.scheduler.job_state(job)
    assert state.exit_code == 0, (state, pieces)
    return b"".join(piece.stdout for piece in pieces)


def variables(text: bytes) -> dict[bytes, bytes]:
    return dict(entry.split(b"=", 1) for entry in text.split(b"\0") if entry)


@fuzzed(50)
async def test_an_interactive_job_gets_every_byte(example, machine, jobs):
    directory = example["working_directory"]
    await said(jobs, "mkdir", "-p", "--", directory)
    fields = {"environment": example["environment"], "working_directory": directory, "name": example["name"]}
    assert await said(jobs, "/usr/bin/printf", "%s\\0", *example["arguments"], **fields) == _printed(example["arguments"])
    told = variables(await said(jobs, "env", "-0", **fields))
    assert _encoded(example["environment"]).items() <= told.items()
    assert await said(jobs, "/bin/pwd", "-P", **fields) == f"{machine.folder}/{directory}\n".encode()


@fuzzed(50)
async def test_a_batch_job_gets_every_byte(example, machine, jobs):
    directory, file = example["working_directory"], example["stdin"]
    await said(jobs, "mkdir", "-p", "--", directory)
    fields = {"environment": example["environment"], "working_directory": directory, "name": example["name"], "stdout": file}
    for words, check in (
        (("/usr/bin/printf", "%s\\0", *example["arguments"]), lambda text: text == _printed(example["arguments"])),
        (("env", "-0"), lambda text: _encoded(example["environment"]).items() <= variables(text).items()),
        (("/bin/pwd", "-P"), lambda text: text == f"{machine.folder}/{directory}\n".encode()),
    ):
        state = await jobs.end_of(*words, **fields)
        assert state.exit_code == 0 and state.name == example["name"], state
        assert check(await said(jobs, "cat", f"./{file}", working_directory=directory)), words
    log = file[: len(file) // 2] + "e"
    state = await jobs.end_of("sh", "-c", "cat >&2", working_directory=directory, stdin=file, stderr=log)
    assert state.exit_code == 0, state
    assert await said(jobs, "cat", f"./{log}", working_directory=directory) == f"{machine.folder}/{directory}\n".encode()


@pytest.mark.parametrize("program", ["a=b", "-x", "a b", "é'\"$", "*"])
async def test_a_program_of_any_name_is_found_and_run(machine, program):
    folder = (await machine.run("mktemp -d")).strip()  # programs may not run in the home of the server in Docker
    await machine.run(f"cd {folder} && printf '#!/bin/sh\\necho \"$0|$1|$V\"' >./{shlex.quote(program)} && chmod +x ./*")
    for environment in ({"V": "v"}, {"V": "v", "odd.name": "w"}):
        search = {**environment, "PATH": f"{folder}:/usr/bin:/bin"}
        async with machine.open() as jobs:
            assert (await jobs.end_of(program, "-y", stdout="out", environment=search)).exit_code == 0
            assert await machine.text("out") == f"{folder}/{program}|-y|v\n"
            assert await said(jobs, program, "-y", environment=search) == f"{folder}/{program}|-y|v\n".encode()
            assert (await jobs.end_of(f"./{program}", "-y", working_directory=folder, stdout="out", environment=environment)).exit_code == 0
            assert await machine.run(f"cat {folder}/out") == f"./{program}|-y|v\n"
    await machine.run(f"rm -r {folder}")


async def test_long_arguments_and_many(machine):
    async with machine.open() as jobs:
        long, many = "x'\n" * 30_000, [str(number) for number in range(5_000)]
        assert (await jobs.end_of("/usr/bin/printf", "%s", long, stdout="long")).exit_code == 0
        assert (await jobs.end_of("/usr/bin/printf", "%s\\n", *many, stdout="many")).exit_code == 0
    assert await machine.text("long") == long
    assert (await machine.text("many")).split() == many


def test_no_value_can_end_the_script_early():
    description = JobDescription(
        executable="true", arguments=["'; echo broken; '"], environment={"A": "x\nxk_stop missing\n"}, stdout="$(out)"
    )
    script = batch_script("id", description, "/work dir")
    assert "cd -P -- '/work dir' || xk_stop directory" in script.splitlines()
    words = [word.rstrip(";") for word in shlex.split(script)]
    assert {"'; echo broken; '", "A=x\nxk_stop missing\n", ">$(out)"} <= set(words)


@given(TEXTS, st.sampled_from(["\0", "\ud800", "\udbff"]), TEXTS)
def test_what_no_program_can_get_is_refused_with_the_name_of_the_field(before, character, after):
    text = before + character + after
    for field, value in (("arguments", [text]), ("stdin", text), ("working_directory", text), ("environment", {"A": text})):
        with pytest.raises(InvalidJobDescriptionException, match=field):
            check_description("local", JobDescription(executable="true", **{field: value}))


def _printed(arguments: list[str]) -> bytes:
    return b"".join(argument.encode() + b"\0" for argument in arguments) or b"\0"


def _encoded(environment: dict[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): value.encode() for name, value in environment.items()}
