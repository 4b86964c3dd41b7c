"""Jobs, the way programs written for pyxenon 3 use them."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import xenon
from xenon import Job, JobDescription, JobStatus
from xenon.exceptions import IncompleteJobDescriptionException, NoSuchJobException, NoSuchQueueException, SchedulerClosedException


def shell(command: str, **more: str) -> JobDescription:
    return JobDescription(executable="/bin/sh", arguments=["-c", command], **more)


def test_what_it_is_and_what_queues_it_has(scheduler: xenon.Scheduler) -> None:
    assert scheduler.get_adaptor_name() == "local"
    assert isinstance(scheduler.get_location(), str)
    assert isinstance(scheduler.get_credential(), xenon.DefaultCredential)
    assert scheduler.get_properties() == {}
    assert set(scheduler.get_queue_names()) == {"single", "multi", "unlimited"}
    assert scheduler.get_default_queue_name() in scheduler.get_queue_names()
    assert isinstance(scheduler.get_default_runtime(), int)
    assert scheduler.get_queue_status("multi").name == "multi"
    assert {status.name for status in scheduler.get_queue_statuses()} == {"single", "multi", "unlimited"}
    assert [status.name for status in scheduler.get_queue_statuses(["single"])] == ["single"]
    assert scheduler.get_file_system().get_adaptor_name() == "file"
    assert scheduler in xenon.Scheduler.list_schedulers()


def test_the_adaptors_describe_themselves(session: xenon.Session) -> None:
    assert {"local", "ssh", "slurm", "gridengine", "torque", "at"} == set(xenon.Scheduler.get_adaptor_names())
    assert len(xenon.Scheduler.get_adaptor_descriptions()) == 6
    assert xenon.Scheduler.get_adaptor_description("local").is_embedded


def test_the_local_scheduler_is_there_without_asking_for_an_adaptor(session: xenon.Session) -> None:
    with xenon.Scheduler.local_scheduler() as scheduler:
        assert scheduler.get_adaptor_name() == "local"


@pytest.mark.parametrize("code", [0, 3])
def test_a_job_runs_and_its_exit_code_and_output_come_back(scheduler: xenon.Scheduler, folder: xenon.Path, code: int) -> None:
    description = shell(f'echo "$GREETING"; echo complaint >&2; exit {code}', stdout=str(folder / "out"), stderr=str(folder / "err"))
    description.environment = {"GREETING": 'it\'s $HOME; "quoted"'}
    job = scheduler.submit_batch_job(description)
    status = scheduler.wait_until_done(job)
    assert (status.done, status.exit_code, status.error_type) == (True, code, JobStatus.ErrorType.NONE)
    assert Path(folder / "out").read_text() == 'it\'s $HOME; "quoted"\n'
    assert Path(folder / "err").read_text() == "complaint\n"


def test_paths_are_taken_where_names_of_files_belong(scheduler: xenon.Scheduler, folder: xenon.Path) -> None:
    description = JobDescription(executable=Path("/bin/pwd"), working_directory=folder, stdout=folder / "out")
    scheduler.wait_until_done(scheduler.submit_batch_job(description))
    assert Path(folder / "out").read_text().strip() == str(folder)


@pytest.mark.parametrize("timeout", [0, None])
def test_without_a_timeout_it_waits_until_the_job_is_done(scheduler: xenon.Scheduler, timeout: int | None) -> None:
    job = scheduler.submit_batch_job(shell("sleep 0.6"))
    assert scheduler.wait_until_done(job, timeout).done


def test_a_timeout_ends_the_wait_and_a_cancelled_job_says_so(scheduler: xenon.Scheduler) -> None:
    job = scheduler.submit_batch_job(shell("sleep 60"))
    assert scheduler.wait_until_running(job).running
    status = scheduler.wait_until_done(job, timeout=100)
    assert status.running and not status.done
    assert job in scheduler.get_jobs() and job in scheduler.get_jobs(["single", "multi", "unlimited"])
    assert scheduler.get_job_status(job).running
    assert [status.running for status in scheduler.get_job_statuses([job])] == [True]
    cancelled = scheduler.cancel_job(job)
    if not cancelled.done:  # the server may answer before the process is gone
        cancelled = scheduler.wait_until_done(job)
    assert cancelled.done and cancelled.error_type == JobStatus.ErrorType.CANCELLED


def test_a_job_that_could_not_start_is_not_a_success(scheduler: xenon.Scheduler) -> None:
    status = scheduler.wait_until_done(scheduler.submit_batch_job(JobDescription(executable="/no/such/program")))
    assert status.done and status.error_type != JobStatus.ErrorType.NONE and status.error_message


ROT13 = (
    "import sys, codecs\nfor line in sys.stdin:\n    print(codecs.encode(line.strip(), 'rot13'), flush=True)\nprint('bye', file=sys.stderr)"
)


def test_a_conversation_in_lock_step(scheduler: xenon.Scheduler) -> None:
    lines: queue.Queue[bytes | None] = queue.Queue()

    def stdin() -> Iterator[bytes]:
        while (line := lines.get()) is not None:
            yield line

    job, output = scheduler.submit_interactive_job(JobDescription(executable=sys.executable, arguments=["-c", ROT13]), stdin())
    errors = b""
    for sent, expected in [(b"hello\n", b"uryyb\n"), (b"big\n", b"ovt\n"), (b"world\n", b"jbeyq\n")]:
        lines.put(sent)
        answer = b""
        while not answer.endswith(b"\n"):
            response = output.next()
            answer += response.stdout
            errors += response.stderr
        assert answer == expected
    lines.put(None)
    errors += b"".join(response.stderr for response in output)
    assert errors == b"bye\n"
    with pytest.raises(StopIteration):
        next(output)
    assert scheduler.wait_until_done(job).exit_code == 0


def test_a_conversation_can_be_left(scheduler: xenon.Scheduler) -> None:
    job, output = scheduler.submit_interactive_job(JobDescription(executable="cat"), iter(lambda: time.sleep(0.05) or b"x", None))
    assert next(output).stdout
    output.close()
    with pytest.raises(StopIteration):
        next(output)
    scheduler.cancel_job(job)


def test_input_that_fails_is_told_to_the_caller(scheduler: xenon.Scheduler) -> None:
    def stdin() -> Iterator[bytes]:
        yield b"one\n"
        raise ConnectionAbortedError("of the caller's own")

    _, output = scheduler.submit_interactive_job(JobDescription(executable="cat"), stdin())
    with pytest.raises(ConnectionAbortedError, match="of the caller's own"):
        list(output)


def test_what_no_job_or_queue_is(scheduler: xenon.Scheduler) -> None:
    with pytest.raises(NoSuchJobException, match="get_job_status 'nonsense'"):
        scheduler.get_job_status(Job("nonsense"))
    with pytest.raises(NoSuchQueueException, match="get_queue_status 'nonsense'"):
        scheduler.get_queue_status("nonsense")
    with pytest.raises(NoSuchQueueException):
        scheduler.submit_batch_job(shell("true", queue_name="nonsense"))
    with pytest.raises(TypeError, match=r"JobRequest\.job must be a Job, not str"):
        scheduler.get_job_status("local-0")  # type: ignore[arg-type]  # the mistake under test


def test_a_description_without_an_executable_is_refused(scheduler: xenon.Scheduler) -> None:
    before = scheduler.get_jobs()
    with pytest.raises(IncompleteJobDescriptionException, match="submit_batch_job 'mine' failed: the job description names no executable"):
        scheduler.submit_batch_job(JobDescription(name="mine"))
    with pytest.raises(IncompleteJobDescriptionException, match="submit_interactive_job"):
        scheduler.submit_interactive_job(JobDescription(), [])
    with pytest.raises(TypeError, match="must be a JobDescription, not dict"):
        scheduler.submit_batch_job({"executable": "true"})  # type: ignore[arg-type]  # the mistake under test
    assert scheduler.get_jobs() == before


def test_what_cannot_be_described_is_refused_by_field(scheduler: xenon.Scheduler) -> None:
    with pytest.raises(AttributeError, match="no field 'executeable'; did you mean 'executable'"):
        JobDescription(executeable="x")  # type: ignore[arg-type]  # the mistake under test
    description = JobDescription(executable="true")
    with pytest.raises(AttributeError, match="no field 'argument'; did you mean 'arguments'"):
        description.argument = ["x"]  # type: ignore[attr-defined]  # the mistake under test
    with pytest.raises(TypeError, match=r"JobDescription\.arguments must be a list"):
        JobDescription(executable="ls", arguments="-l")
    with pytest.raises(TypeError, match=r"JobDescription\.stdout must be a str, not "):
        JobDescription(executable="ls", stdout=sys.stderr)  # type: ignore[arg-type]  # the mistake under test
    description.max_runtime = -1
    with pytest.raises(ValueError, match=r"JobDescription\.max_runtime must be from 0"):
        scheduler.submit_batch_job(description)


def test_a_closed_scheduler_is_known(session: xenon.Session) -> None:
    scheduler = xenon.Scheduler.create("local")
    scheduler.close()
    scheduler.close()
    assert scheduler.is_open() is False
    with pytest.raises(SchedulerClosedException, match="closed by this program"):
        scheduler.get_jobs()


INTERRUPTED = """
    import sys, xenon
    with xenon.init() as session, xenon.Scheduler.create("local") as scheduler:
        job = scheduler.submit_batch_job(xenon.JobDescription(executable="sleep", arguments=["60"]))
        print("waiting", flush=True)
        try:
            scheduler.wait_until_done(job)
        except KeyboardInterrupt:
            scheduler.cancel_job(job)
            print("interrupted", flush=True)
"""


def test_ctrl_c_ends_a_wait_and_the_session_still_works() -> None:
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(INTERRUPTED)], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "waiting\n"
        threading.Timer(0.3, os.kill, (program.pid, signal.SIGINT)).start()
        assert program.communicate(timeout=60)[0] == "interrupted\n"
        assert program.returncode == 0
