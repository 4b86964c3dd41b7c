"""The states of jobs and queues: the state itself, how a job ended, on what evidence, and when that was seen."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from signal import Signals

from pyxenon_core.errors import (
    ConnectionLostException,
    IOException,
    JobCanceledException,
    NoSuchJobException,
    NoSuchQueueException,
    NotConnectedException,
    XenonError,
)
from pyxenon_core.messages import Job, JobStatus, JobStatusErrorType, QueueStatus, QueueStatusErrorType

__all__ = ["JobState", "QueueState", "is_done", "is_running_or_done"]

_UNKNOWN_EXIT_CODE = -1  # sent for an unknown exit code; never 0, which means success


@dataclass(frozen=True)
class JobState:
    """The state of a job.

    Attributes:
        job: The job's id.
        state: The scheduler's own name of the state, such as ``PENDING``.
        running: True if the job has started and not ended.
        done: True if the job has ended, in whatever way. Only set on evidence.
        exit_code: The program's exit code; None if a signal ended it or its end is unknown.
        signal: The signal that ended it, without SIG, such as ``KILL``; empty if none did or its end is unknown.
        reason: Why the job is in this state, in the scheduler's words, such as ``Resources`` or ``OUT_OF_MEMORY``; may be empty.
        evidence: The source of the state, such as ``squeue``, ``scontrol``, ``sacct`` or ``the process``.
        seen: When the source reported it, in seconds since 1970-01-01 UTC.
        error: The job's own failure (cancelled, failed to start) or, in an answer about many jobs, why its state could not be queried.
        name: The job's name.
        information: Further details from the scheduler.
    """

    job: str
    state: str
    running: bool = False
    done: bool = False
    exit_code: int | None = None
    signal: str = ""
    reason: str = ""
    evidence: str = ""
    seen: float = field(default_factory=time.time)
    error: XenonError | None = None
    name: str = ""
    information: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def failed(cls, job: str, error: XenonError) -> JobState:
        """Return the state of a job whose query failed with *error*."""
        return cls(job, "UNKNOWN", error=error)

    def message(self) -> JobStatus:
        """Return the state as a message; details without a field of their own are under keys that begin with ``xenon.``."""
        return JobStatus(
            job=Job(self.job),
            state=self.state,
            running=self.running,
            done=self.done,
            scheduler_specific_information=self._information(),
            exit_code=self._wire_exit_code(),
            error_message=self.error.reason if self.error else "",
            error_type=_job_error_type(self.error),
            name=self.name,
        )

    def _wire_exit_code(self) -> int:
        if not self.done:
            return 0
        if self.exit_code is not None:
            return self.exit_code
        number = Signals.__members__.get(f"SIG{self.signal}")
        return _UNKNOWN_EXIT_CODE if number is None else 128 + number  # as in a shell

    def _information(self) -> dict[str, str]:
        known = "" if not self.done else "unknown" if self.exit_code is None else str(self.exit_code)
        ours = {"exit_code": known, "signal": self.signal, "reason": self.reason, "evidence": self.evidence, "seen": f"{self.seen:.3f}"}
        return {**self.information, **{f"xenon.{key}": value for key, value in ours.items() if value}}


@dataclass(frozen=True)
class QueueState:
    """The state of a queue; *information* holds the scheduler's own details."""

    queue: str
    information: Mapping[str, str] = field(default_factory=dict)
    error: XenonError | None = None

    def message(self) -> QueueStatus:
        """Return the state as a message."""
        return QueueStatus(
            name=self.queue,
            scheduler_specific_information=dict(self.information),
            error_message=self.error.reason if self.error else "",
            error_type=_queue_error_type(self.error),
        )


def is_done(state: JobState) -> bool:
    """Return True if the job has ended."""
    return state.done


def is_running_or_done(state: JobState) -> bool:
    """Return True if the job has started."""
    return state.running or state.done


def _job_error_type(error: XenonError | None) -> JobStatusErrorType:
    types = (
        (NoSuchJobException, JobStatusErrorType.NOT_FOUND),
        (JobCanceledException, JobStatusErrorType.CANCELLED),
        ((NotConnectedException, ConnectionLostException), JobStatusErrorType.NOT_CONNECTED),
        (IOException, JobStatusErrorType.IO),
        (XenonError, JobStatusErrorType.XENON),
    )
    return next((kind for classes, kind in types if isinstance(error, classes)), JobStatusErrorType.NONE)


def _queue_error_type(error: XenonError | None) -> QueueStatusErrorType:
    types = (
        (NoSuchQueueException, QueueStatusErrorType.NOT_FOUND),
        ((NotConnectedException, ConnectionLostException), QueueStatusErrorType.NOT_CONNECTED),
        (IOException, QueueStatusErrorType.IO),
        (XenonError, QueueStatusErrorType.XENON),
    )
    return next((kind for classes, kind in types if isinstance(error, classes)), QueueStatusErrorType.NONE)
