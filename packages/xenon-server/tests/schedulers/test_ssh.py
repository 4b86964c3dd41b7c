"""Jobs over SSH when the connection, the server or the client fails: what is known stays true, and nothing is lost or runs twice."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pyxenon_core.errors import ConnectionLostException, NotConnectedException
from pyxenon_core.messages import JobDescription, PropertyDescriptionType
from pyxenon_server.schedulers.processes.ssh import SshScheduler
from pyxenon_testing.errors import ContainerCommandError

CLIENT = """
import asyncio, sys
from pathlib import Path
from pyxenon_core.messages import CertificateCredential, JobDescription
from pyxenon_server.adaptors.base import OpenRequest
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.schedulers.processes.ssh import SshScheduler

async def main(location, user, key, home):
    SshScheduler.lease = 1
    properties = Properties.check("ssh", SshScheduler.properties, {"xenon.adaptors.schedulers.ssh.loadSshConfig": "false"})
    credential = CertificateCredential(username=user, certfile=key)
    scheduler = await SshScheduler.open(OpenRequest(location, credential, properties, Resources(Path(home))))
    tree = "echo $$ >>pids; (setsid sh -c 'echo $$ >>pids; exec sleep 300' &) ; sleep 300"
    await scheduler.submit(JobDescription(executable="sh", arguments=["-c", tree]))
    await asyncio.sleep(300)

