"""Torque's commands on Slurm, over OpenSSH."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from pyxenon_testing.servers.running import Servers
from pyxenon_testing.servers.server import Server
from pyxenon_testing.servers.ssh import SshServer

SECONDS_FOR_A_JOB = 60


def submit(client: Any, script: str, options: str = "") -> str:
    """The id of a job that runs *script*, which is put into a file, as the command asks for."""
    text: str = client.ssh(f"cat >script.$$ && qsub {options} script.$$", f"#!/bin/sh\n{script}\n".encode()).stdout.decode().strip()
    assert text.isdigit()
    return text


def facts_of(client: Any, job: str) -> dict[str, str]:
    """What ``qstat -f`` says of *job*."""
    lines = client.ssh(f"qstat -f {job}").stdout.decode().splitlines()
    assert lines[0] == f"Job Id:\t{job}"
    return {key.strip(): value.strip() for key, _, value in (line.partition(" = ") for line in lines[1:]) if value}


def wait_for_state(client: Any, job: str, state: str, seconds: float = SECONDS_FOR_A_JOB) -> dict[str, str]:
    """What ``qstat -f`` says of *job* once it is in *state*."""
    deadline = time.monotonic() + seconds
    while (facts := facts_of(client, job))["job_state"] != state:
        assert time.monotonic() < deadline, f"job {job} is {facts['job_state']} and not {state}"
        time.sleep(0.1)
    return facts


def test_there_are_two_queues_and_a_node(xenon_torque: SshServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_torque)
    lines = client.ssh("qstat -Q -f").stdout.decode().splitlines()
    assert [line for line in lines if line.startswith("Queue:")] == ["Queue:\tmain", "Queue:\tshort"]
    nodes = client.ssh("pbsnodes").stdout.decode().split()
    assert nodes[0] == "slurmhost"
    assert nodes[nodes.index("np") :][:3] == ["np", "=", "8"]


@pytest.mark.parametrize("exit_code", [0, 3])
def test_a_job_runs_and_its_output_is_there(xenon_torque: SshServer, openssh: Callable[..., Any], exit_code: int) -> None:
    client = openssh(xenon_torque)
    job = submit(client, f"echo a job says; echo aside >&2; exit {exit_code}", "-N says -o out -e err")
    assert wait_for_state(client, job, "C")["Job_Name"] == "says"
    assert client.ssh("cat out").stdout == b"a job says\n"
    assert client.ssh("cat err").stdout == b"aside\n"
    assert f"ExitCode={exit_code}:0" in client.ssh(f"scontrol -o show job {job}").stdout.decode()


def test_a_job_is_listed_while_it_runs_and_cancelled(xenon_torque: SshServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_torque)
    job = submit(client, "sleep 321", "-q short -N sleeper -o /dev/null -e /dev/null")
    assert wait_for_state(client, job, "R")["queue"] == "short"
    assert [job, "sleeper", "R", "short"] in [
        [words[0], words[1], words[4], words[5]] for words in map(str.split, client.ssh("qstat").stdout.decode().splitlines()[2:])
    ]
    client.ssh(f"qdel {job}")
    wait_for_state(client, job, "C")
    assert b"JobState=CANCELLED" in client.ssh(f"scontrol -o show job {job}").stdout


def test_a_job_that_there_is_not_cannot_be_cancelled(xenon_torque: SshServer, openssh: Callable[..., Any]) -> None:
    assert openssh(xenon_torque).ssh("qdel 999999", check=False).returncode != 0


@pytest.mark.parametrize("daemon", ["slurmctld", "slurmd"])
def test_after_a_restart_a_job_still_runs(servers: Servers, openssh: Callable[..., Any], daemon: str) -> None:
    server: Server = servers.get("torque")
    client = openssh(server)
    server.faults.restart_daemon(daemon)
    client.ssh("until qstat >/dev/null; do sleep 0.1; done")
    job = submit(client, "echo after the restart", "-o after")
    wait_for_state(client, job, "C", seconds=60)
    assert client.ssh("cat after").stdout == b"after the restart\n"
