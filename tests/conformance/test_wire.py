"""What travels: the status and the words of a refusal, and the rules of the streams. For servers that are reached over a socket."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest

import xenon
from conformance.grounds import LocalGround, new_folder
from conformance.places import Places, needs
from conformance.servers import JAVA, SOCKET
from pyxenon_core import messages
from pyxenon_core.channels.calls import channel_arguments
from pyxenon_core.messages import JobDescription
from pyxenon_core.rpc import Rpc
from pyxenon_core.services import RPCS
from pyxenon_core.targets import GrpcEndpoint

pytestmark = pytest.mark.parametrize("server", [SOCKET, pytest.param(JAVA, marks=needs(JAVA))])
SECONDS = 60
ROOT = r"nl.esciencecenter.xenon"
FILES = "FileSystemService"
JOBS = "SchedulerService"
WITHOUT_HANDLE = {
    "getAdaptorDescriptions",
    "getAdaptorNames",
    "getAdaptorDescription",
    "create",
    "localFileSystems",
    "listFileSystems",
    "localScheduler",
    "listSchedulers",
}
WITH_HANDLE = [path for path in RPCS if path.rpartition("/")[2] not in WITHOUT_HANDLE]


class Wire:
    """Calls as any gRPC client makes them."""

    def __init__(self, session: xenon.Session) -> None:
        endpoint = session.endpoint
        assert isinstance(endpoint, GrpcEndpoint)
        address, credentials, options = channel_arguments(endpoint)
        assert credentials is not None
        self.channel = grpc.secure_channel(address, credentials, options)

    def call(self, service: str, name: str, *requests: Any) -> list[Any]:
        """Every response to *requests*; raises grpc.RpcError."""
        rpc = RPCS[f"/xenon.{service}/{name}"]
        responses = self.begin(rpc, iter(requests) if rpc.client_streaming else requests[0])
        if not rpc.server_streaming:
            return [responses]
        return list(responses)

    def begin(self, rpc: Rpc[Any, Any], request: Any) -> Any:
        """The response, or the stream of them."""
        kinds = {
            (False, False): self.channel.unary_unary,
            (False, True): self.channel.unary_stream,
            (True, False): self.channel.stream_unary,
            (True, True): self.channel.stream_stream,
        }
        make = kinds[rpc.client_streaming, rpc.server_streaming]
        return make(rpc.path, rpc.encode_request, rpc.decode_response)(request, timeout=SECONDS)

    def refusal(self, service: str, name: str, *requests: Any) -> tuple[str, str]:
        """The status and the details with which *requests* are refused."""
        try:
            responses = self.call(service, name, *requests)
        except grpc.RpcError as error:
            return error.code().name, error.details() or ""
        raise AssertionError(f"nothing was refused: {responses}")


@pytest.fixture
def wire(session: xenon.Session) -> Iterator[Wire]:
    """A client of its own."""
    opened = Wire(session)
    with opened.channel:
        yield opened


@pytest.fixture
def folder(places: Places, session: xenon.Session, server: str) -> str:
    """A new directory of this machine."""
    ground = places.get(server, "file").ground
    assert isinstance(ground, LocalGround)
    return new_folder(ground)


@pytest.fixture
def files(session: xenon.Session, places: Places, server: str) -> messages.FileSystem:
    """The handle of this machine's file system."""
    handle: messages.FileSystem = places.handle(places.get(server, "file")).core.handle
    return handle


@pytest.fixture
def jobs(session: xenon.Session, places: Places, server: str) -> messages.Scheduler:
    """The handle of this machine's scheduler."""
    handle: messages.Scheduler = places.handle(places.get(server, "local")).core.handle
    return handle


def path(text: str) -> messages.Path:
    return messages.Path(path=text, separator="/")


# --- handles ---


def request_for(rpc: Rpc[Any, Any], identity: str) -> Any:
    """A request that is whole but for the handle, whose id is *identity*."""
    of_service = {"filesystem": messages.FileSystem, "scheduler": messages.Scheduler}
    handle = of_service[rpc.service]
    kind: Any = type(rpc.decode_request(b""))
    if kind is handle:
        return handle(identity)
    everything = {
        rpc.service: handle(identity),
        "path": path("/tmp/nothing"),
        "dir": path("/tmp/nothing"),
        "source": path("/tmp/nothing"),
        "target": path("/tmp/nothing"),
        "link": path("/tmp/nothing"),
        "destination": path("/tmp/nothing"),
        "destination_filesystem": messages.FileSystem(identity),
        "copy_operation": messages.CopyOperation("nothing"),
        "job": messages.Job("nothing"),
        "queue": "single",
        "description": JobDescription(executable="true"),
    }
    fields = kind.__dataclass_fields__
    return kind(**{name: value for name, value in everything.items() if name in fields})


