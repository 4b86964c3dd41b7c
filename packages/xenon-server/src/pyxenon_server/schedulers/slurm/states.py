"""Interpret Slurm's words for the state of a job, and its information about the job's end.

For an ended job Slurm prints a word for the state, the program's exit status and a signal. Not all of these can be trusted: a job that
reached its time limit, or was cancelled while it waited, has the status 0; one whose node failed has a signal that nobody sent. So an exit
code is reported only if a program ended with it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pyxenon_core.errors import JobCanceledException, XenonError
from pyxenon_server.schedulers.batch.records import Ending, JobRecord, Phase
from pyxenon_server.schedulers.slurm.parsing import Record, tag_of
from pyxenon_server.shells.words import signal_name

__all__ = ["PHASES", "ending_of", "interpreted", "phase_of"]

PHASES = {
    "PENDING": Phase.WAITING,
    "CONFIGURING": Phase.WAITING,
    "REQUEUED": Phase.WAITING,
    "REQUEUE_FED": Phase.WAITING,
    "REQUEUE_HOLD": Phase.WAITING,
    "RESV_DEL_HOLD": Phase.WAITING,
    "SPECIAL_EXIT": Phase.WAITING,
    "LAUNCH_FAILED": Phase.WAITING,
    "RECONFIG_FAIL": Phase.WAITING,
    "POWER_UP_NODE": Phase.WAITING,
    "EXPEDITING": Phase.WAITING,
    "RUNNING": Phase.RUNNING,
    "COMPLETING": Phase.RUNNING,
    "SUSPENDED": Phase.RUNNING,
    "STOPPED": Phase.RUNNING,
    "SIGNALING": Phase.RUNNING,
    "RESIZING": Phase.RUNNING,
    "STAGE_OUT": Phase.RUNNING,
    "COMPLETED": Phase.ENDED,
    "CANCELLED": Phase.ENDED,
    "FAILED": Phase.ENDED,
    "TIMEOUT": Phase.ENDED,
    "NODE_FAIL": Phase.ENDED,
    "PREEMPTED": Phase.ENDED,
    "BOOT_FAIL": Phase.ENDED,
    "DEADLINE": Phase.ENDED,
    "OUT_OF_MEMORY": Phase.ENDED,
    "REVOKED": Phase.ENDED,
}

# Why a job ended, for states in which its program did not end by itself.
_ENDED_BY = {
    "CANCELLED": (JobCanceledException, "it was cancelled"),
    "TIMEOUT": (JobCanceledException, "it was killed because it reached its time limit"),
    "DEADLINE": (JobCanceledException, "it was killed at its deadline"),
    "PREEMPTED": (JobCanceledException, "it was killed to make room for another job"),
    "OUT_OF_MEMORY": (XenonError, "it was killed because it exceeded its memory limit"),
    "NODE_FAIL": (XenonError, "a node that it ran on failed"),
    "BOOT_FAIL": (XenonError, "a node allocated to it failed to boot"),
    "REVOKED": (XenonError, "another cluster of the federation runs it"),
}
_HINTS = {
    "OUT_OF_MEMORY": "Submit it again with a larger max_memory.",
    "NODE_FAIL": "Submit it again.",
    "BOOT_FAIL": "Submit it again.",
}
# In these states Slurm may print a signal that nobody sent to the program.
_UNRELIABLE_SIGNAL = ("NODE_FAIL", "BOOT_FAIL", "DEADLINE", "REVOKED", "OUT_OF_MEMORY")
_COULD_NOT_START = 53  # Slurm writes this in place of a signal if it cannot open a job's files


def interpreted(record: Record) -> JobRecord:
    """Convert *record* to the form that is common to all batch systems."""
    phase = phase_of(record)
    ended = phase is Phase.ENDED
    return JobRecord(
        job=record.job,
        array=record.array,
        task=record.task,
        state=record.state,
        phase=phase,
        ending=ending_of(record) if ended else Ending(),
        began=bool(record.nodes),
        user=record.user,
        submitted=record.submitted,
        name=record.name,
        tag=tag_of(record),
        reason=record.reason,
        source=record.source,
        information=_information(record, ended),
    )


def phase_of(record: Record) -> Phase:
    """Return the phase that the state of *record* means.

    The accounting may show an end state before the job's end is recorded: without an end time, its exit code is not valid yet.
    """
    phase = PHASES.get(record.state, Phase.UNKNOWN)
    is_early = phase is Phase.ENDED and record.source == "sacct" and record.ended is None
    return Phase.UNKNOWN if is_early else phase


def ending_of(record: Record) -> Ending:
    """Return the end of an ended job, as far as it is known."""
    exit_code, signal = _exit_code(record), _signal(record)
    if record.state in _ENDED_BY:
        return Ending(exit_code, signal, _ended_by(record))
    if record.state == "FAILED" and exit_code is None and not signal:
        return Ending(error=_never_began(record))
    return Ending(exit_code, signal)


def _exit_code(record: Record) -> int | None:
    if not record.nodes or record.exit_code.signal:
        return None
    return record.exit_code.status if record.exit_code.status or record.state == "COMPLETED" else None


def _signal(record: Record) -> str:
    number = record.exit_code.signal
    if not record.nodes or not number or number == _COULD_NOT_START or record.state in _UNRELIABLE_SIGNAL:
        return ""
    return signal_name(number)


def _ended_by(record: Record) -> XenonError:
    error, words = _ENDED_BY[record.state]
    by = f" by the user {record.by}" if record.by else ""
    reason = f" ({record.reason})" if record.reason and record.state != "CANCELLED" else ""
    return error(f"{_subject(record)}: {words}{by}{reason}", adaptor="slurm", hint=_HINTS.get(record.state, ""))


def _never_began(record: Record) -> XenonError:
    if record.exit_code.signal == _COULD_NOT_START:
        why = "its files or its working directory could not be opened"
    else:
        why = record.reason or f"Slurm gives no reason, only the exit code {record.exit_code}"
    return XenonError(f"{_subject(record)} could not start: {why}", adaptor="slurm")


def _subject(record: Record) -> str:
    return f"job {record.array}_{record.task}" if record.task else f"job {record.job}"


def _information(record: Record, ended: bool) -> dict[str, str]:
    told = {
        "JobId": record.array,
        "JobState": record.state,
        "Reason": record.reason,
        "Partition": record.partition,
        "NodeList": record.nodes,
        "UserId": record.user,
        "SubmitTime": _time(record.submitted),
        "StartTime": _time(record.started),
        "EndTime": _time(record.ended),
        "Restarts": str(record.restarts) if record.restarts else "",
        "ExitCode": str(record.exit_code) if ended else "",
    }
    return {key: value for key, value in told.items() if value}


def _time(moment: float | None) -> str:
    return "" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
