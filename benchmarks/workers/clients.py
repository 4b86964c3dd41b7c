"""The ways to use a server: each is a function that connects, with a file system of the adaptor ``file``, and returns a client.

Its argument describes the server: ``target`` is a target string; ``address``, ``keys`` (the folder of the PEM files) and ``stubs`` (the
folder of the modules that protoc generates) are for clients written by hand, and ``command`` starts a server that is not running yet. Of
a client,

- ``exists`` asks whether a path exists, once for each item of a list, and puts the seconds of each call there;
- ``count`` lists a directory, looks at the path, the size and the kind of each entry, and counts the files that have a size;
- ``read`` reads a file and passes on its bytes in the pieces in which they arrive; ``write`` writes pieces to a new file;
- ``jobs`` creates a scheduler on a host or, for None, on this machine; returns a function that submits a job, and one that waits for its
  exit code.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace as Client
from typing import Any

__all__ = ["PACKAGES", "Client", "core", "floor", "plain", "pyxenon", "xenon", "xenon_async"]

PACKAGES = {"xenon": ["xenon"], "xenon_async": [], "pyxenon": ["xenon"], "floor": ["grpc"], "plain": []}
"""The imports of each way that do not count as connecting."""
Server = dict[str, Any]
Take = Callable[[bytes], object]
Jobs = tuple[Callable[[], Any], Callable[[Any], int]]
_MIB = 1 << 20
_TRUE = "/bin/true"
_NO_LIMIT = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


def core() -> Any:
    """Return the package of the asynchronous API by its name in this environment."""
    try:
        return importlib.import_module("pyxenon_core")
    except ModuleNotFoundError:
        return importlib.import_module("xenon_core")


def xenon(server: Server, path: Callable[[str], Any] = str) -> Client:
    """Connect as a program does that uses ``xenon``, or pyxenon 3."""
    package: Any = importlib.import_module("xenon")
    session = package.init(target=server["target"]) if "target" in server else None
    files = package.FileSystem.create(adaptor="file")

    def asker(name: str) -> Callable[[], bool]:
        return lambda: files.exists(path(name))

    def count(name: str) -> int:
        return sum(1 for entry in files.list(path(name)) if entry.path and entry.size and not entry.is_directory)

    def jobs(place: Any) -> Jobs:
        arguments = {"adaptor": "local"}
        if place:
            from benchmarks.workers.hosts import login

            arguments = {"adaptor": "ssh", **login(place)}
        scheduler = package.Scheduler.create(**arguments)
        description = package.JobDescription(executable=_TRUE)
        return lambda: scheduler.submit_batch_job(description), lambda job: scheduler.wait_until_done(job).exit_code

    def write(name: str, pieces: Iterable[bytes]) -> None:
        files.write_to_file(path(name), pieces)

    return _client(asker, count, lambda name: files.read_from_file(path(name)), write, jobs, session.close if session else files.close)


def pyxenon(server: Server) -> Client:
    """Connect as a program does that uses pyxenon 3, to a running server through a channel made here, without options.

    By itself it only reaches servers whose certificate is issued for this machine's name.
    """
    package: Any = importlib.import_module("xenon")
    if "address" in server:
        state: Any = importlib.import_module("xenon.server").__server__
        stubs: Any = importlib.import_module("xenon.proto.xenon_pb2_grpc")
        state.channel = _channel(server, ())
        state.file_system_stub = stubs.FileSystemServiceStub(state.channel)
        state.scheduler_stub = stubs.SchedulerServiceStub(state.channel)
    else:
        package.init()  # starts the server, and stops it when Python ends; a `with` would start it again
    return xenon({}, package.Path)


def floor(server: Server) -> Client:
    """Connect as a careful programmer without an SDK would, with grpcio's stubs and protobuf's messages."""
    sys.path.insert(0, server["stubs"])
    pb: Any = importlib.import_module("xenon_pb2")
    stubs: Any = importlib.import_module("xenon_pb2_grpc")
    java = subprocess.Popen(server["command"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) if "command" in server else None
    # Without these it would retry after a second, and a server that was just started is ready sooner.
    waits = [(f"grpc.{name}_reconnect_backoff_ms", 50) for name in ("initial", "min", "max")] if java else []
    channel = _channel(server, [*_NO_LIMIT, *waits])
    stub, schedulers = stubs.FileSystemServiceStub(channel), stubs.SchedulerServiceStub(channel)
    handle = stub.create(pb.CreateFileSystemRequest(adaptor="file"), wait_for_ready=True, timeout=60)

    def request(name: str) -> Any:
        return pb.PathRequest(filesystem=handle, path=pb.Path(path=name, separator="/"))

    def asker(name: str) -> Callable[[], bool]:
        return lambda: stub.exists(request(name)).value

    def count(name: str) -> int:
        entries = stub.list(pb.ListRequest(filesystem=handle, dir=pb.Path(path=name, separator="/")))
        return sum(1 for entry in entries if entry.path.path and entry.size and not entry.is_directory)

    def write(name: str, pieces: Iterable[bytes]) -> None:
        def requests() -> Iterator[Any]:
            yield pb.WriteToFileRequest(filesystem=handle, path=pb.Path(path=name, separator="/"))
            for piece in pieces:
                yield pb.WriteToFileRequest(buffer=piece)

        stub.writeToFile(requests())

    def jobs(place: Any) -> Jobs:
        wanted = pb.CreateSchedulerRequest(adaptor="ssh" if place else "local")
        if place:
            wanted.location, wanted.certificate_credential.username = place["location"], place["username"]
            wanted.certificate_credential.certfile = place["key"]
            wanted.properties.update(place["properties"])
        scheduler = schedulers.create(wanted)
        submission = pb.SubmitBatchJobRequest(scheduler=scheduler, description=pb.JobDescription(executable=_TRUE))
        wait = schedulers.waitUntilDone
        return lambda: schedulers.submitBatchJob(submission), lambda job: wait(pb.WaitRequest(scheduler=scheduler, job=job)).exit_code

    def close() -> None:
        channel.close()
        if java:
            java.terminate()
            java.wait()

    return _client(asker, count, lambda name: (answer.buffer for answer in stub.readFromFile(request(name))), write, jobs, close)


def plain(_server: Server) -> Client:
    """Return a client that uses Python's standard library on the files of this machine."""

    def count(name: str) -> int:
        with os.scandir(name) as entries:
            found = ((entry.path, entry.stat(follow_symlinks=False)) for entry in entries)
            return sum(1 for path, status in found if path and status.st_size and not stat.S_ISDIR(status.st_mode))

    def pieces(name: str) -> Iterator[bytes]:
        with Path(name).open("rb", buffering=0) as stream:
            while piece := stream.read(_MIB):
                yield piece

    def write(name: str, data: Iterable[bytes]) -> None:
        with Path(name).open("xb", buffering=0) as stream:
            for piece in data:
                stream.write(piece)

    return _client(lambda name: lambda: Path(name).exists(), count, pieces, write)


