"""Records of jobs and queues, in the same form for all batch systems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from signal import Signals

from pyxenon_core.errors import XenonError

__all__ = ["Ending", "JobRecord", "Phase", "Queue"]

_WORSE_THAN_ANY_CODE = 1 << 16


class Phase(Enum):
    """The phase of a job, which follows from the batch system's word for its state."""

    WAITING = "has not begun"
    RUNNING = "has begun and not ended"
    ENDED = "has ended"
    UNKNOWN = "an unknown word: the job counts as neither begun nor ended"


@dataclass(frozen=True)
class Ending:
    """The end of a job: its program's exit code or the signal that ended it, and the error if it did not end by itself."""

    exit_code: int | None = None
    signal: str = ""
    error: XenonError | None = None

    @property
    def severity(self) -> int:
        """The severity of the end: 0 for success, then exit codes and signals, and highest for an error."""
        if self.error is not None:
            return _WORSE_THAN_ANY_CODE
        return self.exit_code if self.exit_code is not None else 128 + _signal_number(self.signal)


@dataclass(frozen=True)
class JobRecord:
    """One record of a job, of an array element, or of all waiting elements of an array.

    Attributes:
        job: The batch system's number for this job or element alone.
        array: The number of the array that it belongs to; its own number if it belongs to none.
        task: The index in the array, or a list of indices such as ``5-20``; empty outside arrays.
        state: The batch system's own word for the state.
        phase: The phase that the state means.
        ending: How it ended; empty before.
        began: True if it has, or had, a node to run on.
        user: The job's owner, in the form of :attr:`Site.user <pyxenon_server.schedulers.batch.dialect.Site>`.
        submitted: The time of submission in seconds since 1970-01-01 UTC by the batch system's clock; None if not known.
        name: The job's name.
        tag: The text in the place of the tag; empty if there is none.
        reason: Why it is in this state.
        source: The command that printed the record.
        information: Further values, by the names that users see.
    """

    job: str
    array: str
    task: str
    state: str
    phase: Phase
    ending: Ending = Ending()
    began: bool = False
    user: str = ""
    submitted: float | None = None
    name: str = ""
    tag: str = ""
    reason: str = ""
    source: str = ""
    information: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """True if the job has ended."""
        return self.phase is Phase.ENDED


@dataclass(frozen=True)
class Queue:
    """A queue. The times are in minutes; None means no limit."""

    name: str
    default: bool
    default_time: int | None
    most_time: int | None


def _signal_number(signal: str) -> int:
    number = Signals.__members__.get(f"SIG{signal}")
    return number if number is not None else int(signal or 0)
