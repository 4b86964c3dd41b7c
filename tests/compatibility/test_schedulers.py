"""Jobs, adaptor by adaptor, on the released server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import attrs
import pytest

import xenon
from xenon import JobDescription, JobStatus
from xenon.exceptions import XenonException

ADAPTORS = ("ssh", "slurm", "gridengine", "at", "torque")
pytestmark = [pytest.mark.xenon_docker, pytest.mark.parametrize("adaptor", ADAPTORS)]
SHELL = "/bin/sh"


@pytest.fixture
def scheduler(server: Any) -> Iterator[xenon.Scheduler]:
    """A scheduler of the adaptor."""
    with server.scheduler() as opened:
        yield opened


@pytest.fixture
def folder(server: Any) -> str:
    """A new directory in the account's home."""
    path: str = server.run(f"mkdir test-{uuid4().hex[:12]} && cd $_ && pwd").strip()
    return path


def shell(script: str, *arguments: str, **settings: Any) -> JobDescription:
    """A job that runs *script* in a shell."""
    return JobDescription(executable=SHELL, arguments=["-c", script, "job", *arguments], **settings)


def finish(scheduler: xenon.Scheduler, description: JobDescription) -> JobStatus:
    """The status of the job once it is done."""
    status = scheduler.wait_until_done(scheduler.submit_batch_job(description), timeout=60_000)
    assert status.done, f"the job is still {status.state}"
    return status


def text(server: Any, path: str) -> str:
    """What is in a file of the account, by an ssh client that is not Xenon's."""
    content: str = server.run(f"cat '{path}'")
    return content


def test_creation(scheduler: xenon.Scheduler) -> None:
    """Create a scheduler"""
    assert scheduler.is_open()


def test_wrong_key(scheduler: xenon.Scheduler, server: Any, tmp_path: Any) -> None:
    """Refuse a key that may not log in"""
    import asyncssh

    key = tmp_path / "key"
    key.write_bytes(asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_private_key("pkcs1-pem"))
    with pytest.raises(XenonException):
        attrs.evolve(server, private_key=key).scheduler()


def test_batch_job(scheduler: xenon.Scheduler, server: Any, folder: str) -> None:
    """Run a job, with its output in a file"""
    status = finish(scheduler, shell("echo done", stdout=f"{folder}/out", working_directory=folder))
    assert status.exit_code == 0
    assert not status.error_message
    assert text(server, f"{folder}/out") == "done\n"


def test_relative_output(scheduler: xenon.Scheduler, server: Any, folder: str) -> None:
    """Output by a name within the working directory"""
    finish(scheduler, shell("pwd", stdout="out", working_directory=folder))
    assert text(server, f"{folder}/out") == f"{folder}\n"


def test_exit_code(scheduler: xenon.Scheduler) -> None:
    """Learn the exit code of a job that fails"""
    status = finish(scheduler, shell("exit 3"))
    assert status.exit_code == 3, f"the exit code is told as {status.exit_code}"


def test_standard_error(scheduler: xenon.Scheduler, server: Any, folder: str) -> None:
    """Standard error in a file of its own"""
    finish(scheduler, shell("echo one; echo two >&2", stdout=f"{folder}/out", stderr=f"{folder}/err", working_directory=folder))
    assert (text(server, f"{folder}/out"), text(server, f"{folder}/err")) == ("one\n", "two\n")


def test_standard_input(scheduler: xenon.Scheduler, server: Any, folder: str) -> None:
    """Standard input from a file"""
    server.run(f"echo fed >{folder}/in")
    finish(scheduler, shell("cat", stdin=f"{folder}/in", stdout=f"{folder}/out", working_directory=folder))
    assert text(server, f"{folder}/out") == "fed\n"


def test_environment(scheduler: xenon.Scheduler, server: Any, folder: str) -> None:
    """The environment arrives"""
    description = shell("echo $GREETING", environment={"GREETING": "hello"}, stdout=f"{folder}/out", working_directory=folder)
    finish(scheduler, description)
    assert text(server, f"{folder}/out") == "hello\n", "the environment was lost"


