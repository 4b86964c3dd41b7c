"""What is known of a job and of a queue, as the messages say it: an exit code that nobody saw is never 0."""

from __future__ import annotations

import pytest

from pyxenon_core.errors import (
    ConnectionLostException,
    IOException,
    JobCanceledException,
    NoSuchJobException,
    NoSuchQueueException,
    NotConnectedException,
    PermissionDeniedException,
    XenonError,
)
from pyxenon_core.messages import JobStatusErrorType, QueueStatusErrorType
from pyxenon_server.adaptors.job_state import JobState, QueueState, is_done, is_running_or_done


@pytest.mark.parametrize(
    ("state", "exit_code", "known"),
    [
        (JobState("1", "DONE", done=True, exit_code=0), 0, "0"),
        (JobState("1", "DONE", done=True, exit_code=3), 3, "3"),
        (JobState("1", "KILLED", done=True, signal="KILL"), 137, "unknown"),
        (JobState("1", "KILLED", done=True, signal="TERM"), 143, "unknown"),
        (JobState("1", "LOST", done=True), -1, "unknown"),
        (JobState("1", "LOST", done=True, signal="NO SUCH"), -1, "unknown"),
        (JobState("1", "RUNNING", running=True), 0, None),
        (JobState("1", "PENDING"), 0, None),
    ],
)
def test_exit_codes(state: JobState, exit_code: int, known: str | None) -> None:
    message = state.message()
    assert (message.done, message.running, message.state) == (state.done, state.running, state.state)
    assert message.exit_code == exit_code
    assert message.scheduler_specific_information.get("xenon.exit_code") == known


def test_what_the_interface_has_no_field_for() -> None:
    state = JobState("7", "PENDING", reason="Resources", evidence="squeue", seen=1.5, name="mine", information={"Partition": "short"})
    message = state.message()
    assert message.job is not None and (message.job.id, message.name) == ("7", "mine")
    found = dict(message.scheduler_specific_information)
    assert found == {"Partition": "short", "xenon.reason": "Resources", "xenon.evidence": "squeue", "xenon.seen": "1.500"}
    assert state.information == {"Partition": "short"}


@pytest.mark.parametrize(
    ("error", "job", "queue"),
    [
        (None, JobStatusErrorType.NONE, QueueStatusErrorType.NONE),
        (NoSuchJobException("x"), JobStatusErrorType.NOT_FOUND, QueueStatusErrorType.XENON),
        (NoSuchQueueException("x"), JobStatusErrorType.XENON, QueueStatusErrorType.NOT_FOUND),
        (JobCanceledException("x"), JobStatusErrorType.CANCELLED, QueueStatusErrorType.XENON),
        (NotConnectedException("x"), JobStatusErrorType.NOT_CONNECTED, QueueStatusErrorType.NOT_CONNECTED),
        (ConnectionLostException("x"), JobStatusErrorType.NOT_CONNECTED, QueueStatusErrorType.NOT_CONNECTED),
        (IOException("x"), JobStatusErrorType.IO, QueueStatusErrorType.IO),
        (PermissionDeniedException("x"), JobStatusErrorType.XENON, QueueStatusErrorType.XENON),
        (XenonError("x"), JobStatusErrorType.XENON, QueueStatusErrorType.XENON),
    ],
)
def test_errors_are_told_in_the_status(error: XenonError | None, job: JobStatusErrorType, queue: QueueStatusErrorType) -> None:
    of_job = JobState("1", "FAILED", done=True, error=error).message()
    of_queue = QueueState("q", {"a": "b"}, error).message()
    assert (of_job.error_type, of_job.error_message) == (job, "x" if error else "")
    assert (of_queue.error_type, of_queue.error_message, of_queue.name) == (queue, "x" if error else "", "q")


def test_a_question_that_failed_says_nothing_of_the_job() -> None:
    state = JobState.failed("1", XenonError("the controller does not answer"))
    message = state.message()
    assert not message.done and not message.running and message.state == "UNKNOWN"
    assert "the controller" in message.error_message


def test_what_is_waited_for() -> None:
    states = [JobState("1", "x"), JobState("1", "x", running=True), JobState("1", "x", done=True)]
    assert [is_done(state) for state in states] == [False, False, True]
    assert [is_running_or_done(state) for state in states] == [False, True, True]
