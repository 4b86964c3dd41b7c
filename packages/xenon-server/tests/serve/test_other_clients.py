"""Clients that are not this SDK: stubs, as pyxenon 3 has them, made by grpcio-tools from the proto that ``--proto`` prints."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

import grpc
import pytest
from grpc_tools import protoc

from pyxenon_server._generated.descriptor import PROTO

Running = Callable[[], contextlib.AbstractAsyncContextManager[Any]]
MIB = 1 << 20


@pytest.fixture(scope="session")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    """The messages and the stubs."""
    folder = tmp_path_factory.mktemp("stubs")
    proto = folder / "xenon_of_this_test.proto"
    proto.write_text(PROTO, encoding="utf-8")
    status = protoc.main(["protoc", f"-I{folder}", f"--python_out={folder}", f"--grpc_python_out={folder}", str(proto)])
    assert status == 0
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("xenon_of_this_test_pb2"), importlib.import_module("xenon_of_this_test_pb2_grpc")
    finally:
        sys.path.remove(str(folder))


@pytest.fixture
def against(running: Running) -> Callable[[Callable[[grpc.Channel], Any]], tuple[Any, list[str]]]:
    """Runs blocking work in a thread against a server in this one; gives its result and what the server noted."""

    def run(work: Callable[[grpc.Channel], Any]) -> tuple[Any, list[str]]:
        async def go() -> tuple[Any, list[str]]:
            async with running() as server:
                with ThreadPoolExecutor(1) as pool, grpc.insecure_channel(server.target) as channel:
                    result = await asyncio.get_running_loop().run_in_executor(pool, work, channel)
                return result, server.notes

        return asyncio.run(go())

    return run


Against = Callable[[Callable[[grpc.Channel], Any]], tuple[Any, list[str]]]


def path_request(pb2: Any, path: str) -> Any:
    return pb2.PathRequest(filesystem=pb2.FileSystem(id="f"), path=pb2.Path(path=path))


def test_one_request_one_response(against: Against, stubs: tuple[Any, Any]) -> None:
    pb2, pb2_grpc = stubs
    answer, _ = against(lambda channel: pb2_grpc.FileSystemServiceStub(channel).exists(path_request(pb2, "/x"), timeout=60))
    assert answer == pb2.Is(value=True)


@pytest.mark.parametrize(
    ("path", "code", "details"),
    [
        ("/missing", "NOT_FOUND", "nl.esciencecenter.xenon.filesystems.NoSuchPathException: file adaptor: Path does not exist: /missing"),
        (
            "/there",
            "ALREADY_EXISTS",
            "nl.esciencecenter.xenon.filesystems.PathAlreadyExistsException: file adaptor: Path already exists: /there",
        ),
        ("/bug", "UNKNOWN", "the server failed with ValueError; its log tells where"),
    ],
)
def test_the_status_and_the_details_name_the_exception(
    against: Against, stubs: tuple[Any, Any], path: str, code: str, details: str
) -> None:
    pb2, pb2_grpc = stubs

    def work(channel: grpc.Channel) -> Any:
        with pytest.raises(grpc.RpcError) as caught:
            pb2_grpc.FileSystemServiceStub(channel).exists(path_request(pb2, path), timeout=60)
        return caught.value

    error, _ = against(work)
    assert (error.code().name, error.details()) == (code, details)


def test_a_stream_of_responses(against: Against, stubs: tuple[Any, Any]) -> None:
    pb2, pb2_grpc = stubs

    def work(channel: grpc.Channel) -> tuple[int, int]:
        files = pb2_grpc.FileSystemServiceStub(channel)
        size = sum(len(message.buffer) for message in files.readFromFile(path_request(pb2, "/32"), timeout=60))
        entries = files.list(pb2.ListRequest(filesystem=pb2.FileSystem(id="f"), dir=pb2.Path(path="/")), timeout=60)
        return size, sum(entry.size for entry in entries)

    result, notes = against(work)
    assert result == (32 * MIB, sum(range(100)))
    assert notes == ["read began", "read closed"]


def test_a_stream_of_requests(against: Against, stubs: tuple[Any, Any]) -> None:
    pb2, pb2_grpc = stubs

    def pieces() -> Iterator[Any]:
        yield pb2.WriteToFileRequest(filesystem=pb2.FileSystem(id="f"), path=pb2.Path(path="/out"))
        for _ in range(32):
            yield pb2.WriteToFileRequest(buffer=bytes(MIB))

    answer, notes = against(lambda channel: pb2_grpc.FileSystemServiceStub(channel).writeToFile(pieces(), timeout=60))
    assert answer == pb2.Empty()
    assert notes[-1] == f"whole file of {32 * MIB}"


def test_a_stream_of_requests_whose_source_fails_is_no_whole_file(against: Against, stubs: tuple[Any, Any]) -> None:
    pb2, pb2_grpc = stubs

    def pieces() -> Iterator[Any]:
        yield pb2.WriteToFileRequest(buffer=b"some")
        raise ZeroDivisionError

    def work(channel: grpc.Channel) -> None:
        with pytest.raises(grpc.RpcError):
            pb2_grpc.FileSystemServiceStub(channel).writeToFile(pieces(), timeout=60)

    _, notes = against(work)
    assert not [line for line in notes if line.startswith("whole")]


def test_both_ways_in_lock_step(against: Against, stubs: tuple[Any, Any]) -> None:
    pb2, pb2_grpc = stubs

    def work(channel: grpc.Channel) -> list[bytes]:
        words: Queue[Any] = Queue()
        responses = pb2_grpc.SchedulerServiceStub(channel).submitInteractiveJob(iter(words.get, None), timeout=60)
        words.put(pb2.SubmitInteractiveJobRequest(scheduler=pb2.Scheduler(id="s"), stdin=b"zero"))
        heard = [next(responses).stdout, next(responses).stdout]
        for word in (b"one", b"two"):
            words.put(pb2.SubmitInteractiveJobRequest(stdin=word))
            heard.append(next(responses).stdout)
        words.put(None)
        return heard + [response.stdout for response in responses]

    heard, notes = against(work)
    assert heard == [b"", b"zero", b"one", b"two"]
    assert notes == ["job began", "input ended", "job ended"]


def test_a_deadline_that_passes_ends_what_was_started(against: Against, stubs: tuple[Any, Any]) -> None:
    pb2, pb2_grpc = stubs

    def work(channel: grpc.Channel) -> Any:
        grpc.channel_ready_future(channel).result(60)
        with pytest.raises(grpc.RpcError) as caught:
            pb2_grpc.FileSystemServiceStub(channel).waitUntilDone(pb2.WaitUntilDoneRequest(), timeout=1)
        return caught.value.code()

    code, notes = against(work)
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert notes == ["wait began", "wait cancelled"]


def test_the_proto_that_is_printed_is_the_one_in_the_repository() -> None:
    assert (Path(__file__).parents[4] / "protos/xenon.proto").read_text(encoding="utf-8") == PROTO