def xenon_async(server: Server) -> Client:
    """Connect as a program does that uses the asynchronous API. Work on files is one coroutine, so that the loop is entered once."""
    run = asyncio.new_event_loop().run_until_complete
    client = run(core().connect(server["target"]))
    files = run(client.filesystems.create("file"))

    async def exists(path: str, times: list[float]) -> None:
        ask = files.exists
        for number in range(len(times)):
            start = perf_counter()
            if not await ask(path):
                raise FileNotFoundError(path)
            times[number] = perf_counter() - start

    async def count(path: str) -> int:
        return len([entry.size async for entry in files.list(path) if entry.path and entry.size and not entry.is_directory])

    async def read(path: str, take: Take) -> None:
        async for piece in files.read_from_file(path):
            take(piece)

    def jobs(_place: Any) -> Jobs:
        scheduler = run(client.schedulers.create("local"))
        description = core().messages.JobDescription(executable=_TRUE)
        return lambda: run(scheduler.submit_batch_job(description)), lambda job: run(scheduler.wait_until_done(job)).exit_code

    return Client(
        exists=lambda path, times: run(exists(path, times)),
        count=lambda path: run(count(path)),
        read=lambda path, take: run(read(path, take)),
        write=lambda path, pieces: run(files.write_to_file(path, pieces)),
        jobs=jobs,
        close=lambda: run(client.close()),
    )


def _client(
    asker: Callable[[str], Callable[[], bool]],
    count: Callable[[str], int],
    pieces: Callable[[str], Iterable[bytes]],
    write: Callable[[str, Iterable[bytes]], object],
    jobs: Callable[[Any], Jobs] | None = None,
    close: Callable[[], object] = lambda: None,
) -> Client:
    """Return a synchronous client; *asker* returns a function that asks whether a path exists."""

    def exists(path: str, times: list[float]) -> None:
        ask = asker(path)
        for number in range(len(times)):
            start = perf_counter()
            if not ask():
                raise FileNotFoundError(path)
            times[number] = perf_counter() - start

    def read(path: str, take: Take) -> None:
        for piece in pieces(path):
            take(piece)

    return Client(exists=exists, count=count, read=read, write=write, jobs=jobs, close=close)


def _channel(server: Server, options: Iterable[tuple[str, Any]]) -> Any:
    """Return a channel of grpcio with mutual TLS."""
    grpc: Any = importlib.import_module("grpc")
    ca, key, certificate = ((Path(server["keys"]) / name).read_bytes() for name in ("server.pem", "client.key", "client.pem"))
    return grpc.secure_channel(server["address"], grpc.ssl_channel_credentials(ca, key, certificate), tuple(options))