@pytest.mark.parametrize("rpc", WITH_HANDLE, ids=lambda text: text.rpartition(".")[2])
def test_unknown_handle(wire: Wire, rpc: str) -> None:
    """Refuse a handle that is unknown with NOT_FOUND, in words by which a client knows it"""
    service, name = rpc.removeprefix("/xenon.").split("/")
    status, details = wire.refusal(service, name, request_for(RPCS[rpc], "file:nonsense"))
    assert status == "NOT_FOUND", f"it was refused with {status}: {details}"
    beginning = "File system with id: file:nonsense" if service == FILES else "Scheduler with id: file:nonsense"
    assert details.startswith(beginning), f"it was refused in the words {details!r}"


# --- how exceptions travel ---


def refusals(folder: str, files: messages.FileSystem, jobs: messages.Scheduler) -> dict[str, tuple[str, str, Sequence[Any], str, str]]:
    """By name: service, RPC and requests; the status, and the beginning of the details."""
    missing = messages.PathRequest(filesystem=files, path=path(f"{folder}/missing"))
    there = messages.PathRequest(filesystem=files, path=path(folder))
    create = messages.CreateFileSystemRequest
    unknown_queue = JobDescription(executable="true", queue_name="nonsense")
    job = messages.JobRequest(scheduler=jobs, job=messages.Job("nonsense"))
    nameless = messages.JobRequest(scheduler=jobs, job=messages.Job())
    password = messages.PasswordCredential(username="somebody", password="secret")
    size = "xenon.adaptors.filesystems.file.bufferSize"
    filled = messages.DeleteRequest(filesystem=files, path=path(folder.rpartition("/")[0]))
    copy = messages.CopyOperationRequest(filesystem=files, copy_operation=messages.CopyOperation("nonsense"))
    batch = messages.SubmitBatchJobRequest
    return {
        "NoSuchPath": (FILES, "getAttributes", [missing], "NOT_FOUND", f"{ROOT}.filesystems.NoSuchPathException: file adaptor: "),
        "PathAlreadyExists": (
            FILES,
            "createDirectory",
            [there],
            "ALREADY_EXISTS",
            f"{ROOT}.filesystems.PathAlreadyExistsException: file adaptor: ",
        ),
        "InvalidPath": (FILES, "readFromFile", [there], "FAILED_PRECONDITION", f"{ROOT}.filesystems.InvalidPathException: file adaptor: "),
        "DirectoryNotEmpty": (FILES, "delete", [filled], "INTERNAL", f"{ROOT}.filesystems.DirectoryNotEmptyException: file adaptor: "),
        "NoSuchCopy": (FILES, "getStatus", [copy], "INTERNAL", f"{ROOT}.filesystems.NoSuchCopyException: file adaptor: "),
        "UnknownAdaptor": (FILES, "create", [create(adaptor="nonsense")], "NOT_FOUND", f"{ROOT}.UnknownAdaptorException: "),
        "UnknownProperty": (
            FILES,
            "create",
            [create(adaptor="file", properties={"nonsense": "1"})],
            "NOT_FOUND",
            f"{ROOT}.UnknownPropertyException: ",
        ),
        "InvalidProperty": (
            FILES,
            "create",
            [create(adaptor="file", properties={size: "big"})],
            "FAILED_PRECONDITION",
            f"{ROOT}.InvalidPropertyException: ",
        ),
        "InvalidLocation": (
            FILES,
            "create",
            [create(adaptor="file", location="relative")],
            "FAILED_PRECONDITION",
            f"{ROOT}.InvalidLocationException: ",
        ),
        "InvalidCredential": (
            FILES,
            "create",
            [create(adaptor="file", password_credential=password)],
            "FAILED_PRECONDITION",
            f"{ROOT}.InvalidCredentialException: ",
        ),
        "NoSuchJob": (JOBS, "getJobStatus", [job], "INTERNAL", f"{ROOT}.schedulers.NoSuchJobException: local adaptor: "),
        "IllegalArgument": (JOBS, "getJobStatus", [nameless], "INVALID_ARGUMENT", "java.lang.IllegalArgumentException: "),
        "NoSuchQueue": (
            JOBS,
            "submitBatchJob",
            [batch(scheduler=jobs, description=unknown_queue)],
            "NOT_FOUND",
            f"{ROOT}.schedulers.NoSuchQueueException: local adaptor: ",
        ),
        "IncompleteJobDescription": (
            JOBS,
            "submitBatchJob",
            [batch(scheduler=jobs, description=JobDescription(arguments=["-c"]))],
            "INVALID_ARGUMENT",
            f"{ROOT}.schedulers.IncompleteJobDescriptionException: local adaptor: ",
        ),
        "tasks": (
            JOBS,
            "submitBatchJob",
            [batch(scheduler=jobs, description=JobDescription(executable="true", tasks=2, start_per_task=True))],
            "FAILED_PRECONDITION",
            f"{ROOT}.schedulers.InvalidJobDescriptionException: local adaptor: ",
        ),
        "InvalidJobDescription": (
            JOBS,
            "submitInteractiveJob",
            [messages.SubmitInteractiveJobRequest(scheduler=jobs, description=JobDescription(executable="cat", stdin="file"))],
            "FAILED_PRECONDITION",
            f"{ROOT}.schedulers.InvalidJobDescriptionException: local adaptor: ",
        ),
        "queue without a name": (
            JOBS,
            "getQueueStatus",
            [messages.GetQueueStatusRequest(scheduler=jobs)],
            "NOT_FOUND",
            f"{ROOT}.schedulers.NoSuchQueueException: local adaptor: ",
        ),
    }


