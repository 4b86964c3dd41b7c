"""The daemon of ``at``, as its own commands see it over OpenSSH."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from pyxenon_testing.servers.running import Servers
from pyxenon_testing.servers.server import Server
from pyxenon_testing.servers.ssh import SshServer


def submit(client: Any, script: str, when: str = "now", command: str = "at") -> str:
    """The id of a job that runs *script*."""
    said = client.ssh(f"{command} {when}", f"{script}\n".encode()).stderr.decode()
    found = re.search(r"^job (\d+) at ", said, re.MULTILINE)
    assert found, said
    return found[1]


def listed(client: Any) -> dict[str, str]:
    """The queue of each job that ``atq`` lists; ``=`` for those that run."""
    lines = client.ssh("atq").stdout.decode().splitlines()
    return {line.split()[0]: line.split()[6] for line in lines}


def wait_for(client: Any, condition: str) -> None:
    """Return once *condition* holds in the account's shell; at most fifty seconds."""
    client.ssh(f"for i in $(seq 500); do {condition} && exit; sleep 0.1; done; exit 1")


@pytest.mark.parametrize("command", ["at", "batch"])
def test_a_job_runs_in_the_folder_where_it_was_submitted(xenon_at: SshServer, openssh: Callable[..., Any], command: str) -> None:
    client = openssh(xenon_at)
    submit(client, f"{{ echo a job says; pwd; }} >{command}.new; mv {command}.new {command}.out", "now" if command == "at" else "", command)
    wait_for(client, f"[ -e {command}.out ]")
    assert client.ssh(f"cat {command}.out").stdout == b"a job says\n/home/xenon\n"


def test_a_job_is_listed_while_it_runs(xenon_at: SshServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_at)
    job = submit(client, "touch runs; while [ -e runs ]; do sleep 0.1; done")
    wait_for(client, "[ -e runs ]")
    assert listed(client)[job] == "="
    client.ssh("rm runs")
    wait_for(client, f"! atq | grep -q '^{job}\\b'")


def test_a_waiting_job_is_listed_shown_and_removed(xenon_at: SshServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_at)
    job = submit(client, "echo never >never", "-q k now + 1 hour")
    assert listed(client)[job] == "k"
    assert b"echo never >never" in client.ssh(f"at -c {job}").stdout
    client.ssh(f"atrm {job}")
    assert job not in listed(client)


def test_jobs_run_side_by_side(xenon_at: SshServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_at)
    for name in ("one", "other"):
        submit(client, f"touch {name}; until [ -e one ] && [ -e other ]; do sleep 0.1; done; touch {name}.met")
    wait_for(client, "[ -e one.met ] && [ -e other.met ]")


def test_jobs_that_follow_on_each_other_start_soon(xenon_at: SshServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_at)
    for number in range(5):
        submit(client, f"echo {number} >>soon")
    wait_for(client, "[ $(wc -l <soon) = 5 ]")


def test_a_restarted_daemon_runs_jobs(servers: Servers, openssh: Callable[..., Any]) -> None:
    server: Server = servers.get("at")
    client = openssh(server)
    waiting = submit(client, "true", "now + 1 hour")
    server.faults.restart_daemon("atd")
    assert waiting in listed(client)
    submit(client, "touch after")
    wait_for(client, "[ -e after ]")


def test_a_stopped_daemon_runs_the_job_when_it_is_back(servers: Servers, openssh: Callable[..., Any]) -> None:
    server: Server = servers.get("at")
    client = openssh(server)
    with server.faults.stopped("atd"):
        job = submit(client, "touch late")
        assert listed(client)[job] == "a"
        assert client.ssh("sleep 1; [ -e late ]", check=False).returncode == 1
    wait_for(client, "[ -e late ]")
