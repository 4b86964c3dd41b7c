"""The scheduler service."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable

from typing_extensions import override

from pyxenon_core import messages
from pyxenon_core.errors import IllegalArgumentException, IncompleteJobDescriptionException, SchedulerClosedException
from pyxenon_core.services import SchedulerServicer
from pyxenon_server.adaptors.base import Scheduler
from pyxenon_server.adaptors.catalogue import Catalogue
from pyxenon_server.adaptors.credentials import credential_response
from pyxenon_server.adaptors.job_state import JobState, is_done, is_running_or_done
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.services.filesystem import FileSystems
from pyxenon_server.services.registry import Registry

__all__ = ["Schedulers"]

_EMPTY = messages.Empty()


class Schedulers(SchedulerServicer):
    """Answers the calls about schedulers.

    Args:
        resources: The resources that the server's adaptors share.
        filesystems: The service that keeps the file systems of schedulers.
    """

    def __init__(self, resources: Resources, filesystems: FileSystems) -> None:
        self._resources = resources
        self._filesystems = filesystems
        self._catalogue: Catalogue[Scheduler] = Catalogue("xenon.schedulers", Scheduler)  # type: ignore[type-abstract]  # it is never instantiated
        self._open: Registry[Scheduler] = Registry("Scheduler", SchedulerClosedException)
        self._filesystem_of: dict[str, messages.FileSystem] = {}
        # Locks by scheduler: two clients that ask for its file system at the same time get the same one.
        self._opening: dict[str, asyncio.Lock] = {}

    async def close_all(self) -> None:
        """Close every scheduler, which ends the jobs that it runs itself."""
        await self._open.close_all()

    # --- adaptors ---

    @override
    async def get_adaptor_descriptions(self, request: messages.Empty, /) -> messages.SchedulerAdaptorDescriptions:
        descriptions = self._catalogue.describe_all(lambda adaptor: adaptor.describe(), _no_description)
        return messages.SchedulerAdaptorDescriptions(descriptions=descriptions)

    @override
    async def get_adaptor_names(self, request: messages.Empty, /) -> messages.AdaptorNames:
        return messages.AdaptorNames(name=self._catalogue.names())

    @override
    async def get_adaptor_description(self, request: messages.AdaptorName, /) -> messages.SchedulerAdaptorDescription:
        return self._catalogue.get(request.name).describe()

    # --- handles ---

    @override
    async def create(self, request: messages.CreateSchedulerRequest, /) -> messages.Scheduler:
        scheduler = await self._catalogue.open(request, self._resources)
        try:
            return messages.Scheduler(self._open.add(scheduler))
        except BaseException:
            await scheduler.close()
            raise

    @override
    async def get_adaptor_name(self, request: messages.Scheduler, /) -> messages.AdaptorName:
        return messages.AdaptorName(name=self._get(request).name)

    @override
    async def get_location(self, request: messages.Scheduler, /) -> messages.Location:
        return messages.Location(location=self._get(request).request.location)

    @override
    async def get_credential(self, request: messages.Scheduler, /) -> messages.GetCredentialResponse:
        return credential_response(self._get(request).request.credential)

    @override
    async def get_properties(self, request: messages.Scheduler, /) -> messages.Properties:
        return messages.Properties(properties=dict(self._get(request).request.properties.given))

    @override
    async def is_open(self, request: messages.Scheduler, /) -> messages.Is:
        return messages.Is(value=await self._get(request).is_connected())

    @override
    async def close(self, request: messages.Scheduler, /) -> messages.Empty:
        try:
            await self._open.close(request.id)
        finally:
            self._opening.pop(request.id, None)
            filesystem = self._filesystem_of.pop(request.id, None)
            if filesystem is not None and self._filesystems.has(filesystem):
                await self._filesystems.close(filesystem)
        return _EMPTY

    @override
    async def get_file_system(self, request: messages.Scheduler, /) -> messages.FileSystem:
        self._get(request)
        async with self._opening.setdefault(request.id, asyncio.Lock()):
            scheduler = self._get(request)  # again, since it may have been closed in the meantime
            known = self._filesystem_of.get(request.id)
            if known is None or not self._filesystems.has(known):
                known = await self._filesystems.register(await scheduler.file_system())
                await self._keep(request.id, known)
        return known

    @override
    async def local_scheduler(self, request: messages.Empty, /) -> messages.Scheduler:
        return await self.create(messages.CreateSchedulerRequest(adaptor="local"))

    @override
    async def list_schedulers(self, request: messages.Empty, /) -> messages.Schedulers:
        return messages.Schedulers(schedulers=[messages.Scheduler(identity) for identity in self._open.ids()])

    # --- queues ---

    @override
    async def get_queue_names(self, request: messages.Scheduler, /) -> messages.Queues:
        return messages.Queues(name=list(await self._get(request).queue_names()))

    @override
    async def get_default_queue_name(self, request: messages.Scheduler, /) -> messages.Queue:
        return messages.Queue(name=await self._get(request).default_queue_name())

    @override
    async def get_default_runtime(self, request: messages.Scheduler, /) -> messages.GetDefaultRuntimeResponse:
        return messages.GetDefaultRuntimeResponse(value=await self._get(request).default_runtime())

    @override
    async def get_queue_status(self, request: messages.GetQueueStatusRequest, /) -> messages.QueueStatus:
        return (await self._get(request.scheduler).queue_state(request.queue)).message()

    @override
    async def get_queue_statuses(self, request: messages.SchedulerAndQueues, /) -> messages.QueueStatuses:
        states = await self._get(request.scheduler).queue_states(request.queues)
        return messages.QueueStatuses(statuses=[state.message() for state in states])

    # --- jobs ---

    @override
    async def submit_batch_job(self, request: messages.SubmitBatchJobRequest, /) -> messages.Job:
        scheduler = self._get(request.scheduler)
        return messages.Job(await scheduler.submit(_description(scheduler, request.description)))

    @override
    async def submit_interactive_job(
        self, requests: AsyncIterator[messages.SubmitInteractiveJobRequest], /
    ) -> AsyncIterator[messages.SubmitInteractiveJobResponse]:
        head = await _head(requests)
        scheduler = self._get(head.scheduler)
        job, output = await scheduler.converse(_description(scheduler, head.description), _stdin(head, requests))
        try:
            yield messages.SubmitInteractiveJobResponse(job=messages.Job(job))
            async for piece in output:
                yield messages.SubmitInteractiveJobResponse(job=messages.Job(job), stdout=piece.stdout, stderr=piece.stderr)
        finally:
            await output.aclose()  # type: ignore[attr-defined]  # a generator, typed as an iterator

    @override
    async def get_jobs(self, request: messages.SchedulerAndQueues, /) -> messages.Jobs:
        jobs = await self._get(request.scheduler).jobs(request.queues)
        return messages.Jobs(jobs=[messages.Job(job) for job in jobs])

    @override
    async def get_job_status(self, request: messages.JobRequest, /) -> messages.JobStatus:
        return (await self._get(request.scheduler).job_state(_job(request.job))).message()

    @override
    async def get_job_statuses(self, request: messages.GetJobStatusesRequest, /) -> messages.GetJobStatusesResponse:
        states = await self._get(request.scheduler).job_states([_job(job) for job in request.jobs])
        return messages.GetJobStatusesResponse(statuses=[state.message() for state in states])

    @override
    async def cancel_job(self, request: messages.JobRequest, /) -> messages.JobStatus:
        return (await self._get(request.scheduler).cancel(_job(request.job))).message()

    @override
    async def wait_until_done(self, request: messages.WaitRequest, /) -> messages.JobStatus:
        return await self._wait(request, is_done)

    @override
    async def wait_until_running(self, request: messages.WaitRequest, /) -> messages.JobStatus:
        return await self._wait(request, is_running_or_done)

    # --- shared helpers ---

    async def _keep(self, scheduler: str, filesystem: messages.FileSystem) -> None:
        """Register the file system of a scheduler, to close them together; closes it at once if the scheduler has been closed."""
        if scheduler not in self._open:
            await self._filesystems.close(filesystem)
        self._open.get(scheduler)
        self._filesystem_of[scheduler] = filesystem

    async def _wait(self, request: messages.WaitRequest, happened: Callable[[JobState], bool]) -> messages.JobStatus:
        timeout = request.timeout / 1000 if request.timeout else None
        return (await self._get(request.scheduler).wait(_job(request.job), happened, timeout)).message()

    def _get(self, handle: messages.Scheduler | None) -> Scheduler:
        return self._open.get(handle.id if handle is not None else "")


def _no_description(name: str, reason: str) -> messages.SchedulerAdaptorDescription:
    return messages.SchedulerAdaptorDescription(name=name, description=reason)


def _job(job: messages.Job | None) -> str:
    if job is None or not job.id:
        raise IllegalArgumentException("the request names no job")
    return job.id


def _description(scheduler: Scheduler, description: messages.JobDescription | None) -> messages.JobDescription:
    if description is None or not description.executable:
        raise IncompleteJobDescriptionException("the job description has no executable", adaptor=scheduler.name)
    # An in-process client passes its own object, which it may change and submit again while the job still waits.
    return copy.deepcopy(description)


async def _head(requests: AsyncIterator[messages.SubmitInteractiveJobRequest]) -> messages.SubmitInteractiveJobRequest:
    async for request in requests:
        return request
    raise IllegalArgumentException("the stream of requests was empty: its first request must name a scheduler and a job")


async def _stdin(
    head: messages.SubmitInteractiveJobRequest, requests: AsyncIterator[messages.SubmitInteractiveJobRequest]
) -> AsyncIterator[bytes]:
    if head.stdin:
        yield head.stdin
    async for request in requests:
        if request.stdin:
            yield request.stdin
