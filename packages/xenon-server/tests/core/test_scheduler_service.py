"""What the service of schedulers does by itself: handles, the file system of a scheduler, and what it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from pyxenon_core import messages
from pyxenon_core.errors import (
    FileSystemClosedException,
    IllegalArgumentException,
    IncompleteJobDescriptionException,
    NoSuchJobException,
    NoSuchQueueException,
    SchedulerClosedException,
    SessionClosedError,
)
from pyxenon_core.messages import JobStatusErrorType, QueueStatusErrorType
from pyxenon_server.adaptors.base import FileSystem, OpenRequest, Scheduler
from pyxenon_server.adaptors.catalogue import Catalogue
from pyxenon_server.adaptors.credentials import credential_of
from pyxenon_server.adaptors.job_state import JobState, QueueState
from pyxenon_server.adaptors.properties import Properties
from pyxenon_server.filesystems.local.filesystem import LocalFileSystem
from pyxenon_server.server import Server
from pyxenon_server.shells.base import Output


class Machine(Scheduler):
    """A scheduler that remembers what it was asked."""

    name = "machine"
    description = "For this test."
    locations = ()
    made: list[Machine]
    closed = False
    waits_to_open: float = 0

    def __init__(self, request: OpenRequest) -> None:
        super().__init__(request)
        self.submitted: list[messages.JobDescription] = []
        self.filesystems: list[FileSystem] = []
        self.stdin = b""
        self.output_closed = False

    @classmethod
    async def open(cls, request: OpenRequest) -> Machine:
        await asyncio.sleep(cls.waits_to_open)
        cls.made.append(cls(request))
        return cls.made[-1]

    async def close(self) -> None:
        self.closed = True

    async def queue_names(self) -> Sequence[str]:
        return ["one", "two"]

    async def default_queue_name(self) -> str:
        return "one"

    async def jobs(self, queues: Sequence[str]) -> Sequence[str]:
        return ["job"]

    async def queue_state(self, queue: str) -> QueueState:
        if queue not in await self.queue_names():
            raise NoSuchQueueException(f"no {queue}", adaptor=self.name)
        return QueueState(queue)

    async def submit(self, description: messages.JobDescription) -> str:
        self.submitted.append(description)
        return "job"

    async def converse(self, description: messages.JobDescription, stdin: AsyncIterator[bytes]) -> tuple[str, AsyncIterator[Output]]:
        return "job", self._talk(stdin)

    async def _talk(self, stdin: AsyncIterator[bytes]) -> AsyncIterator[Output]:
        try:
            async for piece in stdin:
                yield Output(stdout=piece, stderr=b"")
        finally:
            self.output_closed = True

    async def job_state(self, job: str) -> JobState:
        if job != "job":
            raise NoSuchJobException(f"no {job}", adaptor=self.name)
        return JobState(job, "RUNNING", running=True)

    async def wait(self, job: str, happened: Callable[[JobState], bool], timeout: float | None) -> JobState:
        return JobState(job, f"waited {timeout} {happened(JobState(job, '', running=True))}")

    async def cancel(self, job: str) -> JobState:
        return await self.job_state(job)

    async def file_system(self) -> FileSystem:
        await asyncio.sleep(0.02)
        request = OpenRequest("/", credential_of(None), Properties.check("file", LocalFileSystem.properties, {}), self.request.resources)
        self.filesystems.append(await LocalFileSystem.open(request))
        return self.filesystems[-1]


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> list[Machine]:
    """The schedulers that the server has opened."""
    get = Catalogue.get
    monkeypatch.setattr(Catalogue, "get", lambda self, name: Machine if name in ("machine", "local") else get(self, name))
    Machine.made, Machine.waits_to_open = [], 0
    return Machine.made


CREATE = messages.CreateSchedulerRequest("machine")


async def test_the_file_system_of_a_scheduler_is_one_and_ends_with_it(machines: list[Machine]) -> None:
    server = Server()
    scheduler = await server.schedulers.create(CREATE)
    asked = await asyncio.gather(*(server.schedulers.get_file_system(scheduler) for _ in range(5)))
    assert len({handle.id for handle in asked}) == 1 and len(machines[0].filesystems) == 1
    await server.filesystems.close(asked[0])
    again = await server.schedulers.get_file_system(scheduler)
    assert again.id != asked[0].id
    await server.schedulers.close(scheduler)
    assert machines[0].closed
    with pytest.raises(FileSystemClosedException):
        await server.filesystems.get_location(again)
    for call in (server.schedulers.close, server.schedulers.get_file_system, server.schedulers.get_location):
        with pytest.raises(SchedulerClosedException, match="is not open"):
            await call(scheduler)
    await server.close()


async def test_a_scheduler_that_is_closed_while_its_file_system_opens(machines: list[Machine]) -> None:
    server = Server()
    scheduler = await server.schedulers.create(CREATE)
    asking = [asyncio.ensure_future(server.schedulers.get_file_system(scheduler)) for _ in range(2)]
    await asyncio.sleep(0.005)
    await server.schedulers.close(scheduler)
    for task in asking:
        with pytest.raises(SchedulerClosedException):
            await task
    assert (await server.filesystems.list_file_systems(messages.Empty())).filesystems == []
    await server.close()


async def test_closing_the_server_closes_what_still_opens(machines: list[Machine]) -> None:
    Machine.waits_to_open = 0.02
    server = Server()
    opening = asyncio.ensure_future(server.schedulers.create(CREATE))
    await asyncio.sleep(0.005)
    await server.close()
    with pytest.raises(SessionClosedError):
        await opening
    assert [machine.closed for machine in machines] == [True]


async def test_each_call_gives_a_local_scheduler_of_its_own(machines: list[Machine]) -> None:
    server = Server()
    asked = await asyncio.gather(*(server.schedulers.local_scheduler(messages.Empty()) for _ in range(5)))
    assert len({handle.id for handle in asked}) == 5 == len(machines)
    await server.close()
    assert [machine.closed for machine in machines] == [True] * 5


async def test_a_job_is_what_it_was_when_it_was_submitted(machines: list[Machine]) -> None:
    server = Server()
    scheduler = await server.schedulers.create(CREATE)
    description = messages.JobDescription(executable="/bin/true", arguments=["a"], environment={"A": "1"})
    await server.schedulers.submit_batch_job(messages.SubmitBatchJobRequest(scheduler, description))
    description.arguments.append("b")
    description.environment["A"] = "2"
    assert machines[0].submitted[0].arguments == ["a"] and machines[0].submitted[0].environment == {"A": "1"}
    for nothing in (None, messages.JobDescription()):
        with pytest.raises(IncompleteJobDescriptionException):
            await server.schedulers.submit_batch_job(messages.SubmitBatchJobRequest(scheduler, nothing))
    await server.close()


async def test_many_answers_tell_what_failed_in_themselves(machines: list[Machine]) -> None:
    server = Server()
    scheduler = await server.schedulers.create(CREATE)
    jobs = [messages.Job("job"), messages.Job("gone"), messages.Job("job")]
    found = await server.schedulers.get_job_statuses(messages.GetJobStatusesRequest(scheduler, jobs))
    assert [status.job for status in found.statuses] == jobs
    assert [status.error_type for status in found.statuses] == [
        JobStatusErrorType.NONE,
        JobStatusErrorType.NOT_FOUND,
        JobStatusErrorType.NONE,
    ]
    queues = await server.schedulers.get_queue_statuses(messages.SchedulerAndQueues(scheduler, ["two", "three"]))
    assert [status.error_type for status in queues.statuses] == [QueueStatusErrorType.NONE, QueueStatusErrorType.NOT_FOUND]
    every = await server.schedulers.get_queue_statuses(messages.SchedulerAndQueues(scheduler, []))
    assert [status.name for status in every.statuses] == ["one", "two"]
    with pytest.raises(NoSuchJobException):
        await server.schedulers.get_job_status(messages.JobRequest(scheduler, messages.Job("gone")))
    with pytest.raises(NoSuchQueueException):
        await server.schedulers.get_queue_status(messages.GetQueueStatusRequest(scheduler, "three"))
    for job in (None, messages.Job("")):
        with pytest.raises(IllegalArgumentException, match="names no job"):
            await server.schedulers.get_job_status(messages.JobRequest(scheduler, job))
    await server.close()


@pytest.mark.parametrize(("timeout", "seconds"), [(0, "None"), (1500, "1.5")])
async def test_how_long_is_waited(machines: list[Machine], timeout: int, seconds: str) -> None:
    server = Server()
    request = messages.WaitRequest(await server.schedulers.create(CREATE), messages.Job("job"), timeout)
    assert (await server.schedulers.wait_until_done(request)).state == f"waited {seconds} False"
    assert (await server.schedulers.wait_until_running(request)).state == f"waited {seconds} True"
    await server.close()


async def test_a_conversation_that_is_left_is_closed(machines: list[Machine]) -> None:
    async def requests(*more: bytes) -> AsyncIterator[messages.SubmitInteractiveJobRequest]:
        yield messages.SubmitInteractiveJobRequest(scheduler, messages.JobDescription(executable="x"), b"first")
        for data in more:
            yield messages.SubmitInteractiveJobRequest(stdin=data)

    async def nothing() -> AsyncIterator[Any]:
        return
        yield

    server = Server()
    scheduler = await server.schedulers.create(CREATE)
    found = [response async for response in server.schedulers.submit_interactive_job(requests(b"", b"second"))]
    assert [(response.job.id if response.job else "", response.stdout) for response in found] == [
        ("job", b""),
        ("job", b"first"),
        ("job", b"second"),
    ]
    machines[0].output_closed = False
    responses = server.schedulers.submit_interactive_job(requests(b"second"))
    await anext(responses)
    await anext(responses)
    await responses.aclose()  # type: ignore[attr-defined]  # a generator
    assert machines[0].output_closed
    with pytest.raises(IllegalArgumentException, match="stream of requests was empty"):
        await anext(server.schedulers.submit_interactive_job(nothing()))
    await server.close()
