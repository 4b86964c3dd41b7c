"""A scheduler for a machine without a batch system: the common part of the adaptors ``local`` and ``ssh``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import ClassVar

from typing_extensions import override

from pyxenon_core.errors import ConnectionLostException, NoSuchJobException, NotConnectedException
from pyxenon_core.messages import JobDescription
from pyxenon_server.adaptors.base import FileSystem, OpenRequest, Scheduler
from pyxenon_server.adaptors.job_state import JobState, QueueState
from pyxenon_server.adaptors.locations import SchedulerLocation
from pyxenon_server.adaptors.properties import Property, integer, long
from pyxenon_server.schedulers.common.description import check_interactive, check_plain, no_such_queue
from pyxenon_server.schedulers.common.filesystems import open_filesystem
from pyxenon_server.schedulers.processes.conversation import Conversation
from pyxenon_server.schedulers.processes.job_script import batch_script, interactive_script
from pyxenon_server.schedulers.processes.job_table import JobTable
from pyxenon_server.schedulers.processes.jobs import Job
from pyxenon_server.schedulers.processes.queues import MULTI, SINGLE, UNLIMITED, Queue
from pyxenon_server.shells.base import Output, Shell

__all__ = ["MachineScheduler", "polling_delay", "slots"]


def polling_delay(adaptor: str) -> Property[int]:
    """Return the property ``queue.pollingDelay`` of *adaptor*."""
    return long(
        f"xenon.adaptors.schedulers.{adaptor}.queue.pollingDelay",
        1000,
        "Milliseconds between checks of a job, 100 to 60000. Accepted but without effect: jobs report their end, so nothing is polled.",
        least=100,
        most=60_000,
    )


def slots(adaptor: str) -> Property[int]:
    """Return the property ``queue.multi.maxConcurrentJobs`` of *adaptor*."""
    name = f"xenon.adaptors.schedulers.{adaptor}.queue.multi.maxConcurrentJobs"
    return integer(name, 4, "How many jobs of the queue multi may run at once; at least 1.", least=1)


class MachineScheduler(Scheduler):
    """Jobs on one machine, in the queues ``single``, ``multi`` and ``unlimited``.

    Args:
        request: The request to open the scheduler.
        shell: The shell on the machine where the jobs run. The scheduler owns it.
        place: The location of that machine.
        directory: The directory against which relative working directories are resolved; empty for the home directory.
        most: The maximum number of jobs of the queue ``multi`` that run at once.

    Attributes:
        lease: The seconds for which jobs run on after the connection to the machine has broken.
    """

    is_embedded = True
    supports_interactive = True
    lease: ClassVar[int] = 0

    def __init__(self, request: OpenRequest, shell: Shell, place: SchedulerLocation, directory: str, most: int) -> None:
        super().__init__(request)
        self._shell = shell
        self._place = place
        self._directory = directory
        queues: tuple[Queue[Job], ...] = (Queue(SINGLE, 1), Queue(MULTI, most), Queue(UNLIMITED, None))
        self._queues = {queue.name: queue for queue in queues}
        self._job_table = JobTable(shell, self.lease, queues)
        self._conversations: set[Conversation] = set()

    @override
    async def queue_names(self) -> Sequence[str]:
        return list(self._queues)

    @override
    async def default_queue_name(self) -> str:
        return SINGLE

    @override
    async def jobs(self, queues: Sequence[str]) -> Sequence[str]:
        chosen = [self._queue(name) for name in queues] or list(self._queues.values())
        return [job.identity for job in self._job_table.jobs.values() if job.queue in chosen and not job.over]

    @override
    async def queue_state(self, queue: str) -> QueueState:
        return self._queue(queue).state()

    @override
    async def submit(self, description: JobDescription) -> str:
        check_plain(self.name, description)
        job = self._job_table.new(description, self._queue(description.queue_name or SINGLE))
        job.script = batch_script(job.identity, description, self._directory)
        await self._job_table.enter(job)
        return job.identity

    @override
    async def converse(self, description: JobDescription, stdin: AsyncIterator[bytes]) -> tuple[str, AsyncIterator[Output]]:
        check_plain(self.name, description)
        check_interactive(self.name, description)
        job = self._job_table.new(description, self._queue(description.queue_name or UNLIMITED))
        job.interactive = True
        await self._job_table.enter(job)
        try:
            return job.identity, await self._converse(job, stdin)
        except BaseException:
            await asyncio.shield(self._job_table.cancel(job, "the job could not be started"))
            raise

    @override
    async def job_state(self, job: str) -> JobState:
        return self._job(job).state

    @override
    async def wait(self, job: str, happened: Callable[[JobState], bool], timeout: float | None) -> JobState:
        awaited = self._job(job)
        state = await awaited.wait(happened, timeout)
        if awaited.over and state.error is not None and not (state.done or happened(state)):
            # The state is neither the job's end, which was not observed, nor one that waiting longer could bring about.
            reason = f"cannot wait for job {job!r} any longer: {state.error.reason}"
            hint = "Check on the machine itself whether it runs, or have the job create a file when it finishes"
            raise ConnectionLostException(reason, adaptor=self.name, hint=hint)
        return state

    @override
    async def cancel(self, job: str) -> JobState:
        return await self._job_table.cancel(self._job(job), "the job was cancelled")

    @override
    async def file_system(self) -> FileSystem:
        return await open_filesystem(self._place, self.request)

    @override
    async def close(self) -> None:
        await self._job_table.close()
        await asyncio.gather(*(conversation.aclose() for conversation in list(self._conversations)))
        await self._shell.close()

    async def _converse(self, job: Job, stdin: AsyncIterator[bytes]) -> Conversation:
        await job.turn.wait()
        if job.over:
            raise NotConnectedException(f"the interactive job was cancelled before it started: {job.asked}", adaptor=self.name)
        script = interactive_script(job.identity, job.description, self._directory, self._job_table.record_of(job))
        process = await self._shell.start(script)
        self._job_table.interactive_started(job)
        conversation = Conversation(self._job_table, job, process, stdin, self._conversations.discard)
        self._conversations.add(conversation)
        return conversation

    def _queue(self, name: str) -> Queue[Job]:
        if name not in self._queues:
            raise no_such_queue(self.name, name, tuple(self._queues))
        return self._queues[name]

    def _job(self, identity: str) -> Job:
        job = self._job_table.jobs.get(identity)
        if job is None:
            reason = f"unknown job {identity!r}: this scheduler never issued that id, or dropped it after ten thousand later jobs ended"
            raise NoSuchJobException(reason, adaptor=self.name)
        return job
