"""Records: what a batch system tells of jobs and queues, in the same form for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from signal import Signals

from pyxenon_core.errors import XenonError

__all__ = ["Ending", "JobRecord", "Phase", "Queue"]

_WORSE_THAN_ANY_CODE = 1 << 16


class Phase(Enum):
    """The phase of a job, as its state's word says."""

    WAITING = "has not begun"
    RUNNING = "has begun and not ended"
    ENDED = "has ended"
    UNKNOWN = "a word that is not known here: neither begun nor ended"


@dataclass(frozen=True)
class Ending:
    """The end of a job: its exit code, or the signal that ended its program; and the error when it did not end by itself."""

    exit_code: int | None = None
    signal: str = ""
    error: XenonError | None = None

    @property
    def severity(self) -> int:
        """The higher, the worse: from 0 for a success over exit codes and signals to what kept a program from ending by itself."""
        if self.error is not None:
            return _WORSE_THAN_ANY_CODE
        return self.exit_code if self.exit_code is not None else 128 + _signal_number(self.signal)


@dataclass(frozen=True)
class JobRecord:
    """One record of a job, or of an element of an array, or of all elements that wait.

    Attributes:
        job: The batch system's number for it alone.
        array: The number of the array that it belongs to; its own number when it belongs to none.
        task: The index in the array, or a list of these such as ``5-20``; empty outside of arrays.
        state: The batch system's own word.
        phase: How far it is.
        ending: How it ended; empty before.
        began: True if it has, or had, a place to run on.
        user: The user whose job it is, as the batch system and :attr:`Site.user <pyxenon_server.schedulers.batch.dialect.Site>` have it.
        submitted: In seconds since 1970-01-01 UTC by the batch system's clock; None when it is not known.
        name: The job's name.
        tag: What stands where a tag is; empty when nothing does.
        reason: Why it is in this state.
        source: The command that said so.
        information: What else it says, by the names that people see.
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
    """A queue. The times are in minutes, None where there is no such limit."""

    name: str
    default: bool
    default_time: int | None
    most_time: int | None


def _signal_number(signal: str) -> int:
    number = Signals.__members__.get(f"SIG{signal}")
    return number if number is not None else int(signal or 0)