NAMES = list(refusals("/", messages.FileSystem(), messages.Scheduler()))


@pytest.mark.parametrize("name", NAMES)
def test_refusal(wire: Wire, folder: str, files: messages.FileSystem, jobs: messages.Scheduler, name: str) -> None:
    """Refuse with the status and the words from which a client knows the exception"""
    service, rpc, requests, status, beginning = refusals(folder, files, jobs)[name]
    told, details = wire.refusal(service, rpc, *requests)
    assert (told, details[: len(beginning)]) == (status, beginning), f"it was refused with {told}: {details}"


# --- requests that lack something ---


@pytest.mark.parametrize("name", ["exists", "createFile", "getAttributes", "readFromFile"])
def test_request_without_path(wire: Wire, files: messages.FileSystem, name: str) -> None:
    """Refuse, in words, a request that names no path"""
    try:
        wire.call(FILES, name, messages.PathRequest(filesystem=files))
    except grpc.RpcError as error:
        assert error.details(), f"there are no words, and the status is {error.code().name}"


def test_request_without_handle(wire: Wire) -> None:
    """Refuse a request that names no file system"""
    status, details = wire.refusal(FILES, "exists", messages.PathRequest(path=path("/")))
    assert (status, details[:20]) == ("NOT_FOUND", "File system with id:"), f"it was refused with {status}: {details}"


# --- streams ---


def test_write_without_message(wire: Wire, folder: str) -> None:
    """Take an empty stream of what to write, which names no file"""
    assert wire.call(FILES, "writeToFile") == [messages.Empty()]


def test_write_names_the_file_once(wire: Wire, folder: str, files: messages.FileSystem) -> None:
    """Take the file from the first message of a stream, and bytes alone from the others"""
    first = messages.WriteToFileRequest(filesystem=files, path=path(f"{folder}/file"), buffer=b"one")
    elsewhere = messages.WriteToFileRequest(filesystem=files, path=path(f"{folder}/other"), buffer=b" two")
    wire.call(FILES, "writeToFile", first, messages.WriteToFileRequest(buffer=b","), elsewhere)
    read = wire.call(FILES, "readFromFile", messages.PathRequest(filesystem=files, path=path(f"{folder}/file")))
    assert b"".join(one.buffer for one in read) == b"one, two"
    append = messages.AppendToFileRequest(filesystem=files, path=path(f"{folder}/file"), buffer=b"!")
    wire.call(FILES, "appendToFile", append, messages.AppendToFileRequest(buffer=b"?"))
    read = wire.call(FILES, "readFromFile", messages.PathRequest(filesystem=files, path=path(f"{folder}/file")))
    assert b"".join(one.buffer for one in read) == b"one, two!?"


def test_first_response_of_a_conversation(wire: Wire, jobs: messages.Scheduler) -> None:
    """Say first which job was started, and nothing else, and name it in every response"""
    start = messages.SubmitInteractiveJobRequest(scheduler=jobs, description=JobDescription(executable="/bin/cat"), stdin=b"hello\n")
    first, *others = wire.call(JOBS, "submitInteractiveJob", start)
    assert first.job is not None and first.job.id
    assert not first.stdout and not first.stderr
    assert b"".join(one.stdout for one in others) == b"hello\n"
    assert {one.job for one in others} == {first.job}


def test_wait_without_timeout_on_the_wire(wire: Wire, jobs: messages.Scheduler) -> None:
    """Take a timeout of 0 on the wire for no limit when waiting for a job"""
    sleep = messages.SubmitBatchJobRequest(scheduler=jobs, description=JobDescription(executable="sleep", arguments=["0.4"]))
    [job] = wire.call(JOBS, "submitBatchJob", sleep)
    started = time.monotonic()
    [status] = wire.call(JOBS, "waitUntilDone", messages.WaitRequest(scheduler=jobs, job=job))
    assert status.done
    assert time.monotonic() - started > 0.2
