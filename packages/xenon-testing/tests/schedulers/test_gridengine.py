"""Grid Engine, as its own commands see it over OpenSSH."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from pyxenon_testing.servers.running import Servers
from pyxenon_testing.servers.server import Server
from pyxenon_testing.servers.ssh import SshServer

SECONDS_FOR_A_JOB = 60
# A node looks for a master that has gone away at growing intervals.
SECONDS_FOR_A_NODE_TO_RETURN = 45
OPTIONS = {"default": "", "short": "-q short", "parallel": "-pe smp 4"}


def submit(client: Any, script: str, options: str = "") -> str:
    """The id of a job that runs *script*."""
    text: str = client.ssh(f"qsub -terse {options}", f"#!/bin/sh\n{script}\n".encode()).stdout.decode().strip()
    assert text.isdigit()
    return text


def state_of(client: Any, job: str) -> str:
    """The state in which ``qstat`` lists *job*; empty when it does not."""
    lines = client.ssh("qstat").stdout.decode().splitlines()[2:]
    return next((line.split()[4] for line in lines if line.split()[0] == job), "")


def wait_for_state(client: Any, job: str, state: str, seconds: float = SECONDS_FOR_A_JOB) -> None:
    deadline = time.monotonic() + seconds
    while (current := state_of(client, job)) != state:
        assert time.monotonic() < deadline, f"job {job} is {current!r} and not {state!r}"
        time.sleep(0.1)


def accounted(client: Any, job: str) -> dict[str, str]:
    """What the accounting file says of *job*, which has ended."""
    deadline = time.monotonic() + SECONDS_FOR_A_JOB
    while (done := client.ssh(f"qacct -j {job}", check=False)).returncode:
        assert time.monotonic() < deadline, done.stderr.decode()
        time.sleep(0.1)
    pairs = (line.split(maxsplit=1) for line in done.stdout.decode().splitlines())
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}


def test_its_commands_are_found_without_a_login_shell(xenon_gridengine: SshServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_gridengine)
    assert client.ssh("qstat -help").stdout.startswith(b"SGE 8.1.9")
    assert client.ssh("echo $SGE_ROOT $SGE_CELL").stdout == b"/var/lib/gridengine default\n"
    assert client.ssh("qsub -help").stderr == b""


def test_the_node_serves_two_queues_and_two_parallel_environments(xenon_gridengine: SshServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_gridengine)
    assert client.ssh("qconf -sql").stdout.split() == [b"main", b"short"]
    assert client.ssh("qconf -spl").stdout.split() == [b"mpi", b"smp"]
    assert client.ssh("qselect").stdout.split() == [b"main@gridenginehost", b"short@gridenginehost"]
    assert b"alarm" not in client.ssh("qstat -f -explain a").stdout


@pytest.mark.parametrize("exit_code", [0, 3])
def test_a_job_runs_and_says_how_it_ended(xenon_gridengine: SshServer, openssh: Callable[..., Any], exit_code: int) -> None:
    client = openssh(xenon_gridengine)
    job = submit(client, f"echo a job says; echo aside >&2; exit {exit_code}", "-N says -cwd")
    assert accounted(client, job)["exit_status"] == str(exit_code)
    assert client.ssh(f"cat says.o{job}").stdout == b"a job says\n"
    assert client.ssh(f"cat says.e{job}").stdout == b"aside\n"


def test_a_job_is_listed_while_it_runs_and_cancelled(xenon_gridengine: SshServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_gridengine)
    job = submit(client, "sleep 321", "-N sleeper -j y -o /dev/null")
    wait_for_state(client, job, "r")
    assert b"sleeper" in client.ssh(f"qstat -j {job}").stdout
    assert b"sleep 321" in client.ssh("ps -C sleep -o args=").stdout
    client.ssh(f"qdel {job}")
    wait_for_state(client, job, "")
    assert accounted(client, job)["exit_status"].startswith("137")
    assert b"sleep 321" not in client.ssh("ps -C sleep -o args=", check=False).stdout


def test_a_job_goes_to_the_queue_that_it_asks_for(xenon_gridengine: SshServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_gridengine)
    jobs = {name: submit(client, "echo $QUEUE $NSLOTS", f"{options} -j y -o {name}") for name, options in OPTIONS.items()}
    for job in jobs.values():
        accounted(client, job)
    assert client.ssh("cat default short parallel").stdout.decode().splitlines() == ["main 1", "short 1", "main 4"]


def test_jobs_run_side_by_side(xenon_gridengine: SshServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_gridengine)
    jobs = [submit(client, "sleep 300", "-j y -o /dev/null") for _ in range(6)]
    try:
        for job in jobs:
            wait_for_state(client, job, "r")
    finally:
        client.ssh(f"qdel {' '.join(jobs)}")
    for job in jobs:
        wait_for_state(client, job, "")


def test_an_interactive_job_talks_back(xenon_gridengine: SshServer, openssh: Callable[..., Any]) -> None:
    assert openssh(xenon_gridengine).ssh("qrsh -now y hostname").stdout.decode().split() == ["gridenginehost"]


def test_a_restarted_master_remembers_its_jobs_and_runs_more(servers: Servers, openssh: Callable[..., Any]) -> None:
    server: Server = servers.get("gridengine")
    client = openssh(server)
    before = submit(client, "sleep 300", "-j y -o /dev/null")
    wait_for_state(client, before, "r")
    server.faults.restart_daemon("sge_qmaster")
    client.ssh("until qstat; do sleep 0.1; done")
    assert state_of(client, before) == "r"
    after = submit(client, "echo after the restart", "-j y -o after")
    assert int(after) > int(before)
    wait_for_state(client, after, "", SECONDS_FOR_A_NODE_TO_RETURN)
    assert client.ssh("cat after").stdout == b"after the restart\n"
    client.ssh(f"qdel {before}")
    wait_for_state(client, before, "")


def test_a_restarted_node_runs_jobs_again(servers: Servers, openssh: Callable[..., Any]) -> None:
    server: Server = servers.get("gridengine")
    client = openssh(server)
    server.faults.restart_daemon("sge_execd")
    # A job that reaches the node while it starts may hang in its transfer, as Grid Engine has it; later ones run.
    deadline = time.monotonic() + 2 * SECONDS_FOR_A_NODE_TO_RETURN
    while client.ssh("cat after", check=False).stdout != b"after the restart\n":
        assert time.monotonic() < deadline, client.ssh("qstat -f").stdout.decode()
        submit(client, "echo after the restart", "-j y -o after")
        time.sleep(5)


def test_without_its_master_no_job_is_accepted(servers: Servers, openssh: Callable[..., Any]) -> None:
    server: Server = servers.get("gridengine")
    client = openssh(server)
    with server.faults.stopped("sge_qmaster"):
        done = client.ssh("qsub -b y true", check=False)
        assert done.returncode != 0
        assert b"unable to send message to qmaster" in done.stderr
    client.ssh("until qsub -b y -j y -o /dev/null true; do sleep 0.1; done")
