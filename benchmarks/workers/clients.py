"""The ways to use a server: each is a function that connects, with a file system of the adaptor ``file``, and returns a client.

Its argument tells of the server: ``target`` is a target string; ``address``, ``keys`` (the folder of the PEM files) and ``stubs`` (that of
what protoc makes) are for whoever reaches it by hand, and ``command`` starts it where it does not run yet. Of a client,

- ``exists`` asks whether a path exists, as often as a list is long, and puts the seconds of each call there;
- ``count`` lists a directory, looks at the path, the size and the kind of each entry, and counts the files that have a size;
- ``read`` reads a file, and hands over its bytes in the pieces in which they come; ``write`` writes pieces to a new file;
- ``jobs`` creates a scheduler on a host or, for None, on this machine; returns what submits a job, and what waits for its exit code;
- ``run_jobs`` submits jobs one after the other, waits for all, and counts those that ended with exit code 0.
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
"""What a way imports that does not count as connecting."""
Server = dict[str, Any]
Take = Callable[[bytes], object]
Jobs = tuple[Callable[[], Any], Callable[[Any], int]]
_MIB = 1 << 20
_TRUE = "/bin/true"
_NO_LIMIT = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


def core() -> Any:
    """Return the package of the asynchronous API, by the name that it has in this environment."""
    try:
        return importlib.import_module("pyxenon_core")
    except ModuleNotFoundError:
        return importlib.import_module("xenon_core")


def xenon(server: Server, path: Callable[[str], Any] = str) -> Client:
    """Connect as programs do that use ``xenon``, or pyxenon 3."""
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
    """Connect as programs do that use pyxenon 3; to a server that runs through a channel that it is handed, which has no options.

    By itself it only reaches servers whose certificate is made out to this machine's name.
    """
    package: Any = importlib.import_module("xenon")
    if "address" in server:
        state: Any = importlib.import_module("xenon.server").__server__
        stubs: Any = importlib.import_module("xenon.proto.xenon_pb2_grpc")
        state.channel = _channel(server, ())
        state.file_system_stub = stubs.FileSystemServiceStub(state.channel)
        state.scheduler_stub = stubs.SchedulerServiceStub(state.channel)
    else:
        package.init()  # it has begun the server then, and ends it when Python ends; a `with` would begin it again
    return xenon({}, package.Path)


def floor(server: Server) -> Client:
    """Connect as somebody without an SDK would: grpcio's stubs and protobuf's messages, used by hand and with care."""
    sys.path.insert(0, server["stubs"])
    pb: Any = importlib.import_module("xenon_pb2")
    stubs: Any = importlib.import_module("xenon_pb2_grpc")
    java = subprocess.Popen(server["command"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) if "command" in server else None
    # Without these it would try again after a second, and a server that has just been started is there in less.
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
    """Return what Python's own library does with files of this machine."""

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
    """Connect as programs do that use the asynchronous API. A round is one coroutine, so that no loop is entered and left in between."""
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

    async def run_jobs(number: int) -> int:
        async with await client.schedulers.create("local") as scheduler:
            description = core().messages.JobDescription(executable=_TRUE)
            jobs = [await scheduler.submit_batch_job(description) for _ in range(number)]
            return sum([(await scheduler.wait_until_done(job)).exit_code == 0 for job in jobs])

    return Client(
        exists=lambda path, times: run(exists(path, times)),
        count=lambda path: run(count(path)),
        read=lambda path, take: run(read(path, take)),
        write=lambda path, pieces: run(files.write_to_file(path, pieces)),
        run_jobs=lambda number: run(run_jobs(number)),
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
    """A client that does one thing after the other; *asker* returns what asks whether a path exists."""

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

    def run_jobs(number: int) -> int:
        submit, wait = jobs(None)  # type: ignore[misc]
        return sum(wait(job) == 0 for job in [submit() for _ in range(number)])

    return Client(exists=exists, count=count, read=read, write=write, jobs=jobs, run_jobs=run_jobs, close=close)


def _channel(server: Server, options: Iterable[tuple[str, Any]]) -> Any:
    """A channel of grpcio's with mutual TLS."""
    grpc: Any = importlib.import_module("grpc")
    ca, key, certificate = ((Path(server["keys"]) / name).read_bytes() for name in ("server.pem", "client.key", "client.pem"))
    return grpc.secure_channel(server["address"], grpc.ssl_channel_credentials(ca, key, certificate), tuple(options))
