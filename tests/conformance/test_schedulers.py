"""Queues, jobs that wait and run, and what becomes of them when they are cancelled or their scheduler is closed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping

import attrs
import pytest

import xenon
from conformance.batch import shell
from conformance.expectations import refused
from conformance.grounds import Ground, new_folder
from conformance.places import JOBS, Place, on
from pyxenon_core.messages import Job
from pyxenon_core.messages import JobStatusErrorType as Kind
from xenon import JobStatus, QueueStatus
from xenon.exceptions import IllegalArgumentException, NoSuchJobException, NoSuchQueueException, XenonException

pytestmark = pytest.mark.timeout(120)
LONG = 60_000
QUEUES = {"local": ["single", "multi", "unlimited"], "ssh": ["single", "multi", "unlimited"], "slurm": ["main", "short"]}
DEFAULT = {"local": "single", "ssh": "single", "slurm": "main"}
OTHER = {"local": "multi", "ssh": "multi", "slurm": "short"}
WITHOUT_CLUSTER = on("local", "ssh")


# --- queues ---


@JOBS
def test_queue_names(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Name the queues"""
    assert sorted(scheduler.get_queue_names()) == sorted(QUEUES[adaptor])


@JOBS
def test_default_queue_name(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Name the default queue"""
    assert scheduler.get_default_queue_name() == DEFAULT[adaptor]


@JOBS
def test_default_runtime(scheduler: xenon.Scheduler) -> None:
    """Tell that there is no limit to how long a job may run by default"""
    assert scheduler.get_default_runtime() == 0


@JOBS
def test_queue_status(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Tell the status of each queue"""
    for name in QUEUES[adaptor]:
        status = scheduler.get_queue_status(name)
        assert status.name == name
        assert status.error_type == QueueStatus.ErrorType.NONE and not status.error_message


@JOBS
def test_queue_statuses(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Tell the statuses of all queues, and of those that are named, in their order"""
    assert sorted(status.name for status in scheduler.get_queue_statuses()) == sorted(QUEUES[adaptor])
    named = QUEUES[adaptor][::-1]
    assert [status.name for status in scheduler.get_queue_statuses(named)] == named


@JOBS
def test_unknown_queue_status(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Refuse to tell the status of a queue that is unknown"""
    with refused(NoSuchQueueException, adaptor=adaptor, subject="nonsense"):
        scheduler.get_queue_status("nonsense")


@JOBS
def test_unknown_among_queue_statuses(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Tell of a queue among several that it is unknown"""
    known, unknown = scheduler.get_queue_statuses([DEFAULT[adaptor], "nonsense"])
    assert known.error_type == QueueStatus.ErrorType.NONE
    assert unknown.error_type == QueueStatus.ErrorType.NOT_FOUND, f"it is told as {unknown.error_type.name}"
    assert unknown.name == "nonsense" and unknown.error_message


@JOBS
def test_jobs_of_unknown_queue(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Refuse to list the jobs of a queue that is unknown"""
    with refused(NoSuchQueueException, adaptor=adaptor, subject="nonsense"):
        scheduler.get_jobs(["nonsense"])


# --- jobs that are unknown ---


@JOBS
@pytest.mark.parametrize("ask", ["get_job_status", "cancel_job", "wait_until_done", "wait_until_running"])
def test_unknown_job(scheduler: xenon.Scheduler, adaptor: str, ask: str) -> None:
    """Refuse to tell of, cancel or wait for a job that is unknown"""
    with refused(NoSuchJobException, adaptor=adaptor, subject="99999999"):
        getattr(scheduler, ask)(Job("99999999"))


@JOBS
@pytest.mark.parametrize("ask", ["get_job_status", "cancel_job", "wait_until_done", "wait_until_running"])
def test_job_without_id(scheduler: xenon.Scheduler, ask: str) -> None:
    """Refuse a job without an id"""
    with refused(IllegalArgumentException):
        getattr(scheduler, ask)(Job(""))


@JOBS
def test_statuses_of_nothing(scheduler: xenon.Scheduler) -> None:
    """Tell the statuses of no jobs"""
    assert scheduler.get_job_statuses([]) == []


@JOBS
def test_unknown_among_statuses(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Tell of a job among several that it is unknown, and of the others how they are, in their order"""
    job = scheduler.submit_batch_job(shell("sleep 20", queue_name=OTHER[adaptor]))
    try:
        first, known, last = scheduler.get_job_statuses([Job("99999998"), job, Job("99999999")])
        assert (first.job, known.job, last.job) == (Job("99999998"), job, Job("99999999"))
        assert known.error_type == Kind.NONE, f"it is told as {known.error_type.name}"
        for unknown in (first, last):
            assert unknown.error_type == Kind.NOT_FOUND and unknown.error_message, f"it is told as {unknown.error_type.name}"
            assert not unknown.done and not unknown.running
    finally:
        scheduler.cancel_job(job)


# --- the life of a job ---


@attrs.define
class Life:
    """What was told of a job that ran, was listed and waited for, and was cancelled."""

    job: Job
    begun: JobStatus
    listed: list[Job]
    in_queue: list[Job]
    elsewhere: list[Job]
    waited: JobStatus
    seconds: float
    running: bytes
    cancelled: JobStatus
    ended: JobStatus
    left: bytes
    again: JobStatus | XenonException


def live(place: Place, scheduler: xenon.Scheduler) -> Life:
    """Run a job with a child, and cancel it."""
    adaptor, ground = place.adaptor, place.ground
    folder = new_folder(ground)
    settings = {"queue_name": OTHER[adaptor], "working_directory": folder, "name": "a life"}
    job = scheduler.submit_batch_job(shell("echo $$ >pids; sleep 300 & echo $! >>pids; wait", **settings))
    begun = scheduler.wait_until_running(job, timeout=LONG)
    listed = scheduler.get_jobs()
    in_queue, elsewhere = scheduler.get_jobs([OTHER[adaptor]]), scheduler.get_jobs([DEFAULT[adaptor]])
    started = time.monotonic()
    waited = scheduler.wait_until_done(job, timeout=300)
    seconds = time.monotonic() - started
    # One that has ended, and only waits for somebody to ask how, does not count.
    state = "sed 's/.*) //' /proc/$pid/stat 2>/dev/null"
    alive = f"for pid in $(cat '{folder}/pids'); do case $({state}) in '' | Z*) ;; *) echo $pid ;; esac; done"
    running = ground.run(f"for try in $(seq 300); do [ $(cat '{folder}/pids' | wc -l) = 2 ] && break; sleep 0.1; done; {alive}")
    cancelled = scheduler.cancel_job(job)
    ended = cancelled if cancelled.done else scheduler.wait_until_done(job, timeout=LONG)
    left = ground.run(f'for try in $(seq {place.tenths_to_end}); do [ -z "$({alive})" ] && break; sleep 0.1; done; {alive}')
    ground.run(f"for pid in $(cat '{folder}/pids'); do kill -9 $pid 2>/dev/null; done; true")
    try:
        again: JobStatus | XenonException = scheduler.cancel_job(job)
    except XenonException as error:
        again = error
    return Life(job, begun, listed, in_queue, elsewhere, waited, seconds, running, cancelled, ended, left, again)


@pytest.fixture(scope="session")
def lives() -> dict[tuple[str, str], Life]:
    """A job's life, by place."""
    return {}


@pytest.fixture
def life(lives: dict[tuple[str, str], Life], place: Place, scheduler: xenon.Scheduler) -> Life:
    """A job's life in the place of the test."""
    key = (place.server, place.adaptor)
    if key not in lives:
        lives[key] = live(place, scheduler)
    return lives[key]


@JOBS
def test_running_job(life: Life) -> None:
    """Wait until a job runs, and tell that it does"""
    assert life.begun.job == life.job
    assert life.begun.running and not life.begun.done
    assert life.begun.state == "RUNNING", f"its state is {life.begun.state}"
    assert life.begun.error_type == Kind.NONE and not life.begun.error_message
    assert len(life.running.split()) == 2, "it does not run"


@JOBS
def test_listed_job(life: Life) -> None:
    """List a job that runs, in its queue and in no other"""
    assert life.job in life.listed
    assert life.job in life.in_queue
    assert life.job not in life.elsewhere


@JOBS
def test_wait_for_a_while(life: Life) -> None:
    """Wait for the end of a job no longer than the timeout"""
    assert life.waited.running and not life.waited.done
    assert life.seconds > 0.2, f"it took {life.seconds} seconds"


@JOBS
def test_cancelled_job(life: Life) -> None:
    """Tell that a job was cancelled"""
    assert life.ended.done and not life.ended.running
    assert life.ended.error_type == Kind.CANCELLED, f"the status tells of no cancellation: {life.ended.error_type.name}"
    assert life.ended.error_message


@JOBS
def test_cancelled_processes(life: Life) -> None:
    """End the processes of a job that is cancelled, also those that it has started"""
    assert not life.left, "a process lives on"


@JOBS
def test_cancel_again(life: Life) -> None:
    """Leave a job that has ended as it is when it is cancelled"""
    if isinstance(life.again, XenonException):
        raise life.again
    assert life.again.done
    assert (life.again.error_type, life.again.exit_code) == (life.ended.error_type, life.ended.exit_code)


@JOBS
def test_cancel_done(scheduler: xenon.Scheduler, adaptor: str) -> None:
    """Leave a job that has ended well as it is when it is cancelled"""
    job = scheduler.submit_batch_job(shell("exit 3", queue_name=OTHER[adaptor]))
    assert scheduler.wait_until_done(job, timeout=LONG).exit_code == 3
    status = scheduler.cancel_job(job)
    assert (status.done, status.exit_code, status.error_type) == (True, 3, Kind.NONE)


# --- jobs that wait ---


@attrs.define
class Wait:
    """What was told of a job that waited and was cancelled before it began."""

    job: Job
    pending: JobStatus
    listed: list[Job]
    waited: JobStatus
    seconds: float
    ended: JobStatus
    marks: str


@contextlib.contextmanager
def waiting(place: Place, folder: str) -> Iterator[tuple[xenon.Scheduler, Job]]:
    """A job that would leave a mark and cannot begin yet."""
    mark: Mapping[str, object] = {"working_directory": folder, "stdout": "mark"}
    with place.create() as scheduler:
        if place.adaptor == "slurm":
            yield scheduler, scheduler.submit_batch_job(shell("echo ran", scheduler_arguments=["--begin=now+1hour"], **mark))
            return
        blocking = scheduler.submit_batch_job(shell("sleep 300"))
        scheduler.wait_until_running(blocking, timeout=LONG)
        yield scheduler, scheduler.submit_batch_job(shell("echo ran", **mark))
        scheduler.cancel_job(blocking)


def wait(place: Place) -> Wait:
    folder = new_folder(place.ground)
    with waiting(place, folder) as (scheduler, job):
        pending = scheduler.get_job_status(job)
        listed = scheduler.get_jobs()
        started = time.monotonic()
        waited = scheduler.wait_until_running(job, timeout=300)
        seconds = time.monotonic() - started
        ended = scheduler.cancel_job(job)
        if not ended.done:
            ended = scheduler.wait_until_done(job, timeout=LONG)
    marks = place.ground.run(f"sleep 0.3; cat '{folder}/mark' 2>/dev/null || true").decode()
    return Wait(job, pending, listed, waited, seconds, ended, marks)


@pytest.fixture(scope="session")
def waits() -> dict[tuple[str, str], Wait]:
    """A job that waits, by place."""
    return {}


@pytest.fixture
def waited(waits: dict[tuple[str, str], Wait], place: Place) -> Wait:
    """A job that waits in the place of the test."""
    key = (place.server, place.adaptor)
    if key not in waits:
        waits[key] = wait(place)
    return waits[key]


@JOBS
def test_pending_job(waited: Wait) -> None:
    """Tell that a job waits, and list it"""
    assert not waited.pending.running and not waited.pending.done
    assert waited.pending.state == "PENDING", f"its state is {waited.pending.state}"
    assert waited.pending.error_type == Kind.NONE and not waited.pending.error_message
    assert waited.pending.exit_code == 0
    assert waited.job in waited.listed


@JOBS
def test_wait_for_a_pending_job(waited: Wait) -> None:
    """Wait until a job runs no longer than the timeout"""
    assert not waited.waited.running and not waited.waited.done
    assert waited.seconds > 0.2, f"it took {waited.seconds} seconds"


@JOBS
def test_cancel_pending(waited: Wait) -> None:
    """Cancel a job that waits, which then never runs"""
    assert waited.ended.done and not waited.ended.running
    assert waited.ended.error_type == Kind.CANCELLED, f"the status tells of no cancellation: {waited.ended.error_type.name}"
    assert not waited.marks


@JOBS
def test_wait_until_running_for_a_done_job(place: Place, adaptor: str) -> None:
    """Stop waiting until a job runs when it has ended"""
    with place.create() as scheduler:
        job = scheduler.submit_batch_job(shell("true", queue_name=OTHER[adaptor]))
        status = scheduler.wait_until_running(job, timeout=600_000)  # longer than a test may take
        assert status.running or status.done
        if not status.done:
            status = scheduler.wait_until_done(job, timeout=LONG)
        assert status.done and status.exit_code == 0


@WITHOUT_CLUSTER
def test_one_at_a_time(place: Place, ground: Ground, folder: xenon.Path) -> None:
    """Run the jobs of the queue for single jobs one after another"""
    with place.create() as scheduler:
        script = "mkdir running && sleep 0.2 && rmdir running"
        jobs = [scheduler.submit_batch_job(shell(script, working_directory=str(folder), queue_name="single")) for _ in range(3)]
        assert [scheduler.wait_until_done(job, timeout=LONG).exit_code for job in jobs] == [0, 0, 0], "two ran at the same time"


# --- closing ---


@JOBS
def test_close_with_jobs(place: Place, ground: Ground, folder: xenon.Path, adaptor: str) -> None:
    """End the jobs of a scheduler without a cluster that is closed, and leave those of a cluster"""
    scheduler = place.create()
    job = scheduler.submit_batch_job(shell("echo $$ >pid; exec sleep 300", working_directory=str(folder), queue_name=OTHER[adaptor]))
    scheduler.wait_until_running(job, timeout=LONG)
    ground.run(f"for try in $(seq 300); do [ -s '{folder}/pid' ] && break; sleep 0.1; done; kill -0 $(cat '{folder}/pid')")
    scheduler.close()
    dead = f"kill -0 $(cat '{folder}/pid') 2>/dev/null || exit 0; "
    tenths = 15 if adaptor == "slurm" else place.tenths_to_end
    answer = (
        ground.run(f"for try in $(seq {tenths}); do {dead} sleep 0.1; done; kill -9 $(cat '{folder}/pid'); echo alive").decode().strip()
    )
    assert (answer == "alive") is (adaptor == "slurm"), "the job lives on"


@JOBS
def test_jobs_of_another_scheduler(place: Place, adaptor: str) -> None:
    """Keep the jobs of two schedulers apart, unless it is one cluster"""
    with place.create() as one, place.create() as other:
        job = one.submit_batch_job(shell("sleep 20", queue_name=OTHER[adaptor]))
        try:
            assert job in one.get_jobs()
            assert (job in other.get_jobs()) is (adaptor == "slurm")
        finally:
            one.cancel_job(job)
