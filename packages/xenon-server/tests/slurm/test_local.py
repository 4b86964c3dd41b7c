"""Slurm on this machine: the location ``local://``, with commands that stand in for Slurm's."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from pyxenon_core.errors import CommandNotFoundException, InvalidLocationException, NotConnectedException
from pyxenon_core.messages import DefaultCredential, JobDescription
from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.job_state import is_done
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.schedulers.slurm import SlurmScheduler

COMMANDS = {
    "scontrol": "echo 'ClusterName = here'",
    "sinfo": "echo 'all*|all|30:00|1:00:00'",
    # It says how it was called, keeps what came, and runs it.
    "sbatch": """printf '%s\\n' "$@" >"$KEPT/options"; env >"$KEPT/environment"; cat >"$KEPT/script"
        sh "$KEPT/script" >"$KEPT/said" 2>&1; echo $? >"$KEPT/status"; echo 17""",
    "squeue": """end=$(printf %s "$*" | sed -n 's/.*,Comment:\\(x[0-9a-f]*c\\).*/\\1/p')
        name=$(printf %s "$*" | sed -n 's/.*,Name:\\(x[0-9a-f]*n\\).*/\\1/p')
        printf '17|17|N/A|FAILED|%s:0|%s|all|%s|6|7|0|here|None|job%s(null)%s\\n' \
            "$(cat "$KEPT/status")" "$(id -u)" "$(date +%s)" "$name" "$end" """,
}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands keep what they were given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in COMMANDS.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("KEPT", str(tmp_path))
    return tmp_path


async def opened(location: str, tmp_path: Path, **given: str) -> SlurmScheduler:
    prefix = "xenon.adaptors.schedulers."
    values = {f"{prefix}{name}": value for name, value in {"slurm.poll.delay": "10", **given}.items()}
    properties = Properties.check("slurm", SlurmScheduler.properties, values)
    return await SlurmScheduler.open(OpenRequest(location, DefaultCredential(), properties, Resources(tmp_path)))


async def test_a_job_on_this_machine(kept: Path) -> None:
    scheduler = await opened(f"local://{kept}", kept)
    try:
        assert (list(await scheduler.queue_names()), await scheduler.default_queue_name(), await scheduler.default_runtime()) == (
            ["all"],
            "all",
            30,
        )
        job = await scheduler.submit(JobDescription("sh", ["-c", "echo $A; exit 3"], environment={"A": "it's"}, name="job"))
        assert job == "17"
        state = await scheduler.wait(job, is_done, 60)
        assert (state.exit_code, state.name) == (3, "job")
        assert (kept / "said").read_text() == "it's\n"
        assert f"--chdir={kept}" in (kept / "options").read_text().splitlines()
        files = await scheduler.file_system()
        assert await files.start_directory() == str(kept)
        await files.close()
    finally:
        await scheduler.close()


async def test_within_a_job_of_slurm_another_one_is_a_job_of_its_own(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_JOB_ID": "5", "SLURM_NTASKS": "4", "SLURM_CONF": "/etc/there", "SQUEUE_FORMAT": "%i"}.items():
        monkeypatch.setenv(name, value)
    scheduler = await opened("local://", kept)
    try:
        await scheduler.submit(JobDescription("true"))
    finally:
        await scheduler.close()
    names = {line.partition("=")[0] for line in (kept / "environment").read_text().splitlines()}
    assert {"SLURM_CONF", "SQUEUE_FORMAT"} <= names
    assert not {"SLURM_JOB_ID", "SLURM_NTASKS", "SLURM_TIME_FORMAT", "LC_ALL"} & names - set(os.environ)


async def test_where_there_is_no_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandNotFoundException, match="commands of Slurm were not found on this machine"):
        await opened("local://", tmp_path)


@pytest.mark.parametrize("location", ["somewhere", "http://x", "ssh://", "local://relative"])
async def test_locations_that_are_none(location: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidLocationException):
        await opened(location, tmp_path)


async def test_a_controller_that_is_away(kept: Path) -> None:
    (kept / "bin" / "scontrol").write_text("#!/bin/sh\necho 'slurm_load_ctl_conf error: Unable to contact slurm controller' >&2; exit 1\n")
    with pytest.raises(NotConnectedException, match="this machine does not answer: Unable to contact slurm controller") as caught:
        await opened("local://", kept)
    assert "sinfo" in caught.value.hint


def test_description() -> None:
    described: Any = SlurmScheduler.describe()
    assert (described.name, described.supports_interactive, described.supports_batch, described.is_embedded) == ("slurm", True, True, False)
    names = [item.name.removeprefix("xenon.adaptors.schedulers.") for item in described.supported_properties]
    assert {
        "slurm.disable.accounting.usage",
        "slurm.poll.delay",
        "ssh.agent",
        "ssh.queue.pollingDelay",
        "local.queue.multi.maxConcurrentJobs",
    } <= set(names)
    assert len(names) == len(set(names))


async def test_concurrent_submissions_share_a_command(kept: Path) -> None:
    scheduler = await opened("local://", kept)
    try:
        assert await asyncio.gather(*(scheduler.submit(JobDescription("true")) for _ in range(5))) == ["17"] * 5
    finally:
        await scheduler.close()