def test_arguments(scheduler: xenon.Scheduler, server: Any, folder: str) -> None:
    """Arguments with spaces, quotes and dollar signs arrive as they are"""
    arguments = ["a b", "it's", '"quoted"', "$HOME", "`id`", "*", "\\"]
    finish(scheduler, shell('printf "<%s>" "$@"', *arguments, stdout=f"{folder}/out", working_directory=folder))
    assert text(server, f"{folder}/out") == "".join(f"<{argument}>" for argument in arguments), "the arguments were changed"


def test_empty_argument(scheduler: xenon.Scheduler, server: Any, folder: str) -> None:
    """An argument that is empty arrives as one"""
    finish(scheduler, shell('printf "<%s>" "$@"', "", "b", stdout=f"{folder}/out", working_directory=folder))
    assert text(server, f"{folder}/out") == "<><b>", "the arguments were changed"


def test_queues(scheduler: xenon.Scheduler) -> None:
    """Name the queues"""
    assert scheduler.get_queue_names()


def test_default_queue(scheduler: xenon.Scheduler) -> None:
    """Name the default queue"""
    assert scheduler.get_default_queue_name() in scheduler.get_queue_names()


def test_queue_status(scheduler: xenon.Scheduler) -> None:
    """Ask for the status of the queues"""
    assert len(scheduler.get_queue_statuses()) == len(scheduler.get_queue_names())


def test_running_job(scheduler: xenon.Scheduler) -> None:
    """See a job run, and list it"""
    job = scheduler.submit_batch_job(shell("sleep 60"))
    try:
        assert scheduler.wait_until_running(job, timeout=30_000).running
        assert job.id in {found.id for found in scheduler.get_jobs()}
    finally:
        with contextlib.suppress(XenonException):  # whether that works is another test
            scheduler.cancel_job(job)


def test_cancel(scheduler: xenon.Scheduler) -> None:
    """Cancel a job, and learn that it was cancelled"""
    job = scheduler.submit_batch_job(shell("sleep 300"))
    scheduler.wait_until_running(job, timeout=30_000)
    status = scheduler.cancel_job(job)
    if not status.done:
        status = scheduler.wait_until_done(job, timeout=30_000)
    assert status.done
    assert status.error_type == JobStatus.ErrorType.CANCELLED, f"the status tells of no cancellation: {status.error_type.name}"


def test_cancelled_process(scheduler: xenon.Scheduler, server: Any) -> None:
    """Cancelling a job ends its process"""
    seconds = 300_000 + uuid4().int % 100_000  # tells its process from others
    alive = f"pgrep -fx '/bin/sleep {seconds}'"
    job = scheduler.submit_batch_job(JobDescription(executable="/bin/sleep", arguments=[str(seconds)]))
    scheduler.wait_until_running(job, timeout=30_000)
    server.run(f"for try in $(seq 100); do {alive} && exit; sleep 0.1; done; exit 1")
    status = scheduler.cancel_job(job)
    if not status.done:
        scheduler.wait_until_done(job, timeout=30_000)
    left = server.run(f"for try in $(seq 30); do {alive} >/dev/null || exit 0; sleep 0.1; done; {alive}").split()
    server.run(f"kill {' '.join(left)}" if left else "true")
    assert not left, "the process lives on"


def test_conversation(scheduler: xenon.Scheduler) -> None:
    """Talk with an interactive job"""
    job, responses = scheduler.submit_interactive_job(JobDescription(executable="/bin/cat"), stdin_stream=[b"hello\n", b"bye\n"])
    assert b"".join(response.stdout for response in responses) == b"hello\nbye\n"
    assert job.id


def test_several_jobs(scheduler: xenon.Scheduler) -> None:
    """Run several jobs, and learn how each ended"""
    jobs = [scheduler.submit_batch_job(shell(f"exit {code}")) for code in range(3)]
    assert [scheduler.wait_until_done(job, timeout=60_000).exit_code for job in jobs] == [0, 1, 2], "an exit code is told wrong"
