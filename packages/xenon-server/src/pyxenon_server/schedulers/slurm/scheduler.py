"""The adaptor ``slurm``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from pyxenon_core.errors import NoSuchQueueException, XenonError
from pyxenon_core.messages import JobDescription
from pyxenon_server.adaptors.base import FileSystem, OpenRequest, Scheduler
from pyxenon_server.adaptors.job_state import JobState, QueueState
from pyxenon_server.adaptors.locations import SchedulerLocation, parse_scheduler
from pyxenon_server.adaptors.properties import Property, boolean, integer, long
from pyxenon_server.schedulers.batch.cancelling import Canceller
from pyxenon_server.schedulers.batch.cluster import Cluster, look_around
from pyxenon_server.schedulers.batch.commands import NAME, Commands
from pyxenon_server.schedulers.batch.interactive import Conversation, SrunCommand
from pyxenon_server.schedulers.batch.lookup import Lookup
from pyxenon_server.schedulers.batch.polling import Asking, Poller
from pyxenon_server.schedulers.batch.submission import Patience, Submission, Submitter, new_tag
from pyxenon_server.schedulers.common.description import check_description, check_interactive
from pyxenon_server.schedulers.common.filesystems import open_filesystem
from pyxenon_server.schedulers.slurm.options import batch_options, directory_of, job_name
from pyxenon_server.schedulers.slurm.script import batch_script
from pyxenon_server.shells.base import Output
from pyxenon_server.shells.opening import open_shell
from pyxenon_server.ssh.settings import SCHEDULER_SSH

__all__ = ["SlurmScheduler"]

_PREFIX = "xenon.adaptors.schedulers"
_MILLISECONDS = 1000
_log = logging.getLogger("xenon.server.jobs")
_NAME_OF_A_SHELL = "sh"  # which srun takes from what it runs
_NAME_WITHOUT_ONE = "sbatch"  # which Slurm gives to a script that comes over standard input

_WITHOUT_ACCOUNTING = boolean(f"{_PREFIX}.slurm.disable.accounting.usage", False, "Leave the accounting alone, as if the cluster had none.")
_POLL_DELAY = long(
    f"{_PREFIX}.slurm.poll.delay", 1000, "Milliseconds from one query for the states of jobs to the next, at least.", least=1
)
_LOCAL_OR_SSH = "Of no effect here: Slurm has queues of its own."


def _queue_properties(adaptor: str) -> tuple[Property[Any], ...]:
    """What the schedulers of a batch system take along, since they may run commands through another scheduler."""
    return (
        long(f"{_PREFIX}.{adaptor}.queue.pollingDelay", 1000, _LOCAL_OR_SSH),
        integer(f"{_PREFIX}.{adaptor}.queue.multi.maxConcurrentJobs", 4, _LOCAL_OR_SSH),
    )


class SlurmScheduler(Scheduler):
    """A Slurm cluster, through its commands.

    Args:
        request: As for every adaptor.
        commands: The cluster's commands; owned.
        place: Where the cluster is.
        cluster: What it was found to be.
    """

    name = NAME
    description = "Slurm from 20.11 on, with or without accounting, through its commands on this machine or over SSH."
    locations = ("local://[/workdir]", "ssh://host[:port][/workdir][ via:otherhost[:port]]*")
    credentials = ("DefaultCredential", "CertificateCredential", "PasswordCredential", "CredentialMap")
    properties = (
        _WITHOUT_ACCOUNTING,
        _POLL_DELAY,
        *SCHEDULER_SSH.declared,
        *_queue_properties("ssh"),
        *_queue_properties("local"),
    )
    supports_interactive = True
    patience: ClassVar[Patience] = Patience()

    def __init__(self, request: OpenRequest, commands: Commands, place: SchedulerLocation, cluster: Cluster) -> None:
        super().__init__(request)
        self._commands = commands
        self._place = place
        self._cluster = cluster
        self._base = place.workdir or cluster.home
        uses_accounting = cluster.configuration.has_accounting and not request.properties[_WITHOUT_ACCOUNTING]
        delay = request.properties[_POLL_DELAY] / _MILLISECONDS
        self._poller = Poller(commands, Asking(cluster.user, uses_accounting, delay, cluster.configuration.seconds_kept))
        self._canceller = Canceller(commands)
        self._lookup = Lookup(commands, cluster.user, cluster.configuration, uses_accounting, self._poller.is_known)
        seconds = cluster.configuration.seconds_for_a_message
        self._submitter = Submitter(commands, self._lookup, self.patience, seconds, self._cancel_later)
        self._conversations: set[Conversation] = set()
        self._background: set[asyncio.Task[Any]] = set()

    @override
    @classmethod
    async def open(cls, request: OpenRequest) -> SlurmScheduler:
        place = parse_scheduler(cls.name, request.location)
        shell = await open_shell(cls.name, place, request, SCHEDULER_SSH.settings(request.properties))
        try:
            commands = Commands(shell, str(place.ssh.target) if place.ssh else "this machine")
            return cls(request, commands, place, await look_around(commands))
        except BaseException:
            await shell.close()
            raise

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
        return [partition.name for partition in await self._cluster.partitions(self._commands)]

    @override
    async def default_queue_name(self) -> str:
        for partition in await self._cluster.partitions(self._commands):
            if partition.default:
                return partition.name
        raise NoSuchQueueException("no partition of the cluster is the default", adaptor=NAME, hint="Name a queue in each job description.")

    @override
    async def default_runtime(self) -> int:
        for partition in await self._cluster.partitions(self._commands):
            if partition.default:
                return partition.default_time or partition.most_time or 0
        return 0

    @override
    async def jobs(self, queues: Sequence[str]) -> Sequence[str]:
        return await self._cluster.jobs(self._commands, queues)

    @override
    async def queue_state(self, queue: str) -> QueueState:
        (state,) = await self._cluster.queue_states(self._commands, [queue])
        if state.error is not None:
            raise state.error
        return state

    @override
    async def queue_states(self, queues: Sequence[str]) -> Sequence[QueueState]:
        return await self._cluster.queue_states(self._commands, queues or await self.queue_names())

    @override
    async def submit(self, description: JobDescription) -> str:
        check_description(NAME, description)
        directory = directory_of(description, self._base)
        tag = new_tag()
        submission = Submission(
            tag,
            job_name(description, _NAME_WITHOUT_ONE),
            batch_options(description, directory, tag),
            batch_script(description, directory),
            asyncio.get_running_loop().create_future(),
        )
        submitted = await self._submitter.submit(submission)
        self._poller.add(submitted.job, tag, description.name, submitted.at)
        return submitted.job

    @override
    async def converse(self, description: JobDescription, stdin: AsyncIterator[bytes]) -> tuple[str, AsyncIterator[Output]]:
        check_description(NAME, description)
        check_interactive(NAME, description)
        tag = new_tag()
        command = SrunCommand.of(description, directory_of(description, self._base), tag, job_name(description, _NAME_OF_A_SHELL))
        process = await self._commands.shell.start(command.script)
        conversation = Conversation(command, process, self._canceller, self._lookup, self._left)
        self._conversations.add(conversation)
        job = await conversation.begin(stdin)
        self._poller.add(job, tag, description.name, None, "srun")
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
        """A conversation is over."""
        self._conversations.discard(conversation)
        if status is not None:
            self._poller.ended(conversation.job, status)

    def _cancel_later(self, job: str) -> None:
        """Cancel a job that was submitted for somebody who has given up meanwhile, and so can never learn of it."""
        task = asyncio.get_running_loop().create_task(self._cancel_unwanted(job))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _cancel_unwanted(self, job: str) -> None:
        try:
            await self._canceller.cancel(job)
        except XenonError as error:
            _log.warning("job %s was submitted for a caller who had given up, and could not be cancelled: %s", job, error)


def _state_or_raise(state: JobState | XenonError) -> JobState:
    if isinstance(state, XenonError):
        raise state
    return state
