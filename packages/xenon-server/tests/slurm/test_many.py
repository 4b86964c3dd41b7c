"""Many jobs at once, few commands; and any text that POSIX allows, byte for byte through Slurm."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pyxenon_core.messages import JobDescription
from pyxenon_server.schedulers.slurm import SlurmScheduler

NASTY = [
    "",
    " ",
    "'",
    '"',
    "\\",
    "$HOME",
    "`x`",
    "a\nb",
    "\r\n",
    "-n",
    "--",
    "*",
    "~",
    "é\u2028😀",
    "#SBATCH --hold",
    "%j",
    "a|b",
    "\x7f\x01",
]
texts = st.one_of(st.sampled_from(NASTY), st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12))
parts = texts.map(lambda text: text.replace("/", "_"))
names = st.one_of(st.sampled_from(["", "a b", "na|me", "^^^", "-x", "%j", "it's", "\\", "$x", "é😀", "#SBATCH -H"]), parts)


@pytest.mark.timeout(200)
async def test_two_hundred_jobs_at_once(quiet_cluster: Any) -> None:
    """Each has an exit code of its own. Those who wait share one query a second."""
    cluster = quiet_cluster
    async with cluster.open(SlurmScheduler, delay=1000) as jobs:

        async def one(number: int) -> tuple[str, int | None]:
            job = await jobs.sh(f"exit {number}")
            return job, (await jobs.done(job, 100)).exit_code

        before = await cluster.counts()
        begin = time.monotonic()
        ended = await asyncio.gather(*(one(number) for number in range(200)))
        seconds = time.monotonic() - begin
        after = await cluster.counts()
    assert [code for _, code in ended] == list(range(200))
    assert len({job for job, _ in ended}) == 200
    commands = [text for text in jobs.shell.ran if "sbatch --parsable" in text]
    assert len(commands) <= 4
    assert after["REQUEST_SUBMIT_BATCH_JOB"] - before.get("REQUEST_SUBMIT_BATCH_JOB", 0) == 200
    queries = sum(after.get(name, 0) - before.get(name, 0) for name in after if name.startswith("REQUEST_JOB_") and "INFO" in name)
    assert queries <= seconds + 1, (queries, seconds)


@pytest.mark.timeout(200)
def test_any_text_reaches_the_program(cluster: Any) -> None:
    """Arguments, environment, directories, files and names of several jobs at once, in a few examples."""
    fields = st.fixed_dictionaries(
        {"arguments": st.lists(texts, max_size=6), "value": texts, "directory": parts, "file": parts, "name": names}
    )

    @settings(deadline=None, max_examples=4, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(fields, min_size=12, max_size=16))
    def check(many: list[dict[str, Any]]) -> None:
        asyncio.run(reach(cluster, many))

    check()


async def reach(cluster: Any, many: list[dict[str, Any]]) -> None:
    script = 'cat; printf "%s\\0" "$@" "$VALUE"; pwd >&2'
    async with cluster.open() as jobs:
        files = await jobs.scheduler.file_system()
        try:
            folder = f"{cluster.folder}/{time.monotonic_ns()}"
            await files.create_directory(folder)

            async def one(number: int, it: dict[str, Any]) -> None:
                directory = f"{folder}/d{number}{it['directory']}"
                await files.create_directory(directory)
                stdin, stdout, stderr = (f"{kind}{it['file']}" for kind in "ioe")

                async def typed() -> Any:
                    yield b"typed"

                await files.write(f"{directory}/{stdin}", typed())
                description = JobDescription(
                    "sh",
                    ["-c", script, "sh", *it["arguments"]],
                    environment={"VALUE": it["value"]},
                    working_directory=directory,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    name=it["name"],
                )
                job = await jobs.scheduler.submit(description)
                state = await jobs.done(job, 60)
                assert (state.exit_code, state.name) == (0, it["name"] or "sbatch"), (state, it)
                said = b"".join([piece async for piece in files.read(f"{directory}/{stdout}")])
                expected = b"".join(text.encode() + b"\0" for text in (*it["arguments"], it["value"]))
                assert said == b"typed" + expected, it
                assert b"".join([piece async for piece in files.read(f"{directory}/{stderr}")]) == directory.encode() + b"\n"

            await asyncio.gather(*(one(number, it) for number, it in enumerate(many)))
        finally:
            await files.close()
