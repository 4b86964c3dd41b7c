"""A scheduler for a batch system: everything but its dialect."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, ClassVar, Self

from typing_extensions import override

from pyxenon_core.errors import NoSuchQueueException, XenonError
from pyxenon_core.messages import JobDescription
from pyxenon_server.adaptors.base import FileSystem, OpenRequest, Scheduler
from pyxenon_server.adaptors.job_state import JobState, QueueState
from pyxenon_server.adaptors.locations import SchedulerLocation, parse_scheduler
from pyxenon_server.adaptors.properties import Property, integer, long
from pyxenon_server.schedulers.batch.cancelling import Canceller
from pyxenon_server.schedulers.batch.commands import Commands
from pyxenon_server.schedulers.batch.dialect import Dialect
from pyxenon_server.schedulers.batch.interactive import Conversation, InteractiveCommand
from pyxenon_server.schedulers.batch.job_script import directory_of
from pyxenon_server.schedulers.batch.lookup import Lookup
from pyxenon_server.schedulers.batch.polling import Poller
from pyxenon_server.schedulers.batch.queues import Queues, look_around
from pyxenon_server.schedulers.batch.records import Queue
from pyxenon_server.schedulers.batch.submission import Patience, Submission, Submitter
from pyxenon_server.schedulers.batch.tags import new_tag
from pyxenon_server.schedulers.common.description import check_description, check_interactive
from pyxenon_server.schedulers.common.filesystems import open_filesystem
from pyxenon_server.shells.base import Output
from pyxenon_server.shells.opening import open_shell
from pyxenon_server.ssh.settings import SCHEDULER_SSH

__all__ = ["BatchScheduler", "poll_delay", "shell_properties"]

_PREFIX = "xenon.adaptors.schedulers"
_LOCAL_OR_SSH = "Has no effect here: {title} has its own queues."
_MILLISECONDS = 1000
_log = logging.getLogger("xenon.server.jobs")


def poll_delay(adaptor: str) -> Property[int]:
    """Return the property ``poll.delay`` of *adaptor*."""
    return long(f"{_PREFIX}.{adaptor}.poll.delay", 1000, "Minimum milliseconds between two queries for the states of jobs.", least=1)


def shell_properties(title: str) -> tuple[Property[Any], ...]:
    """Return the properties of the ``ssh`` and ``local`` schedulers, which a scheduler for the batch system *title* accepts too."""
    words = _LOCAL_OR_SSH.format(title=title)
    queues = (
        (
            long(f"{_PREFIX}.{adaptor}.queue.pollingDelay", 1000, words),
            integer(f"{_PREFIX}.{adaptor}.queue.multi.maxConcurrentJobs", 4, words),
        )
        for adaptor in ("ssh", "local")
    )
    return (*SCHEDULER_SSH.declared, *(item for pair in queues for item in pair))


class BatchScheduler(Scheduler):
    """A batch system, used through its commands on this machine or over SSH. A subclass sets the dialect and declares the rest.

    Args:
        request: The request to open the scheduler.
        commands: The batch system's commands, with the dialect of the site. The scheduler owns them.
        place: The location of the batch system.
        queues: The queues, as known at the start.

    Attributes:
        dialect: The batch system's dialect before the site is probed.
        delay: The property with the minimum time between two queries for the states of jobs.
        patience: The time limits of submissions.
    """

    locations = ("local://[/workdir]", "ssh://host[:port][/workdir][ via:otherhost[:port]]*")
    credentials = ("DefaultCredential", "CertificateCredential", "PasswordCredential", "CredentialMap")
    dialect: ClassVar[Dialect]
    delay: ClassVar[Property[int]]
    patience: ClassVar[Patience] = Patience()

    def __init__(self, request: OpenRequest, commands: Commands, place: SchedulerLocation, queues: Sequence[Queue]) -> None:
        super().__init__(request)
        self._commands = commands
        self._dialect = commands.dialect
        self._place = place
        self._base = place.workdir or self._dialect.site.home
        self._queues = Queues(commands, queues)
        self._poller = Poller(commands, request.properties[self.delay] / _MILLISECONDS)
        self._canceller = Canceller(commands)
        self._lookup = Lookup(commands, self._poller.is_known)
        self._submitter = Submitter(commands, self._lookup, self.patience, self._cancel_later)
        self._conversations: set[Conversation] = set()
        self._background: set[asyncio.Task[Any]] = set()

    @classmethod
    @override
    async def open(cls, request: OpenRequest) -> Self:
        place = parse_scheduler(cls.name, request.location)
        shell = await open_shell(cls.name, place, request, SCHEDULER_SSH.settings(request.properties))
        try:
            where = str(place.ssh.target) if place.ssh else "this machine"
            dialect, queues = await look_around(Commands(cls.dialect, shell, where))
            return cls(request, Commands(cls.adapted(dialect, request), shell, where), place, queues)
        except BaseException:
            await shell.close()
            raise

    @classmethod
    def adapted(cls, dialect: Dialect, request: OpenRequest) -> Dialect:
        """Return *dialect*, adapted to the properties of *request*."""
        return dialect

    @override
    async def close(self) -> None:
        await self._submitter.close()
        await asyncio.gather(*(conversation.aclose() for conversation in list(self._conversations)), return_exceptions=True)
        await self._canceller.close()
        await self._poller.close()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._commands.shell.close()

    @override
    async def queue_names(self) -> Sequence[str]:
        return [queue.name for queue in await self._queues.all()]

    @override
    async def default_queue_name(self) -> str:
        queue = await self._queues.default()
        if queue is None:
            reason = f"{self._dialect.title} has no default queue"
            raise NoSuchQueueException(reason, adaptor=self.name, hint="Set queue_name in each job description.")
        return queue.name

    @override
    async def default_runtime(self) -> int:
        queue = await self._queues.default()
        return (queue.default_time or queue.most_time or 0) if queue is not None else 0

    @override
    async def jobs(self, queues: Sequence[str]) -> Sequence[str]:
        return await self._queues.jobs(queues)

    @override
    async def queue_state(self, queue: str) -> QueueState:
        return await self._queues.state(queue)

    @override
    async def queue_states(self, queues: Sequence[str]) -> Sequence[QueueState]:
        return await self._queues.states(queues or await self.queue_names())

    @override
    async def submit(self, description: JobDescription) -> str:
        check_description(self.name, description)
        directory = directory_of(description, self._base)
        tag = new_tag()
        submission = Submission(
            tag,
            self._dialect.job_name(description, interactive=False),
            self._dialect.options(description, directory, tag),
            self._dialect.script(description, directory),
            asyncio.get_running_loop().create_future(),
        )
        submitted = await self._submitter.submit(submission)
        self._poller.add(submitted.job, tag, description.name, submitted.at)
        return submitted.job

    @override
    async def converse(self, description: JobDescription, stdin: AsyncIterator[bytes]) -> tuple[str, AsyncIterator[Output]]:
        if not self.supports_interactive:
            return await super().converse(description, stdin)
        check_description(self.name, description)
        check_interactive(self.name, description)
        tag = new_tag()
        command = InteractiveCommand.of(self._dialect, description, directory_of(description, self._base), tag)
        process = await self._commands.shell.start(command.script)
        conversation = Conversation(command, process, self._canceller, self._lookup, self._left)
        self._conversations.add(conversation)
        job = await conversation.begin(stdin)
        self._poller.add(job, tag, description.name, None, self._dialect.converser)
        return job, conversation

    @override
    async def job_state(self, job: str) -> JobState:
        (state,) = await self._poller.states([job])
        return _state_or_raise(state)

    @override
    async def job_states(self, jobs: Sequence[str]) -> Sequence[JobState]:
        try:
            states = await self._poller.states(jobs)
        except XenonError as error:
            return [JobState.failed(job, error) for job in jobs]
        return [JobState.failed(job, state) if isinstance(state, XenonError) else state for job, state in zip(jobs, states, strict=True)]

    @override
    async def wait(self, job: str, happened: Callable[[JobState], bool], timeout: float | None) -> JobState:
        return await self._poller.wait(job, happened, timeout)

    @override
    async def cancel(self, job: str) -> JobState:
        before = self._poller.last(job) or await self.job_state(job)
        if before.done:
            return before
        await self._canceller.cancel(job)
        (state,) = await self._poller.states([job], fresh=True)
        return _state_or_raise(state)

    @override
    async def file_system(self) -> FileSystem:
        return await open_filesystem(self._place, self.request)

    def _left(self, conversation: Conversation, status: int | None) -> None:
        """Drop a conversation that has ended."""
        self._conversations.discard(conversation)
        if status is not None:
            self._poller.ended(conversation.job, status)

    def _cancel_later(self, job: str) -> None:
        """Cancel a job whose caller has given up in the meantime and will never learn its id."""
        task = asyncio.get_running_loop().create_task(self._cancel_unwanted(job))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _cancel_unwanted(self, job: str) -> None:
        try:
            await self._canceller.cancel(job)
        except XenonError as error:
            _log.warning("cannot cancel job %s, which was submitted after its caller had given up: %s", job, error)


def _state_or_raise(state: JobState | XenonError) -> JobState:
    if isinstance(state, XenonError):
        raise state
    return state
