"""Derive the state of a job from its records, or from those of its array's elements."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pyxenon_server.adaptors.job_state import JobState
from pyxenon_server.schedulers.batch.records import Ending, JobRecord, Phase

__all__ = ["job_state"]

_MOST_TELLING = (Phase.RUNNING, Phase.UNKNOWN, Phase.WAITING, Phase.ENDED)


def job_state(job: str, records: Sequence[JobRecord], seen: float | None = None) -> JobState:
    """Return the state of *job* from *records*: at least one, and several if it is an array.

    An array has begun when one of its elements has, and has ended when all have. Its end is then the worst of theirs.
    """
    done = all(record.has_ended for record in records)
    shown = max(records, key=lambda record: record.ending.severity) if done else min(records, key=_liveliness)
    ending = shown.ending if done else Ending()
    return JobState(
        job=job,
        state=shown.state,
        running=not done and any(record.phase is Phase.RUNNING or (record.has_ended and record.began) for record in records),
        done=done,
        exit_code=ending.exit_code,
        signal=ending.signal,
        reason=shown.reason,
        evidence=shown.source,
        seen=time.time() if seen is None else seen,
        error=ending.error,
        name=shown.name,
        information=_information(shown, records),
    )


def _liveliness(record: JobRecord) -> int:
    return _MOST_TELLING.index(record.phase)


def _information(shown: JobRecord, records: Sequence[JobRecord]) -> dict[str, str]:
    elements = " ".join(f"{record.task}={record.state}" for record in records if record.task)
    told = {**shown.information, "ArrayTasks": elements}
    return {key: value for key, value in told.items() if value}
