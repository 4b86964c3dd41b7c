"""Slurm, as its own commands see it, on every release."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from pyxenon_testing.servers.options import SLURM_RELEASES
from pyxenon_testing.servers.slurm import SlurmServer

RELEASES = list(SLURM_RELEASES.values())
SECONDS_FOR_A_JOB = 60


@pytest.fixture(scope="session", params=RELEASES)
def slurm(request: pytest.FixtureRequest, xenon_container: Any) -> SlurmServer:
    server: SlurmServer = xenon_container("slurm", suite=request.param)
    return server


def wait_for_end(client: Any, job: str) -> str:
    """The state of *job* once it has ended, as squeue says."""
    deadline = time.monotonic() + SECONDS_FOR_A_JOB
    while (state := state_of(client, job)) in ("PENDING", "RUNNING", "COMPLETING"):
        assert time.monotonic() < deadline, f"job {job} is still {state}"
        time.sleep(0.1)
    return state


def state_of(client: Any, job: str) -> str:
    text: str = client.ssh(f"squeue -h -t all -j {job} -o %T").stdout.decode().strip()
    return text


@pytest.mark.parametrize("slurm", RELEASES, indirect=True)
def test_it_is_the_release_that_was_asked_for(slurm: SlurmServer, openssh: Callable[..., Any], request: pytest.FixtureRequest) -> None:
    release = next(release for release in RELEASES if release in request.node.name)
    assert openssh(slurm).ssh("sinfo --version").stdout.decode().split()[1].startswith(release)


def test_the_node_is_idle_and_has_two_queues(slurm: SlurmServer, openssh: Callable[..., Any]) -> None:
    lines = openssh(slurm).ssh("sinfo -h -o '%P %t %D'").stdout.decode().splitlines()
    in_use = ("idle", "mix", "alloc", "comp")  # other tests may have jobs there at the moment
    assert lines in [[f"main* {state} 1", f"short {state} 1"] for state in in_use]


@pytest.mark.parametrize(("script", "state", "exit_code"), [("true", "COMPLETED", "0:0"), ("exit 3", "FAILED", "3:0")])
def test_a_job_runs_and_says_how_it_ended(slurm: SlurmServer, openssh: Callable[..., Any], script: str, state: str, exit_code: str) -> None:
    client = openssh(slurm)
    job = client.ssh("sbatch --parsable", f"#!/bin/sh\necho a job says\n{script}\n".encode()).stdout.decode().strip()
    assert wait_for_end(client, job) == state
    assert f"ExitCode={exit_code}" in client.ssh(f"scontrol -o show job {job}").stdout.decode()
    assert client.ssh(f"cat slurm-{job}.out").stdout == b"a job says\n"


def test_a_running_job_is_cancelled(slurm: SlurmServer, openssh: Callable[..., Any]) -> None:
    client = openssh(slurm)
    job = client.ssh("sbatch --parsable --wrap 'sleep 300'").stdout.decode().strip()
    client.ssh(f"until squeue -h -j {job} -o %T | grep -q RUNNING; do sleep 0.1; done; scancel {job}")
    assert wait_for_end(client, job) == "CANCELLED"


def test_a_conversation_passes_both_ways(slurm: SlurmServer, openssh: Callable[..., Any]) -> None:
    assert openssh(slurm).ssh("srun --quiet tr a-z A-Z", b"quietly\n").stdout == b"QUIETLY\n"


@pytest.mark.parametrize("suite", RELEASES)
def test_jobs_run_side_by_side(suite: str, xenon_container: Any, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_container("slurm", suite=suite, copy="counted-{worker}"))
    client.ssh("for i in 1 2 3 4; do srun -n1 --quiet sleep 1 & done; sleep 0.5; squeue -h -t RUNNING | wc -l >running; wait")
    assert client.ssh("cat running").stdout == b"4\n"


@pytest.mark.xenon_slurm(configuration="MinJobAge=2\nPartitionName=extra Nodes=ALL\n")
def test_what_is_added_to_its_configuration_holds(xenon_slurm: SlurmServer, openssh: Callable[..., Any]) -> None:
    assert openssh(xenon_slurm).ssh("sinfo -h -p extra -o %P").stdout == b"extra\n"


def test_accounting_remembers_how_a_job_ended(xenon_slurm_accounting: SlurmServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_slurm_accounting)
    job = client.ssh("sbatch --parsable --comment 'a | comment' --wrap 'exit 4'").stdout.decode().strip()
    wait_for_end(client, job)
    assert accounted(client, job, "FAILED|4:0|a | comment|tests")


def accounted(client: Any, job: str, line: str, seconds: float = SECONDS_FOR_A_JOB) -> bool:
    """Whether accounting comes to say *line* of *job* within *seconds*."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if client.ssh(f"sacct -n -X -P -j {job} -o state,exitcode,comment,account").stdout.decode().strip() == line:
            return True
        time.sleep(0.2)
    return False
