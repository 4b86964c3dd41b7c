"""What is known of the jobs of one scheduler, and the queries that tell it.

There is one query for all jobs that somebody asks about, never two at once, and none sooner than the poll delay after the one before. Those
who ask while it is under way share the next one. With nobody waiting there are none.

A query that fails changes nothing that is known. A job that a good answer leaves out has left the controller's memory: what the accounting
says of it counts, once it says that the job has ended (it may lag, and it may speak of an older job of that number). When nobody can tell
how a job ended, it stays not done, with an error that says so; waiting for it ends then, because nothing will ever tell more.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pyxenon_core.errors import (
    ConnectionLostException,
    IOException,
    JobCanceledException,
    NoSuchJobException,
    NotConnectedException,
    SchedulerClosedException,
    XenonError,
)
from pyxenon_server.adaptors.job_state import JobState
from pyxenon_server.schedulers.batch.arrays import covers
from pyxenon_server.schedulers.batch.commands import Commands
from pyxenon_server.schedulers.batch.dialect import Dialect, Verdict
from pyxenon_server.schedulers.batch.records import JobRecord
from pyxenon_server.schedulers.batch.states import job_state
from pyxenon_server.schedulers.batch.tags import TAG_PREFIX, new_token

__all__ = ["Poller"]

_GRACE = 60.0  # for the accounting to catch up with a job that is gone
_SLACK = 60.0  # between the clocks of a login node and of the controller
_SLOWEST = 10  # times the poll delay
_PATIENCE = 15 * 60.0  # with queries that fail, before those who wait are told
_ANSWERS_NEEDED = 2  # without a job in them, before it counts as gone
_log = logging.getLogger("xenon.server")
_TRANSIENT = (NotConnectedException, ConnectionLostException, IOException)


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
        error = JobCanceledException(f"job {self.job}: it was cancelled before it began", adaptor=self.dialect.name)
        return JobState(self.job, "CANCELLED", done=True, evidence=self.dialect.asker, error=error, information=self._last_information())

    def _by_converser(self, status: int) -> JobState:
        state = "COMPLETED" if status == 0 else "FAILED"
        return JobState(self.job, state, done=True, exit_code=status, evidence=self.dialect.converser)

    def _lost(self) -> JobState:
        seen = f"it was last seen {self.state.state}" if self.state is not None else "it was never seen"
        has_history = self.dialect.site.has_history
        asked = "the accounting does not tell how it ended" if has_history else "there is no accounting to tell how it ended"
        reason = f"job {self.job} has left the queue and {asked}; {seen}"
        hint = "Ask for the states of jobs more often than the controller forgets them."
        error = NoSuchJobException(reason, adaptor=self.dialect.name, hint=hint)
        information = self._last_information()
        return JobState(self.job, "UNKNOWN", reason=reason, evidence=self.dialect.asker, error=error, information=information)

    def _last_information(self) -> dict[str, str]:
        return dict(self.state.information) if self.state is not None else {}


def _gist(state: JobState) -> tuple[str, str, bool, bool]:
    return state.state, state.reason, state.running, state.done


@dataclass(eq=False)
class _Waiter:
    happened: Callable[[JobState], bool]
    future: asyncio.Future[JobState]


@dataclass(eq=False)
class PendingQuery:
    """A scheduled or running query: the jobs it covers, how many wait for its answer, and the task, which gives its error."""

    jobs: set[str] = field(default_factory=set)
    askers: int = 0
    task: asyncio.Task[XenonError | None] | None = None


class Poller:
    """Knows the states of jobs.

    Args:
        commands: The batch system's commands.
        delay: Seconds from one query to the next, at least.
    """

    def __init__(self, commands: Commands, delay: float) -> None:
        self._commands = commands
        self._dialect = commands.dialect
        self._delay = delay
        self._jobs: dict[str, Tracked] = {}
        self._lock = asyncio.Lock()
        self._next: PendingQuery | None = None
        self._queries: set[asyncio.Task[XenonError | None]] = set()
        self._trouble: XenonError | None = None
        self._answered: set[str] = set()
        self._asked_at = float("-inf")
        self._answered_at = float("-inf")
        self._changed_at = 0.0
        self._waiters: dict[str, list[_Waiter]] = {}
        self._driver: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._closed = False

    def add(self, job: str, tag: str, name: str, at: float | None, evidence: str = "") -> None:
        """Take note of a job that was just submitted, as *evidence* says; the command that submits when it is empty."""
        state = JobState(job, "PENDING", evidence=evidence or self._dialect.submitter, name=name)
        self._jobs[job] = Tracked(self._dialect, job, *(self._dialect.parse_id(job) or (job, "")), tag, name, at, ours=True, state=state)

    def is_known(self, job: str) -> bool:
        """Whether it is a job that this scheduler submitted."""
        tracked = self._jobs.get(job)
        return tracked is not None and bool(tracked.tag)

    def last(self, job: str) -> JobState | None:
        """What was last told of a job that this scheduler submitted; None for any other."""
        return self._jobs[job].state if self.is_known(job) else None

    def ended(self, job: str, status: int) -> None:
        """Take note of what the command of an interactive job ended with, for the case that nobody else tells."""
        if job in self._jobs:
            self._jobs[job].exit_status = status

    async def states(self, jobs: Sequence[str], *, fresh: bool = False) -> list[JobState | XenonError]:
        """What is known of each of *jobs*, from an answer that is no older than the poll delay; with *fresh*, from a query begun later.

        An error stands for a job that there is not. Raises the error of the query when that failed.
        """
        known = [job for job in jobs if self._track(job) is not None]
        wanted = [job for job in known if not self._jobs[job].settled]
        if wanted and (fresh or not self._is_recent(wanted)):
            await self._ask(wanted)
        return [self._outcome(job) for job in jobs]

    async def wait(self, job: str, happened: Callable[[JobState], bool], timeout: float | None) -> JobState:
        """As :meth:`pyxenon_server.adaptors.base.Scheduler.wait`."""
        tracked = self._track(job)
        if tracked is None:
            raise self._no_such(job)
        if tracked.state is not None and (tracked.settled or (self._is_recent([job]) and happened(tracked.state))):
            return tracked.state
        waiter = _Waiter(happened, asyncio.get_running_loop().create_future())
        self._waiters.setdefault(job, []).append(waiter)
        self._drive()
        try:
            return await asyncio.wait_for(waiter.future, timeout)
        except TimeoutError:
            return await self._at_last(tracked)
        finally:
            self._waiters[job].remove(waiter)
            if not self._waiters[job]:
                del self._waiters[job]
            if not self._waiters and self._driver is not None:
                self._driver.cancel()
                self._driver = None

    async def close(self) -> None:
        """Stop; who still waits gets an error."""
        self._closed = True
        tasks = [*self._queries, *([self._driver] if self._driver else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._fail_waiters(SchedulerClosedException("the scheduler was closed while the job was waited for", adaptor=self._dialect.name))

    def _track(self, job: str) -> Tracked | None:
        """Return what is known of *job*, from now on at least; None for what cannot be an id."""
        if job not in self._jobs:
            parts = self._dialect.parse_id(job)
            if parts is None:
                return None
            self._jobs[job] = Tracked(self._dialect, job, *parts)
        return self._jobs[job]

    def _no_such(self, job: str) -> XenonError:
        return NoSuchJobException(f"{self._dialect.title} knows no job {job!r}", adaptor=self._dialect.name)

    async def _at_last(self, tracked: Tracked) -> JobState:
        """What is known when time is up: the last state, or the first, if there is none yet."""
        if tracked.state is None:
            (state,) = await self.states([tracked.job])
            if isinstance(state, XenonError):
                raise state
            return state
        if self._trouble is not None and not tracked.settled:
            return replace(tracked.state, error=copy.copy(self._trouble))
        return tracked.state

    def _is_recent(self, jobs: Iterable[str]) -> bool:
        recent = time.monotonic() - self._answered_at <= self._delay
        return recent and self._answered.issuperset(jobs)

    def _outcome(self, job: str) -> JobState | XenonError:
        tracked = self._jobs.get(job)
        if tracked is not None and tracked.state is not None:
            return tracked.state
        if tracked is not None and job not in self._waiters:
            del self._jobs[job]  # there is nothing to remember
        return self._no_such(job)

    async def _ask(self, jobs: Iterable[str]) -> None:
        """Have *jobs* in a query that begins later than now, and raise its error."""
        if self._closed:
            raise SchedulerClosedException("the scheduler is closed", adaptor=self._dialect.name)
        if self._next is None:
            self._next = PendingQuery()
            self._next.task = asyncio.get_running_loop().create_task(self._take(self._next))
            self._queries.add(self._next.task)
            self._next.task.add_done_callback(self._queries.discard)
        error = await self._answer_of(self._next, jobs)
        if error is not None:
            raise copy.copy(error)  # each has a traceback of its own

    async def _answer_of(self, query: PendingQuery, jobs: Iterable[str]) -> XenonError | None:
        query.jobs.update(jobs)
        query.askers += 1
        try:
            return await asyncio.shield(query.task) if query.task else None
        except asyncio.CancelledError:
            if self._closed:
                raise SchedulerClosedException("the scheduler was closed", adaptor=self._dialect.name) from None
            raise
        finally:
            query.askers -= 1

    async def _take(self, query: PendingQuery) -> XenonError | None:
        """One query, when it may be, if anybody still waits for it; gives its error."""
        async with self._lock:
            await asyncio.sleep(self._asked_at + self._delay - time.monotonic())
            self._next = None
            if not query.askers:
                return None
            self._asked_at = time.monotonic()
            # All that have not ended are asked for together: who waits for one after the other then pays for one query, and not for many.
            jobs = query.jobs.union(job for job, tracked in self._jobs.items() if tracked.ours and not tracked.settled)
            try:
                await self._query([self._jobs[job] for job in jobs if job in self._jobs])
            except XenonError as error:
                self._answered, self._trouble = set(), error
                return error
            self._answered, self._trouble = jobs, None
            self._answered_at = self._asked_at
            return None

    async def _query(self, asked: list[Tracked]) -> None:
        records = await self._queue(asked)
        now = time.time()
        gone = [tracked for tracked in asked if not tracked.told(records, now)]
        if gone:
            await self._find_gone(gone)
        self._changed_at = max((self._changed_at, *(tracked.changed_at for tracked in asked)))
        for tracked in asked:
            self._tell(tracked)

    async def _find_gone(self, gone: list[Tracked]) -> None:
        try:
            past = await self._history(gone) if self._dialect.site.has_history else {}
        except XenonError as error:
            _log.info("the accounting does not tell of %d jobs that have left the queue: %s", len(gone), error)
            for tracked in gone:  # it may tell later
                tracked.gone_since = time.monotonic()
            return
        for tracked in gone:
            tracked.told_by_history(past)

    async def _queue(self, asked: list[Tracked]) -> dict[str, list[JobRecord]]:
        """Return what the batch system says, by the number of the job or array."""
        token = new_token()
        numbers = sorted({tracked.number for tracked in asked})
        own = all(tracked.ours for tracked in asked)
        answer = await self._commands.query(self._dialect.query(token, numbers, own=own))
        if answer.status and self._dialect.classify(answer.status, answer.stdout, answer.stderr) is not Verdict.NO_JOB:
            who = f"{self._dialect.title} on {self._commands.place}"
            reason = f"{who} refused to tell the states of jobs: {answer.stderr.strip()}"
            raise IOException(reason, adaptor=self._dialect.name)
        return _by_number(self._dialect.parse_query(answer.stdout, token))

    async def _history(self, gone: list[Tracked]) -> dict[str, list[JobRecord]]:
        token = new_token()
        numbers = sorted({tracked.number for tracked in gone})
        return _by_number(self._dialect.parse_history(await self._commands.ask(self._dialect.history(token, numbers)), token))

    def _tell(self, tracked: Tracked) -> None:
        """Tell those who wait for a job."""
        for waiter in self._waiters.get(tracked.job, ()):
            if waiter.future.done():
                continue
            if tracked.state is not None:
                if tracked.settled or waiter.happened(tracked.state):
                    waiter.future.set_result(tracked.state)
            elif not tracked.tag:
                waiter.future.set_exception(self._no_such(tracked.job))

    def _drive(self) -> None:
        """Somebody has begun to wait."""
        self._changed_at = time.monotonic()
        self._hurry.set()
        if self._driver is None or self._driver.done():
            self._driver = asyncio.get_running_loop().create_task(self._keep_asking())

    async def _keep_asking(self) -> None:
        """Ask for as long as somebody waits: often when something happened lately, else less often."""
        pause = 0.0
        failing_since: float | None = None
        while self._waiters and self._driver is asyncio.current_task():
            await self._sleep_until(self._asked_at + pause)
            try:
                await self._ask(list(self._waiters))
                failing_since, pause = None, self._pause()
            except XenonError as error:
                now = time.monotonic()
                failing_since = now if failing_since is None else failing_since
                pause = min(30.0, max(self._delay, 2 * pause))
                if not isinstance(error, _TRANSIENT) or now - failing_since > _PATIENCE:
                    self._fail_waiters(error)

    async def _sleep_until(self, moment: float) -> None:
        """Sleep until *moment*, or until somebody begins to wait."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), moment - time.monotonic())
        self._hurry.clear()

    def _pause(self) -> float:
        """A tenth of the time in which nothing has happened, from the delay to ten times that."""
        return min(_SLOWEST * self._delay, max(self._delay, 0.1 * (time.monotonic() - self._changed_at)))

    def _fail_waiters(self, error: XenonError) -> None:
        for waiters in self._waiters.values():
            for waiter in waiters:
                if not waiter.future.done():
                    waiter.future.set_exception(copy.copy(error))


def _by_number(records: Iterable[JobRecord]) -> dict[str, list[JobRecord]]:
    found: dict[str, list[JobRecord]] = {}
    for record in records:
        found.setdefault(record.array, []).append(record)
    return found
