"""What is known of a job and of a queue: the state, how it ended, from which evidence, and when that was seen."""

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

_UNKNOWN_EXIT_CODE = -1  # what the wire says for an exit code that nobody saw: never 0


@dataclass(frozen=True)
class JobState:
    """What is known of a job.

    Attributes:
        job: The job's id.
        state: The scheduler's own word, such as ``PENDING``.
        running: Whether it has begun and not ended.
        done: Whether it has ended, however it ended. Only said when something said so.
        exit_code: What its program ended with; None when a signal ended it, or nobody saw how it ended.
        signal: The signal that ended it, without SIG, such as ``KILL``; empty when none did or nobody saw.
        reason: Why it is in this state, in the scheduler's words, such as ``Resources`` or ``OUT_OF_MEMORY``; may be empty.
        evidence: Who said so, such as ``squeue``, ``scontrol``, ``sacct`` or ``the process``.
        seen: When that was said, in seconds since 1970-01-01 UTC.
        error: What went wrong with the job itself (cancelled, failed to start) or, in an answer about many jobs, with the question.
        name: The job's name.
        information: What else the scheduler says of it.
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
        """The state of a job of which nothing could be learnt."""
        return cls(job, "UNKNOWN", error=error)

    def message(self) -> JobStatus:
        """The message that says it; what the interface has no field for is under keys that begin with ``xenon.``."""
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
        return _UNKNOWN_EXIT_CODE if number is None else 128 + number  # as a shell has it

    def _information(self) -> dict[str, str]:
        known = "" if not self.done else "unknown" if self.exit_code is None else str(self.exit_code)
        ours = {"exit_code": known, "signal": self.signal, "reason": self.reason, "evidence": self.evidence, "seen": f"{self.seen:.3f}"}
        return {**self.information, **{f"xenon.{key}": value for key, value in ours.items() if value}}


@dataclass(frozen=True)
class QueueState:
    """What is known of a queue; *information* is what the scheduler says of it."""

    queue: str
    information: Mapping[str, str] = field(default_factory=dict)
    error: XenonError | None = None

    def message(self) -> QueueStatus:
        """The message that says it."""
        return QueueStatus(
            name=self.queue,
            scheduler_specific_information=dict(self.information),
            error_message=self.error.reason if self.error else "",
            error_type=_queue_error_type(self.error),
        )


def is_done(state: JobState) -> bool:
    """Whether the job has ended."""
    return state.done


def is_running_or_done(state: JobState) -> bool:
    """Whether the job has begun."""
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
