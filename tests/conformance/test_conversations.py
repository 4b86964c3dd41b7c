"""Interactive jobs: conversations in lock-step, and how they end."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest

import xenon
from conformance.batch import shell
from conformance.expectations import refused
from conformance.grounds import Ground
from conformance.places import JOBS, Place
from pyxenon_core.messages import JobStatusErrorType as Kind
from xenon import JobDescription, JobStatus
from xenon.exceptions import NoSuchQueueException

pytestmark = [pytest.mark.timeout(60), JOBS]
LONG = 60_000
QUEUE = {"local": "unlimited", "ssh": "unlimited", "slurm": "main"}


class Lines(Iterator[bytes]):
    """Standard input from a queue that blocks, as programs written for pyxenon 3 feed it."""

    def __init__(self) -> None:
        self._lines: queue.Queue[bytes | None] = queue.Queue()

    def say(self, line: bytes | None) -> None:
        self._lines.put(line)

    def __next__(self) -> bytes:
        line = self._lines.get()
        if line is None:
            raise StopIteration
        return line


def talk(scheduler: xenon.Scheduler, adaptor: str, description: JobDescription, *lines: bytes) -> tuple[JobStatus, bytes, bytes]:
    """How the job has ended, and what it said on standard output and standard error."""
    description.queue_name = QUEUE[adaptor]
    job, responses = scheduler.submit_interactive_job(description, list(lines))
    said = list(responses)
    status = scheduler.wait_until_done(job, timeout=LONG)
    assert status.done and status.job == job
    return status, b"".join(one.stdout for one in said), b"".join(one.stderr for one in said)


def test_lock_step(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Talk with a job line by line, each answered before the next is given"""
    lines = Lines()
    description = shell('while read line; do echo "heard $line"; done; echo end', queue_name=QUEUE[adaptor])
    job, responses = scheduler.submit_interactive_job(description, lines)
    assert job.id
    heard = b""
    for number in range(3):
        lines.say(f"line {number}\n".encode())
        expected = heard + f"heard line {number}\n".encode()
        while heard != expected:
            heard += responses.next().stdout
            assert expected.startswith(heard), f"it said {heard!r}"
    assert scheduler.get_job_status(job).running
    lines.say(None)
    assert b"".join(one.stdout for one in responses) == b"end\n"
    status = scheduler.wait_until_done(job, timeout=LONG)
    assert status.done and status.exit_code == 0


def test_standard_error(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Keep output and standard error apart"""
    _, output, errors = talk(scheduler, adaptor, shell("echo out; echo err >&2"))
    assert (output, errors) == (b"out\n", b"err\n")


@pytest.mark.parametrize("code", [0, 5])
def test_exit_code(scheduler: xenon.Scheduler, adaptor: str, code: int) -> None:
    """Tell the exit code after a conversation"""
    status, _, _ = talk(scheduler, adaptor, shell(f"exit {code}"))
    assert status.exit_code == code, f"the exit code is told as {status.exit_code}"
    assert status.error_type == Kind.NONE, status.error_message


def test_no_input(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """End the input where there is none"""
    status, output, _ = talk(scheduler, adaptor, shell("cat; echo end"))
    assert output == b"end\n" and status.exit_code == 0


def test_large_conversation(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Send and receive a megabyte, byte for byte"""
    content = bytes(range(256)) * 4096
    pieces = [content[start : start + 50_000] for start in range(0, len(content), 50_000)]
    status, output, _ = talk(scheduler, adaptor, JobDescription(executable="cat"), *pieces)
    assert output == content, f"{len(output)} bytes came back"
    assert status.exit_code == 0


def test_description(scheduler: xenon.Scheduler, adaptor: str, folder: xenon.Path) -> None:
    """Heed arguments and the working directory in a conversation"""
    description = shell('pwd; printf "<%s>" "$@"', "a b", "it's", "$HOME", working_directory=str(folder))
    _, output, _ = talk(scheduler, adaptor, description)
    assert output.decode() == f"{folder}\n<a b><it's><$HOME>"


def test_environment(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Hand over the environment in a conversation"""
    _, output, _ = talk(scheduler, adaptor, shell('printf "<%s>" "$GREETING"', environment={"GREETING": "a 'b' $HOME"}))
    assert output == b"<a 'b' $HOME>", "the environment was lost"


def test_missing_program(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Tell that a conversation failed for want of a program"""
    status, output, _ = talk(scheduler, adaptor, JobDescription(executable="/nowhere/program"))
    assert not output
    assert status.exit_code != 0 or status.error_type not in (Kind.NONE, Kind.CANCELLED), "the job is told to have succeeded"


def test_unknown_queue(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Refuse a conversation in a queue that is unknown"""
    with refused(NoSuchQueueException, adaptor=adaptor):
        _, responses = scheduler.submit_interactive_job(JobDescription(executable="cat", queue_name="nonsense"), [])
        list(responses)


def test_closing_early(place: Place, scheduler: xenon.Scheduler, adaptor: str, ground: Ground, folder: xenon.Path) -> None:
    """End a job when its conversation is closed early"""
    lines = Lines()
    description = shell("echo $$ >pid; echo ready; exec sleep 300", working_directory=str(folder), queue_name=QUEUE[adaptor])
    job, responses = scheduler.submit_interactive_job(description, lines)
    assert responses.next().stdout == b"ready\n"
    responses.close()
    lines.say(None)
    dead = f"kill -0 $(cat '{folder}/pid') 2>/dev/null || exit 0; "
    script = f"for try in $(seq {place.tenths_to_end}); do {dead} sleep 0.1; done; kill -9 $(cat '{folder}/pid'); echo alive"
    answer = ground.run(script).decode().strip()
    assert answer != "alive", "the job lives on"
    assert scheduler.wait_until_done(job, timeout=LONG).done


def test_cancel(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """End a conversation when its job is cancelled"""
    lines = Lines()
    job, responses = scheduler.submit_interactive_job(shell("echo ready; exec sleep 300", queue_name=QUEUE[adaptor]), lines)
    assert responses.next().stdout == b"ready\n"
    status = scheduler.cancel_job(job)
    list(responses)  # the conversation would go on for longer than a test may take
    lines.say(None)
    if not status.done:
        status = scheduler.wait_until_done(job, timeout=LONG)
    assert status.done
    assert status.error_type == Kind.CANCELLED, f"the status tells of no cancellation: {status.error_type.name}"