asyncio.run(main(*sys.argv[1:]))
"""


async def drop(jobs: Any, server: Any) -> None:
    """Drop all connections, and see that the line to the keeper was one of them."""
    keeper = jobs.scheduler._job_table._keeper
    count = keeper.count
    with contextlib.suppress(ContainerCommandError):  # one that is made again at once looks like one that was not dropped
        await asyncio.to_thread(server.faults.drop_connections)
    while keeper.connected and keeper.count == count:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.01)


def test_the_description_tells_what_the_interface_knows():
    told = SshScheduler.describe()
    assert (told.name, told.supported_locations) == ("ssh", ["host[:port][/workdir][ via:otherhost[:port]]*"])
    assert told.supported_credentials == ["DefaultCredential", "CertificateCredential", "PasswordCredential", "CredentialMap"]
    prefix = "xenon.adaptors.schedulers.ssh"
    properties = {item.name.removeprefix(f"{prefix}."): (item.default_value, item.type.name) for item in told.supported_properties}
    assert properties.pop("knownHostsFile")[1] == "STRING"
    assert properties == {
        "strictHostKeyChecking": ("true", "BOOLEAN"),
        "loadKnownHosts": ("true", "BOOLEAN"),
        "loadSshConfig": ("true", "BOOLEAN"),
        "agent": ("false", "BOOLEAN"),
        "agentForwarding": ("false", "BOOLEAN"),
        "timeout": ("10000", "LONG"),
        "queue.pollingDelay": ("1000", "LONG"),
        "queue.multi.maxConcurrentJobs": ("4", "INTEGER"),
    }
    assert told.supported_properties[0].type is PropertyDescriptionType.BOOLEAN


async def test_jobs_go_on_while_the_connection_is_dropped_and_their_ends_are_known_after(ssh, xenon_ssh):
    async with ssh.open() as jobs:
        during = await jobs.sh("sleep 1; exit 42", queue_name="unlimited")
        after = await jobs.sh("sleep 3; exit 43", queue_name="unlimited")
        waiting = [await jobs.sh(f"echo {number} >>log; sleep 0.3") for number in range(8)]
        await asyncio.gather(jobs.begun(during), jobs.begun(after))
        await drop(jobs, xenon_ssh)
        assert not (await jobs.scheduler.job_state(during)).done
        assert [(await jobs.done(job)).exit_code for job in (during, after)] == [42, 43]
        assert [(await jobs.done(job)).exit_code for job in waiting] == [0] * 8
    assert (await ssh.text("log")).split() == [str(number) for number in range(8)]


async def test_jobs_submitted_while_connections_drop_run_exactly_once(ssh, xenon_ssh):
    async with ssh.open() as jobs:
        await jobs.end_of("true")
        submitted: dict[str, int] = {}

        async def submit() -> None:
            for number in range(120):
                try:
                    submitted[await jobs.sh(f"echo {number} >>log", queue_name="unlimited")] = number
                except NotConnectedException:
                    continue  # it says that nothing was submitted
                await asyncio.sleep(0.01)

        submitting = asyncio.ensure_future(submit())
        for _ in range(3):
            await asyncio.sleep(0.3)
            await drop(jobs, xenon_ssh)
        await submitting
        assert [(await jobs.done(job)).exit_code for job in submitted] == [0] * len(submitted)
    assert sorted(map(int, (await ssh.text("log")).split())) == sorted(submitted.values())


async def test_a_job_cancelled_while_the_connection_is_dropped_ends(ssh, xenon_ssh):
    async with ssh.open() as jobs:
        job = await jobs.sh("echo $$ >pids; sleep 60")
        pids = await ssh.lines("pids", 1)
        await drop(jobs, xenon_ssh)
        assert (await jobs.scheduler.cancel(job)).state == "KILLED"
        assert await ssh.alive(pids) == []


async def test_nothing_changes_while_the_server_is_frozen(ssh, xenon_ssh):
    async with ssh.open() as jobs:
        job = await jobs.sh("echo $$ >pids; sleep 2; exit 9")
        await ssh.lines("pids", 1)
        with xenon_ssh.faults.paused():
            await asyncio.sleep(3)
            assert (await jobs.scheduler.job_state(job)).running
        assert (await jobs.done(job)).exit_code == 9
        assert (await jobs.end_of("sh", "-c", "exit 8")).exit_code == 8


async def test_jobs_outlive_a_restart_of_the_server_of_ssh(ssh, xenon_ssh):
    async with ssh.open() as jobs:
        job = await jobs.sh("sleep 1; exit 11")
        await jobs.begun(job)
        await asyncio.to_thread(xenon_ssh.faults.restart_daemon)
        await drop(jobs, xenon_ssh)
        assert (await jobs.done(job)).exit_code == 11


async def test_the_end_of_a_job_is_learnt_from_a_server_that_was_away(ssh, xenon_ssh):
    async with ssh.open() as jobs:
        job = await jobs.sh("sleep 2; exit 12")
        await jobs.begun(job)
        with xenon_ssh.faults.stopped():
            await drop(jobs, xenon_ssh)
            await asyncio.sleep(2)
            state = await jobs.scheduler.job_state(job)
            assert state.running and "no news of the job since" in state.reason
            with pytest.raises(NotConnectedException):
                await jobs.submit("true")
        state = await jobs.done(job)
        assert (state.exit_code, state.reason) == (12, "")


async def test_everything_dies_after_the_lease_when_the_client_was_killed(ssh, xenon_ssh, tmp_path):
    location = f"{xenon_ssh.host}:{xenon_ssh.port}{ssh.folder}"
    arguments = (location, xenon_ssh.username, str(xenon_ssh.private_key), str(tmp_path / "home"))
    before = await ssh.run("ls /tmp")
    client = await asyncio.create_subprocess_exec(sys.executable, "-c", CLIENT, *arguments)
    try:
        pids = await ssh.lines("pids", 2)
        assert len(await ssh.alive(pids)) == 2
    finally:
        killed = time.monotonic()
        client.kill()
        await client.wait()
    while await ssh.alive(pids):  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.1)
    assert time.monotonic() - killed > 0.8
    while not set((await ssh.run("ls /tmp")).split()) <= set(before.split()):  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.1)


async def test_after_the_lease_nobody_claims_to_know(ssh, xenon_ssh, monkeypatch):
    monkeypatch.setattr(SshScheduler, "lease", 1)
    async with ssh.open() as jobs:
        job = await jobs.sh("echo $$ >pids; sleep 60")
        pids = await ssh.lines("pids", 1)
        with xenon_ssh.faults.stopped():
            await drop(jobs, xenon_ssh)
            await asyncio.sleep(2.5)
        with pytest.raises(ConnectionLostException, match="cannot wait for job"):
            await jobs.scheduler.wait(job, lambda state: state.done, 60)
        state = await jobs.scheduler.job_state(job)
        assert (state.state, state.done, state.exit_code) == ("UNKNOWN", False, None)
        assert isinstance(state.error, ConnectionLostException)
        assert await ssh.alive(pids) == []
        assert (await jobs.end_of("true")).exit_code == 0


async def test_a_conversation_whose_connection_is_dropped_says_so_and_its_tree_dies(ssh, xenon_ssh):
    async def nothing() -> AsyncIterator[bytes]:
        for item in ():
            yield item

    async with ssh.open() as jobs:
        tree = "echo $$ >>pids; (setsid sh -c 'echo $$ >>pids; exec sleep 300' &) ; echo ready; sleep 300"
        job, output = await jobs.scheduler.converse(JobDescription(executable="sh", arguments=["-c", tree]), nothing())
        assert (await anext(output)).stdout == b"ready\n"
        pids = await ssh.lines("pids", 2)
        await drop(jobs, xenon_ssh)
        with pytest.raises(ConnectionLostException):
            await anext(output)
        while await ssh.alive(pids):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.1)
        state = await jobs.done(job)
        assert (state.state, state.exit_code, state.signal) == ("KILLED", None, "")
