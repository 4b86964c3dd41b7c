"""The state of one job, from answers that come, lag, leave it out or speak of another one.

A job that a good answer leaves out has left the controller's memory: what the accounting says of it counts, once it says that the job has
ended (it may lag, and it may speak of an older job of that number). When nobody can tell how a job ended, it stays not done, with an error
that says so; waiting for it ends then, because nothing will ever tell more.
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

_GRACE = 60.0  # for the accounting to catch up with a job that is gone
_SLACK = 60.0  # between the clocks of a login node and of the controller
_ANSWERS_NEEDED = 2  # without a job in them, before it counts as gone


@dataclass(eq=False)
class Tracked:
    """A job that somebody asked about.

    Attributes:
        dialect: The words of the batch system.
        job: Its id.
        number: The number of the job, or of the array that it is an element of.
        index: Of an element of an array; empty for a job.
        tag: Of a job that this scheduler submitted; empty for others.
        name: The name in its description.
        at: When it was submitted, by the cluster's clock.
        ours: Whether it is known to be the user's own.
        records: The last that was said of each of its elements, by their numbers.
        state: What is known; None when nothing is yet.
        alive: Whether the last answer had it, or an element of it, not ended.
        missed: How many good answers have left it out, or an element of it, one after the other.
        gone_since: When the first of these came, by this machine's monotonic clock.
        lost: Whether nothing more will ever be known.
        exit_status: What the command of an interactive job ended with.
        changed_at: When something last happened to it, as far as is known, by this machine's monotonic clock.
        left_at: When somebody last stopped waiting for it, by the same clock.
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
        """True if it has ended, or nothing more will be known."""
        return self.lost or (self.state is not None and self.state.done)

    def told(self, found: Mapping[str, list[JobRecord]], now: float) -> bool:
        """Take note of what the batch system says at *now*; return False when it leaves out what has not ended."""
        records = self._mine(found)
        current = {record.job: record for record in records}
        before = {} if current and self.index else self.records  # an element that begins to run gets a number of its own
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
        """Take note of what the history says, now that the batch system does not know the job, or one of its elements, any more."""
        records = self._mine(past)
        ended = {record.job: record for record in records if record.has_ended}
        self.records = {**self.records, **{job: record for job, record in ended.items() if not self._has_ended(job)}}
        if self.records and ended:
            self._set(job_state(self.job, list(self.records.values())))
        elif records and self.state is None:
            self._set(job_state(self.job, records))  # it lags, but is all there is
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
            self.records = {}  # which nobody needs any more

    def _mine(self, found: Mapping[str, list[JobRecord]]) -> list[JobRecord]:
        """Return the records that are of the job, or of the element of an array that it is."""
        records = [record for record in found.get(self.number, ()) if self._is_it(record)]
        return [record for record in records if record.task and covers(record.task, self.index)] if self.index else records

    def _is_it(self, record: JobRecord) -> bool:
        """Return True if *record* is of the job itself, and not of another one that has, or had, its number.

        A job that was put back into the queue counts as submitted then. A tag may have been lost since, but not changed to another one.
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
        """Return True if it is an element that was waiting so lately that, had it begun since, the batch system would know of it."""
        if not self.dialect.forgets_waiting_elements or not self.index or self.state is None or not self.records:
            return False
        waited = not self.state.running and not self.state.done
        return waited and time.time() - self.state.seen < self.dialect.site.seconds_kept / 2

    def _removed(self) -> JobState:
        """Return the state of an element of an array that was taken off the list of those that wait."""
        error = JobCanceledException(f"job {self.job}: it was cancelled before it started", adaptor=self.dialect.name)
        return JobState(self.job, "CANCELLED", done=True, evidence=self.dialect.asker, error=error, information=self._last_information())

    def _by_converser(self, status: int) -> JobState:
        state = "COMPLETED" if status == 0 else "FAILED"
        return JobState(self.job, state, done=True, exit_code=status, evidence=self.dialect.converser)

    def _lost(self) -> JobState:
        seen = f"its last known state was {self.state.state}" if self.state is not None else "its state was never known"
        has_history = self.dialect.site.has_history
        asked = "the accounting does not say how it ended" if has_history else "there is no accounting to say how it ended"
        reason = f"job {self.job} has left the queue, and {asked}; {seen}"
        hint = "Ask for the states of jobs more often, before the controller forgets those that have ended."
        error = NoSuchJobException(reason, adaptor=self.dialect.name, hint=hint)
        information = self._last_information()
        return JobState(self.job, "UNKNOWN", reason=reason, evidence=self.dialect.asker, error=error, information=information)

    def _last_information(self) -> dict[str, str]:
        return dict(self.state.information) if self.state is not None else {}


def _gist(state: JobState) -> tuple[str, str, bool, bool]:
    return state.state, state.reason, state.running, state.done
