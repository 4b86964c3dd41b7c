"""Each fault does what it says, seen by a client that is not ours; and it goes away again."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyxenon_testing import ServerFactory
from pyxenon_testing.errors import ContainerCommandError, EngineError
from pyxenon_testing.servers.kinds import KINDS
from pyxenon_testing.servers.running import Servers
from pyxenon_testing.servers.slurm import SlurmServer
from pyxenon_testing.servers.ssh import SshServer


@pytest.fixture(scope="module")
def xenon_ssh(xenon_container: ServerFactory) -> SshServer:
    """Start a server that no other worker uses, since it is broken here."""
    return xenon_container("ssh", copy="broken-{worker}")


@pytest.fixture(scope="module")
def xenon_slurm(xenon_container: ServerFactory) -> SlurmServer:
    """Start a server that no other worker uses, since it is broken here."""
    return xenon_container("slurm", copy="broken-{worker}")


@pytest.fixture(scope="module")
def xenon_slurm_accounting(xenon_container: ServerFactory) -> SlurmServer:
    """Start a server that no other worker uses, since it is broken here."""
    return xenon_container("slurm-accounting", copy="broken-{worker}")


def answers(server: SshServer, seconds: float = 1.0) -> bool:
    """Whether sshd greets whoever connects."""
    try:
        with socket.create_connection((server.host, server.port), seconds) as connection:
            connection.settimeout(seconds)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


@pytest.fixture
def conversation(xenon_ssh: SshServer, openssh: Callable[..., Any]) -> Iterator[subprocess.Popen[bytes]]:
    """An ssh client that is connected, to a program that echoes."""
    command = ["ssh", "-F", str(openssh(xenon_ssh).config), "host", "cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0) as client:
        assert echo(client, b"hello\n") == b"hello\n"
        yield client
        client.kill()


def echo(client: subprocess.Popen[bytes], text: bytes) -> bytes:
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(text)
    return client.stdout.readline()


def test_a_paused_server_answers_nobody_and_then_goes_on(xenon_ssh: SshServer, conversation: subprocess.Popen[bytes]) -> None:
    with xenon_ssh.faults.paused():
        assert not answers(xenon_ssh)
        assert conversation.poll() is None
    assert answers(xenon_ssh, seconds=60)
    assert echo(conversation, b"still here\n") == b"still here\n"


def test_dropped_connections_end_and_new_ones_are_served(xenon_ssh: SshServer, conversation: subprocess.Popen[bytes]) -> None:
    xenon_ssh.faults.drop_connections()
    assert conversation.wait(timeout=60) == 255
    assert answers(xenon_ssh)


def test_a_stopped_daemon_refuses_and_a_started_one_serves(xenon_ssh: SshServer) -> None:
    with xenon_ssh.faults.stopped():
        assert not answers(xenon_ssh)
    assert eventually(lambda: answers(xenon_ssh))


def test_a_restarted_daemon_is_another_process(xenon_ssh: SshServer) -> None:
    before = xenon_ssh.container.execute(["cat", "/run/xenon/sshd.pid"])
    xenon_ssh.faults.restart_daemon()
    assert xenon_ssh.container.execute(["cat", "/run/xenon/sshd.pid"]) != before
    assert eventually(lambda: answers(xenon_ssh))
    assert xenon_ssh.run("echo up") == "up\n"


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"gridengine"}))
def test_a_server_whose_daemon_was_restarted_serves_at_once(xenon_container: Any, kind: str) -> None:
    server = xenon_container(kind, copy="broken-{worker}")
    with server.faults.stopped():
        assert KINDS[kind].probe(server)
    assert KINDS[kind].probe(server) == ""


def test_undoing_does_not_hide_what_went_wrong(servers: Servers) -> None:
    server = servers.get("ssh")
    with pytest.raises(ZeroDivisionError), server.faults.paused():
        server.faults.resume()
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), server.faults.full_disk(), server.faults.latency(10), server.faults.paused():
        server.container.remove()
        raise ZeroDivisionError


def test_latency_leaves_the_connections_that_there_are(xenon_ssh: SshServer, conversation: subprocess.Popen[bytes]) -> None:
    with xenon_ssh.faults.latency(100):
        assert echo(conversation, b"during\n") == b"during\n"
    assert echo(conversation, b"after\n") == b"after\n"


def test_latency_upon_latency_is_refused_and_the_first_stays(xenon_ssh: SshServer) -> None:
    with xenon_ssh.faults.latency(300):
        with pytest.raises(ContainerCommandError, match="there is latency already"):
            xenon_ssh.faults.add_latency(10)
        begun = time.monotonic()
        assert answers(xenon_ssh, seconds=60)
        assert time.monotonic() - begun >= 0.3


def test_what_the_engine_cannot_do_is_told_in_words(servers: Servers) -> None:
    server = servers.get("ssh")
    with server.faults.paused(), pytest.raises(EngineError, match="the Docker engine could not run daemon restart sshd in the container"):
        server.faults.restart_daemon()


def test_a_daemon_that_there_is_not_is_an_error(xenon_ssh: SshServer) -> None:
    with pytest.raises(ContainerCommandError, match="there is no daemon nonsense"):
        xenon_ssh.faults.restart_daemon("nonsense")


def test_a_full_disk_takes_nothing_more_until_it_is_freed(xenon_ssh: SshServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_ssh)
    with xenon_ssh.faults.full_disk():
        done = client.ssh("head -c 100000 /dev/zero >more", check=False)
        assert done.returncode != 0
        assert b"No space left on device" in done.stderr
    client.ssh("head -c 100000 /dev/zero >more && rm more")


def test_latency_is_felt_and_taken_back(xenon_ssh: SshServer) -> None:
    def seconds_for_a_greeting() -> float:
        begun = time.monotonic()
        assert answers(xenon_ssh, seconds=60)
        return time.monotonic() - begun

    with xenon_ssh.faults.latency(400, jitter=20):
        assert seconds_for_a_greeting() >= 0.38
    assert eventually(lambda: seconds_for_a_greeting() < 0.38)


def test_a_large_file_passes_a_slow_line_whole(xenon_ssh: SshServer, openssh: Callable[..., Any]) -> None:
    content = bytes(range(256)) * 65536
    with xenon_ssh.faults.latency(20):
        assert openssh(xenon_ssh).ssh("cat", content).stdout == content


def test_without_its_controller_slurm_answers_nothing_and_forgets_nothing(xenon_slurm: SlurmServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_slurm)
    job = client.ssh("sbatch --parsable --wrap 'sleep 2; exit 5'").stdout.decode().strip()
    with xenon_slurm.faults.controller_stopped():
        assert b"Unable to contact slurm controller" in client.ssh("squeue", check=False).stderr
    assert eventually(lambda: b"ExitCode=5:0" in client.ssh(f"scontrol -o show job {job}", check=False).stdout)


def test_accounting_lags_behind_and_catches_up(xenon_slurm_accounting: SlurmServer, openssh: Callable[..., Any]) -> None:
    client = openssh(xenon_slurm_accounting)
    with xenon_slurm_accounting.faults.accounting_lagging():
        job = client.ssh("sbatch --parsable --wrap 'exit 6'").stdout.decode().strip()
        assert eventually(lambda: client.ssh(f"squeue -h -t all -j {job} -o %T").stdout == b"FAILED\n")
        time.sleep(2)
        assert client.ssh(f"sacct -n -X -P -j {job} -o state").stdout.strip() in (b"", b"PENDING", b"RUNNING")
    assert eventually(lambda: client.ssh(f"sacct -n -X -P -j {job} -o state,exitcode").stdout == b"FAILED|6:0\n")


def test_there_is_no_accounting_to_hold_back_without_it(xenon_slurm: SlurmServer) -> None:
    with pytest.raises(ContainerCommandError, match="no slurmdbd"):
        xenon_slurm.faults.hold_accounting_back()


def eventually(holds: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.1)
    return False
