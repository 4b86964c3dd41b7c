"""Track the state of one job through answers that may be late, omit the job, or describe another job with its number.

A job that a successful query omits has left the controller's memory. Then the accounting decides, once it says that the job has ended (it
may be late, or describe an older job with that number). If the end of a job cannot be determined, the job stays not done, with an error
that says so; waiting for it ends then, because no more will ever be known.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pyxenon_core.errors import JobCanceledException, NoSuchJobException
from pyxenon_server.adaptors.job_state import JobState
from pyxenon_server.schedulers.batch.arrays import covers
from pyxenon_server.schedulers.batch.dialect import Dialect
from pyxenon_server.schedulers.batch.records import JobRecord
from pyxenon_server.schedulers.batch.states import job_state
from pyxenon_server.schedulers.batch.tags import TAG_PREFIX

__all__ = ["Tracked"]

_GRACE = 60.0  # seconds for the accounting to catch up with a job that is gone
_SLACK = 60.0  # seconds between the clocks of a login node and of the controller
_ANSWERS_NEEDED = 2  # answers that omit a job before it counts as gone


@dataclass(eq=False)
class Tracked:
    """A job that a client has asked about.

    Attributes:
        dialect: The dialect of the batch system.
        job: The job's id.
        number: The number of the job, or of its array.
        index: The index of an array element; empty for a job.
        tag: The tag of a job that this scheduler submitted; empty for others.
        name: The name in the job's description.
        at: When it was submitted, by the cluster's clock.
        ours: True if it is known to be the user's own.
        records: The last record of each of its elements, by their numbers.
        state: The last known state; None if there is none yet.
        alive: True if the last answer included it, or an element of it, as not ended.
        missed: How many successful queries in a row have omitted it or an element of it.
        gone_since: The time of the first of these, by this machine's monotonic clock.
        lost: True if no more will ever be known.
        exit_status: The exit status of an interactive job's command.
        changed_at: The time of the last known change, by this machine's monotonic clock.
        left_at: When a client last stopped waiting for it, by the same clock.
    """

    dialect: Dialect
    job: str
    number: str
    index: str = ""
    tag: str = ""
    name: str = ""
    at: float | None = None
    ours: bool = False
    records: dict[str, JobRecord] = field(default_factory=dict)
    state: JobState | None = None
    alive: bool = False
    missed: int = 0
    gone_since: float = 0.0
    lost: bool = False
    exit_status: int | None = None
    changed_at: float = 0.0
    left_at: float = float("-inf")

    @property
    def settled(self) -> bool:
        """True if the job has ended, or no more will be known."""
        return self.lost or (self.state is not None and self.state.done)

    def told(self, found: Mapping[str, list[JobRecord]], now: float) -> bool:
        """Update the job from the batch system's records of time *now*; return False if these omit something that has not ended."""
        records = self._mine(found)
        current = {record.job: record for record in records}
        before = {} if current and self.index else self.records  # an element gets its own number when it begins to run
        left_out = [number for number, record in before.items() if number not in current and not record.has_ended]
        self.records = {**before, **current}
        self.alive = any(not record.has_ended for record in records)
        if records:
            self.ours = all(record.user == self.dialect.site.user for record in records)
            self.at = self.at if self.at is not None else records[0].submitted
            self._set(job_state(self.job, list(self.records.values()), now))
        if records and not left_out:
            self.missed = 0
            return True
        if not self.missed:
            self.gone_since = time.monotonic()
        self.missed += 1
        return False

    def told_by_history(self, past: Mapping[str, list[JobRecord]]) -> None:
        """Update the job from the history's records, after the batch system has forgotten the job or one of its elements."""
        records = self._mine(past)
        ended = {record.job: record for record in records if record.has_ended}
        self.records = {**self.records, **{job: record for job, record in ended.items() if not self._has_ended(job)}}
        if self.records and ended:
            self._set(job_state(self.job, list(self.records.values())))
        elif records and self.state is None:
            self._set(job_state(self.job, records))  # the history is late, but there is nothing else
        elif self._left_while_waiting():
            self._set(self._removed())
        elif self.exit_status is not None:
            self._set(self._by_converser(self.exit_status))
        if self.state is not None and self.missed >= _ANSWERS_NEEDED and not self.settled and not self.alive and self._has_been_long():
            self.lost = True
            self._set(self._lost())

    def _set(self, state: JobState) -> None:
        before = self.state
        if before is None or _gist(before) != _gist(state):
            self.changed_at = time.monotonic()
        self.state = replace(state, name=self.name) if self.name else state
        if state.done:
            self.records = {}  # unused from now on

    def _mine(self, found: Mapping[str, list[JobRecord]]) -> list[JobRecord]:
        """Return the records of this job or array element."""
        records = [record for record in found.get(self.number, ()) if self._is_it(record)]
        return [record for record in records if record.task and covers(record.task, self.index)] if self.index else records

    def _is_it(self, record: JobRecord) -> bool:
        """Return True if *record* describes this job, not another one that has or had its number.

        Putting a job back into the queue renews its time of submission. Its tag may have been lost since, but not replaced by another one.
        """
        if self.tag and record.tag == self.tag:
            return True
        if self.at is not None and record.submitted is not None and record.submitted < self.at - _SLACK:
            return False
        return not (self.tag and record.tag.startswith(TAG_PREFIX))

    def _has_ended(self, number: str) -> bool:
        record = self.records.get(number)
        return record is not None and record.has_ended

    def _has_been_long(self) -> bool:
        return not self.dialect.site.has_history or time.monotonic() - self.gone_since > _GRACE

    def _left_while_waiting(self) -> bool:
        """Return True if it is an array element that waited so recently that, had it begun since, the batch system would still list it."""
        if not self.dialect.forgets_waiting_elements or not self.index or self.state is None or not self.records:
            return False
        waited = not self.state.running and not self.state.done
        return waited and time.time() - self.state.seen < self.dialect.site.seconds_kept / 2

    def _removed(self) -> JobState:
        """Return the state of an array element that was cancelled while it waited."""
        error = JobCanceledException(f"job {self.job}: it was cancelled before it started", adaptor=self.dialect.name)
        return JobState(self.job, "CANCELLED", done=True, evidence=self.dialect.asker, error=error, information=self._last_information())

    def _by_converser(self, status: int) -> JobState:
        state = "COMPLETED" if status == 0 else "FAILED"
        return JobState(self.job, state, done=True, exit_code=status, evidence=self.dialect.converser)

    def _lost(self) -> JobState:
        seen = f"its last known state was {self.state.state}" if self.state is not None else "its state was never known"
        has_history = self.dialect.site.has_history
        asked = "the accounting does not say how it ended" if has_history else "no accounting says how it ended"
        reason = f"job {self.job} has left the queue, and {asked}; {seen}"
        hint = "Ask for the states of jobs more often, before the controller forgets those that have ended."
        error = NoSuchJobException(reason, adaptor=self.dialect.name, hint=hint)
        information = self._last_information()
        return JobState(self.job, "UNKNOWN", reason=reason, evidence=self.dialect.asker, error=error, information=information)

    def _last_information(self) -> dict[str, str]:
        return dict(self.state.information) if self.state is not None else {}


def _gist(state: JobState) -> tuple[str, str, bool, bool]:
    return state.state, state.reason, state.running, state.done
