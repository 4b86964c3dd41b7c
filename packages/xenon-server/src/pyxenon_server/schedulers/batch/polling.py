"""Poll the states of the jobs of one scheduler.

One query covers all jobs that clients ask about. There are never two queries at once, and none sooner than the poll delay after the one
before. Requests that arrive during a query share the next one. While nobody waits, nothing is queried.

A query that fails leaves the known states unchanged.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from pyxenon_core.errors import (
    ConnectionLostException,
    IOException,
    NoSuchJobException,
    NotConnectedException,
    SchedulerClosedException,
    XenonError,
)
from pyxenon_server.adaptors.job_state import JobState
from pyxenon_server.schedulers.batch.commands import Commands
from pyxenon_server.schedulers.batch.dialect import Verdict
from pyxenon_server.schedulers.batch.job_table import JobTable
from pyxenon_server.schedulers.batch.records import JobRecord
from pyxenon_server.schedulers.batch.tags import new_token
from pyxenon_server.schedulers.batch.tracking import Tracked

__all__ = ["Poller"]

_SLOWEST = 10  # times the poll delay
_PATIENCE = 15 * 60.0  # seconds for which queries may fail before waiting clients get the error
_SLOWEST_FAILING = 30.0  # seconds
_BETWEEN_ROUNDS = 5.0  # maximum seconds between two rounds of a client's waiting
_log = logging.getLogger("xenon.server")
_TRANSIENT = (NotConnectedException, ConnectionLostException, IOException)


@dataclass(eq=False)
class _Waiter:
    happened: Callable[[JobState], bool]
    future: asyncio.Future[JobState]


@dataclass(eq=False)
class PendingQuery:
    """A scheduled or running query: the jobs it covers, the number of its waiters, and its task, which returns its error."""

    jobs: set[Tracked] = field(default_factory=set)
    askers: int = 0
    task: asyncio.Task[XenonError | None] | None = None


class Poller:
    """Keeps the states of jobs up to date.

    Args:
        commands: The batch system's commands.
        delay: Minimum seconds between two queries.
    """

    def __init__(self, commands: Commands, delay: float) -> None:
        self._commands = commands
        self._dialect = commands.dialect
        self._delay = delay
        self._jobs = JobTable(self._dialect, self._is_awaited)
        self._lock = asyncio.Lock()
        self._next: PendingQuery | None = None
        self._queries: set[asyncio.Task[XenonError | None]] = set()
        self._trouble: XenonError | None = None
        self._answered: set[Tracked] = set()
        self._asked_at = float("-inf")
        self._answered_at = float("-inf")
        self._changed_at = 0.0
        self._failures = 0
        self._waiters: dict[Tracked, list[_Waiter]] = {}
        self._driver: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._closed = False

    def add(self, job: str, tag: str, name: str, at: float | None, evidence: str = "") -> None:
        """Add a job that was just submitted. *evidence* is the command that says so; by default the one that submits batch jobs."""
        state = JobState(job, "PENDING", evidence=evidence or self._dialect.submitter, name=name)
        number, index = self._dialect.parse_id(job) or (job, "")
        self._jobs.put(Tracked(self._dialect, job, number, index, tag, name, at, ours=True, state=state))
        self._changed_at = time.monotonic()

    def is_known(self, job: str) -> bool:
        """Return True if this scheduler submitted *job*, and has not forgotten it after ten thousand others that ended."""
        tracked = self._jobs.get(job)
        return tracked is not None and bool(tracked.tag)

    def last(self, job: str) -> JobState | None:
        """Return the last known state of a job that this scheduler submitted; None for any other."""
        tracked = self._jobs.get(job)
        return tracked.state if tracked is not None and tracked.tag else None

    def ended(self, job: str, status: int) -> None:
        """Record the exit status of an interactive job's command, for use if the batch system does not report the job's end."""
        tracked = self._jobs.get(job)
        if tracked is not None:
            tracked.exit_status = status

    async def states(self, jobs: Sequence[str], *, fresh: bool = False) -> list[JobState | XenonError]:
        """Return the state of each of *jobs*, not older than the poll delay; with *fresh*, from a query that begins after this call.

        A job that does not exist has an error in place of its state. Raises the query's error if the query fails.
        """
        asked = [self._jobs.track(job) for job in jobs]
        wanted = [tracked for tracked in asked if tracked is not None and not tracked.settled]
        if wanted and (fresh or not self._is_recent(wanted)):
            await self._ask(wanted)
        return [self._outcome(job, tracked) for job, tracked in zip(jobs, asked, strict=True)]

    async def wait(self, job: str, happened: Callable[[JobState], bool], timeout: float | None) -> JobState:
        """Wait like :meth:`pyxenon_server.adaptors.base.Scheduler.wait`."""
        tracked = self._jobs.track(job)
        if tracked is None:
            raise self._no_such(job)
        if tracked.state is not None and (tracked.settled or (self._is_recent([tracked]) and happened(tracked.state))):
            return tracked.state
        waiter = _Waiter(happened, asyncio.get_running_loop().create_future())
        self._waiters.setdefault(tracked, []).append(waiter)
        self._drive(tracked)
        try:
            return await asyncio.wait_for(waiter.future, timeout)
        except TimeoutError:
            return await self._at_last(tracked)
        finally:
            tracked.left_at = time.monotonic()
            self._waiters[tracked].remove(waiter)
            if not self._waiters[tracked]:
                del self._waiters[tracked]
            if not self._waiters and self._driver is not None:
                self._driver.cancel()
                self._driver = None

    async def close(self) -> None:
        """Stop; clients that still wait get an error."""
        self._closed = True
        tasks = [*self._queries, *([self._driver] if self._driver else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._fail_waiters(SchedulerClosedException("the scheduler was closed during the wait for the job", adaptor=self._dialect.name))

    def _is_awaited(self, tracked: Tracked) -> bool:
        return tracked in self._waiters

    def _no_such(self, job: str) -> XenonError:
        return NoSuchJobException(f"{self._dialect.title} has no job {job!r}", adaptor=self._dialect.name)

    async def _at_last(self, tracked: Tracked) -> JobState:
        """Return the last known state when the time is up; query it if there is none yet."""
        if tracked.state is None:
            (state,) = await self.states([tracked.job])
            if isinstance(state, XenonError):
                raise state
            return state
        if self._trouble is not None and not tracked.settled:
            return replace(tracked.state, error=copy.copy(self._trouble))
        return tracked.state

    def _is_recent(self, jobs: Iterable[Tracked]) -> bool:
        recent = time.monotonic() - self._answered_at <= self._delay
        return recent and self._answered.issuperset(jobs)

    def _outcome(self, job: str, tracked: Tracked | None) -> JobState | XenonError:
        if tracked is not None and tracked.state is not None:
            return tracked.state
        if tracked is not None and tracked not in self._waiters:
            self._jobs.forget(tracked)
        return self._no_such(job)

    async def _ask(self, jobs: Iterable[Tracked]) -> None:
        """Add *jobs* to the next query, wait for it, and raise its error if it fails."""
        if self._closed:
            raise SchedulerClosedException("the scheduler is closed", adaptor=self._dialect.name)
        if self._next is None:
            self._next = PendingQuery()
            self._next.task = asyncio.get_running_loop().create_task(self._take(self._next))
            self._queries.add(self._next.task)
            self._next.task.add_done_callback(self._queries.discard)
        error = await self._answer_of(self._next, jobs)
        if error is not None:
            raise copy.copy(error)  # so that each waiter's error has its own traceback

    async def _answer_of(self, query: PendingQuery, jobs: Iterable[Tracked]) -> XenonError | None:
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
        """Run *query* once the poll delay allows it, if anybody still waits for it; return its error."""
        async with self._lock:
            await asyncio.sleep(self._asked_at + self._delay - time.monotonic())
            self._next = None
            if not query.askers:
                return None
            self._hurry.clear()
            self._asked_at = time.monotonic()
            # Query all jobs that have not ended at once: a client that waits for one after the other then causes one query, not many.
            jobs = list(dict.fromkeys([*self._jobs.open(), *query.jobs]))
            try:
                await self._query(jobs)
            except XenonError as error:
                self._answered, self._trouble = set(), error
                self._failures += 1
                return error
            self._answered, self._trouble, self._failures = set(jobs), None, 0
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
            if self._jobs.get(tracked.job) is tracked:
                self._jobs.put(tracked)

    async def _find_gone(self, gone: list[Tracked]) -> None:
        try:
            past = await self._history(gone) if self._dialect.site.has_history else {}
        except XenonError as error:
            _log.info("cannot ask the accounting about %d jobs that have left the queue: %s", len(gone), error)
            for tracked in gone:  # the accounting may answer later
                tracked.gone_since = time.monotonic()
            return
        for tracked in gone:
            tracked.told_by_history(past)

    async def _queue(self, asked: list[Tracked]) -> dict[str, list[JobRecord]]:
        """Return the batch system's records, by the number of the job or array."""
        token = new_token()
        numbers = sorted({tracked.number for tracked in asked})
        own = all(tracked.ours for tracked in asked)
        answer = await self._commands.query(self._dialect.query(token, numbers, own=own))
        if answer.status and self._dialect.classify(answer.status, answer.stdout, answer.stderr) is not Verdict.NO_JOB:
            who = f"{self._dialect.title} on {self._commands.place}"
            reason = f"{who} refused a query for the states of jobs: {answer.stderr.strip()}"
            raise IOException(reason, adaptor=self._dialect.name)
        return _by_number(self._dialect.parse_query(answer.stdout, token))

    async def _history(self, gone: list[Tracked]) -> dict[str, list[JobRecord]]:
        token = new_token()
        numbers = sorted({tracked.number for tracked in gone})
        return _by_number(self._dialect.parse_history(await self._commands.ask(self._dialect.history(token, numbers)), token))

    def _tell(self, tracked: Tracked) -> None:
        """Resolve the waiters for *tracked* whose condition is met."""
        for waiter in self._waiters.get(tracked, ()):
            if waiter.future.done():
                continue
            if tracked.state is not None:
                if tracked.settled or waiter.happened(tracked.state):
                    waiter.future.set_result(tracked.state)
            elif not tracked.tag:
                waiter.future.set_exception(self._no_such(tracked.job))

    def _drive(self, tracked: Tracked) -> None:
        """Keep queries running now that a client waits for *tracked*; query soon if this is not the next round of a wait.

        Clients wait in rounds. A further round does not bring a query forward, and rounds do not make queries more frequent: only changes
        of jobs do.
        """
        if time.monotonic() - tracked.left_at > _BETWEEN_ROUNDS:
            self._hurry.set()
        if self._driver is None or self._driver.done():
            self._driver = asyncio.get_running_loop().create_task(self._keep_asking())

    async def _keep_asking(self) -> None:
        """Query for as long as anybody waits: often after a recent change, otherwise less often."""
        failing_since: float | None = None
        while self._waiters and self._driver is asyncio.current_task():
            await self._until_due()
            try:
                await self._ask(list(self._waiters))
                failing_since = None
            except XenonError as error:
                now = time.monotonic()
                failing_since = now if failing_since is None else failing_since
                if not isinstance(error, _TRANSIENT) or now - failing_since > _PATIENCE:
                    self._fail_waiters(error)
                    return

    async def _until_due(self) -> None:
        """Sleep until the pause since the last query is over, whoever caused that, or until a new wait begins."""
        while not self._hurry.is_set() and (seconds := self._asked_at + self._pause() - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), seconds)

    def _pause(self) -> float:
        """Return the seconds from the last query to the next one.

        This is a tenth of the time without a change up to the last query, but between one and ten times the poll delay. While queries
        fail, it doubles after each.
        """
        if self._failures:
            return min(_SLOWEST_FAILING, self._delay * 2.0 ** min(self._failures, 32))
        return min(_SLOWEST * self._delay, max(self._delay, 0.1 * (self._asked_at - self._changed_at)))

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
