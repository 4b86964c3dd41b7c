"""Start jobs when their turn in the queue comes, end them with all their processes, and follow them across broken connections.

The state of a job comes from the keeper's events alone. When the connection breaks, the known states stay as they are. The next keeper
reports its records: a job without a record is started again if it was not known to run, and is lost if it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from pyxenon_core.errors import InvalidCredentialException, SchedulerClosedException, XenonError
from pyxenon_core.messages import JobDescription
from pyxenon_server.adaptors.job_state import JobState, is_done
from pyxenon_server.schedulers.processes.jobs import Job
from pyxenon_server.schedulers.processes.keeper import Keeper
from pyxenon_server.schedulers.processes.queues import Queue
from pyxenon_server.shells.base import Ended, Shell
from pyxenon_server.shells.words import signal_name

__all__ = ["JobTable"]

_log = logging.getLogger("xenon.server.jobs")

_MOST_REMEMBERED = 10_000
_FORGOTTEN_AT_ONCE = 32
_SECONDS_TO_FORGET = 1.0
_SECONDS_TO_END = 12
_SECONDS_TO_RECALL = 10
_SECONDS_TO_TELL = 1.0
_SECONDS_BETWEEN_LOOKS = 30.0
_PAUSES = (0.1, 0.3, 1.0, 2.0, 5.0, 15.0)
_CLOSED = "the scheduler was closed"


class JobTable:
    """The jobs of one scheduler.

    Args:
        shell: The shell on the machine where they run.
        lease: The seconds for which they run on after the connection to the machine has broken.
        queues: Their queues.

    Attributes:
        jobs: The known jobs, by id.
    """

    def __init__(self, shell: Shell, lease: int, queues: Iterable[Queue[Job]]) -> None:
        self.jobs: dict[str, Job] = {}
        self._queues = list(queues)
        self._keeper = Keeper(shell, lease, self._hear, self._connection_broke)
        self._numbers = itertools.count(1)
        self._listed: set[str] = set()
        self._ended: deque[Job] = deque()
        self._heard: list[str] = []
        self._forgetting: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._recalled: dict[str, asyncio.Future[str]] = {}
        self._events: dict[str, Callable[[Job, list[str]], None]] = {
            "started": self._started,
            "ended": self._ended_as,
            "gone": self._gone,
            "vanished": self._vanished,
        }
        self._tasks: set[asyncio.Task[None]] = set()
        self._reconnecting = False
        self._ending = False
        self._closed = False

    def new(self, description: JobDescription, queue: Queue[Job]) -> Job:
        """Create a job, without adding it to the table."""
        number = f"{next(self._numbers):08d}"
        return Job(f"{self._keeper.key}-{number}", number, description, queue)

    async def connect(self) -> None:
        """Make sure that a keeper is connected; raises what :meth:`Keeper.connect` raises, and SchedulerClosedException once closed."""
        if self._closed:
            raise SchedulerClosedException(_CLOSED)
        had_one = bool(self._keeper.folder)
        if await self._keeper.connect() and had_one and not self._keeper.returned:
            self._nothing_on_record()

    async def enter(self, job: Job) -> None:
        """Put *job* into its queue; it starts when its turn comes. Raises what :meth:`connect` raises, without queueing the job."""
        await self.connect()
        if self._ending:  # closed during the await: the job would never start
            raise SchedulerClosedException(f"{_CLOSED}: the job was not submitted")
        self.jobs[job.identity] = job
        job.queue.add(job)
        self._begin_what_can()

    def record_of(self, job: Job) -> str:
        """Return the path of the keeper's record of *job*."""
        return f"{self._keeper.folder}/j{job.number}"

    async def cancel(self, job: Job, why: str) -> JobState:
        """End *job* and all its processes, and wait at most twelve seconds until they are gone; return its state."""
        if job.sent == 0 and not job.over:
            self._withdraw(job, why)
        elif not job.over:
            self._ask(job, why)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._until_gone(job), _SECONDS_TO_END)
        return job.state

    def interactive_started(self, job: Job) -> None:
        """Record that the shell of an interactive *job* runs."""
        self._started(job, [])

    async def interactive_ended(self, job: Job, ended: Ended) -> None:
        """Record that the shell of an interactive *job* ended."""
        why = await self._recall(job) if ended.exit_code in (126, 127) else ""
        if why:
            job.stopped(why)
        elif job.asked:
            job.killed(ended)
        else:
            job.ended(ended)
        self._release(job)

    def interactive_lost(self, job: Job, why: str) -> None:
        """End an interactive *job* whose connection broke: its output cannot reach anybody any more."""
        job.orphan = True
        self._ask(job, f"the connection to the job was lost: {why}")

    async def close(self) -> None:
        """End all jobs and all their processes, and wait until they are gone."""
        self._ending = True
        for job in self._unfinished():
            if job.sent == 0:
                self._withdraw(job, _CLOSED)
            job.asked = job.asked or _CLOSED
        if self._unfinished() and not self._keeper.connected:
            with contextlib.suppress(XenonError):
                await self.connect()
        self._closed = True
        if self._keeper.connected and not await self._keeper.leave():
            _log.warning("the keeper did not confirm that all jobs have ended")
        for timer in (self._forgetting, self._looking):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._keeper.drop()
        for job in self._unfinished():
            job.lost(f"{_CLOSED} before it could see how the job ended")

    def _unfinished(self) -> list[Job]:
        return [job for job in self.jobs.values() if not job.over]

    def _begin_what_can(self) -> None:
        if self._ending or not self._keeper.connected:
            return
        for queue in self._queues:
            while (job := queue.take()) is not None:
                self._begin(job)

    def _begin(self, job: Job) -> None:
        job.sent = self._keeper.count
        if job.interactive:
            self._keeper.say("adopt", job.number)
            job.turn.set()
        else:
            self._keeper.say("start", job.number, script=job.script)

    def _withdraw(self, job: Job, why: str) -> None:
        job.asked = why
        job.killed()
        job.turn.set()
        self._release(job)

    def _ask(self, job: Job, why: str) -> None:
        """Ask the keeper to end *job*; without a connection, the next keeper is asked."""
        job.asked = job.asked or why
        job.gone.clear()
        self._keeper.say("end", job.number)

    async def _until_gone(self, job: Job) -> None:
        await job.wait(is_done, None)
        if job.state.done:
            await job.gone.wait()

    def _release(self, job: Job) -> None:
        """Free the slot of a job that is over, and forget the oldest such job beyond ten thousand."""
        if not job.queue.remove(job):
            return
        self._ended.append(job)
        if len(self._ended) > _MOST_REMEMBERED:
            del self.jobs[self._ended.popleft().identity]
        if job.sent:
            self._forget(job.number)
        self._begin_what_can()

    def _forget(self, number: str) -> None:
        """Have the keeper delete the record of job *number*, together with others."""
        self._heard.append(f"j{number}")
        if len(self._heard) >= _FORGOTTEN_AT_ONCE:
            self._forget_now()
        elif self._forgetting is None:
            self._forgetting = asyncio.get_running_loop().call_later(_SECONDS_TO_FORGET, self._forget_now)

    def _forget_now(self) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None
        heard, self._heard = self._heard, []
        self._keeper.say("forget", *heard)

    def _hear(self, words: list[str]) -> None:
        """Handle an event, as listed in :mod:`pyxenon_server.schedulers.processes.keeper`."""
        event, *rest = words
        if event == "listed":
            self._settle()
            return
        number, *how = rest
        self._listed.add(number)
        job = self.jobs.get(f"{self._keeper.key}-{number}")
        if job is None or (job.over and event == "ended"):
            self._forget(number)
        elif event == "recalled":
            self._recalled.pop(number).set_result(" ".join(how))
        else:
            self._events[event](job, how)

    def _started(self, job: Job, how: list[str]) -> None:
        if job.seconds is not None and job.timer is None and not job.over:
            why = f"the job ran longer than its max_runtime, {job.description.max_runtime} minutes"
            job.timer = asyncio.get_running_loop().call_later(job.seconds, self._ask, job, why)
        job.started(*how)
        self._look_later()

    def _ended_as(self, job: Job, how: list[str]) -> None:
        kind, value, *asked = how
        if kind == "stopped":
            job.stopped(value)
        elif asked:
            job.killed(_ended(kind, value))
        else:
            reason = f"{value}: either the program's exit code or signal {signal_name(int(value) - 128)}" if kind == "either" else ""
            job.ended(_ended(kind, value), reason)
        self._release(job)

    def _gone(self, job: Job, _how: list[str]) -> None:
        job.gone.set()
        if job.orphan:
            self._gone_unseen(job)
        elif not job.over:  # its own connection or its runner reports how, unless a client that does not read blocks it, or it was killed
            asyncio.get_running_loop().call_later(_SECONDS_TO_TELL, self._gone_unseen, job)

    def _gone_unseen(self, job: Job) -> None:
        if not job.over:
            job.killed()
            self._release(job)

    def _look_later(self) -> None:
        if self._looking is None and not self._closed:
            self._looking = asyncio.get_running_loop().call_later(_SECONDS_BETWEEN_LOOKS, self._look)

    def _look(self) -> None:
        """Have the keeper look for jobs whose runner was killed before them, and so cannot report their end."""
        self._looking = None
        if any(not job.interactive and job.state.running for job in self._unfinished()):
            self._keeper.say("look")
            self._look_later()

    def _vanished(self, job: Job, _how: list[str]) -> None:
        if not job.interactive or job.orphan:
            job.vanished("the job is gone, and its end was not observed")
            self._release(job)

    def _connection_broke(self, why: str) -> None:
        self._listed.clear()
        for future in self._recalled.values():
            future.cancel()
        for job in self._unfinished():
            job.out_of_sight(f"no news of the job since the connection broke: {why}")
        if not self._reconnecting and not self._ending and self._unfinished():
            self._reconnecting = True
            self._background(self._reconnect())

    async def _reconnect(self) -> None:
        pauses = itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1]))
        try:
            while not self._keeper.connected and self._unfinished():
                try:
                    await self.connect()
                except InvalidCredentialException as error:
                    _log.warning("giving up reconnecting to the jobs: %s", error)
                    return
                except XenonError as error:
                    _log.info("cannot reconnect to the jobs yet: %s", error)
                    await asyncio.sleep(next(pauses))
        finally:
            self._reconnecting = False
        self._begin_what_can()

    def _settle(self) -> None:
        """Compare the jobs with the records of a new keeper. The old one is dead, so that it cannot start anything any more."""
        listed, self._listed = self._listed, set()
        for job in self._told_to_another():
            if job.number in listed or job.interactive:
                job.sent = self._keeper.count
                if job.asked:
                    self._keeper.say("end", job.number)
            elif job.state.running:
                self._lose(job, "the machine has lost its record")
            else:
                self._begin(job)
        self._begin_what_can()

    def _nothing_on_record(self) -> None:
        """Handle the loss of all records: the machine was restarted, or the lease has expired and all jobs were ended."""
        for job in self._told_to_another():
            if not job.interactive or job.orphan:
                self._lose(job, "the machine has no record of any job: it was restarted, or was without a connection for too long")

    def _told_to_another(self) -> list[Job]:
        return [job for job in self._unfinished() if 0 < job.sent < self._keeper.count]

    def _lose(self, job: Job, why: str) -> None:
        job.lost(f"it is unknown whether the job still runs: {why}")
        self._release(job)

    async def _recall(self, job: Job) -> str:
        """Return why an interactive *job* could not start; empty if it could, or if that is not known."""
        if not self._keeper.connected:
            return ""
        future = self._recalled[job.number] = asyncio.get_running_loop().create_future()
        self._keeper.say("recall", job.number)
        try:
            return await asyncio.wait_for(future, _SECONDS_TO_RECALL)
        except (TimeoutError, asyncio.CancelledError):
            self._recalled.pop(job.number, None)
            return ""

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _ended(kind: str, value: str) -> Ended:
    return Ended(None, signal_name(int(value))) if kind == "signal" else Ended(int(value))
