"""The floor: grpcio's stubs and protobuf's messages, as protoc makes them, used by hand and with care."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc

from benchmarks.workers.client import Server

__all__ = ["FloorClient", "open_channel", "open_client"]

_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


def open_client(server: Server) -> FloorClient:
    """A client of *server*."""
    sys.path.insert(0, str(server.stubs))
    return FloorClient(open_channel(server))


def open_channel(server: Server, options: tuple[tuple[str, Any], ...] = _OPTIONS) -> grpc.Channel:
    """A channel with mutual TLS; messages may have any size unless *options* say otherwise."""
    credentials = grpc.ssl_channel_credentials(server.pem("server.pem"), server.pem("client.key"), server.pem("client.pem"))
    return grpc.secure_channel(server.address, credentials, options)


class FloorClient:
    """What somebody without an SDK would write."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._pb: Any = importlib.import_module("xenon_pb2")
        stubs: Any = importlib.import_module("xenon_pb2_grpc")
        self._files: Any = stubs.FileSystemServiceStub(channel)
        self._schedulers: Any = stubs.SchedulerServiceStub(channel)
        self._handle = self._files.create(self._pb.CreateFileSystemRequest(adaptor="file"))

    def exists(self, path: str, times: list[float], clock: Callable[[], float]) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""
        pb, handle, exists = self._pb, self._handle, self._files.exists
        for number in range(len(times)):
            start = clock()
            if not exists(pb.PathRequest(filesystem=handle, path=pb.Path(path=path, separator="/"))).value:
                raise FileNotFoundError(path)
            times[number] = clock() - start

    def list_files(self, path: str) -> int:
        """See :class:`~benchmarks.workers.client.Client`."""
        count = 0
        for entry in self._files.list(self._pb.ListRequest(filesystem=self._handle, dir=self._path(path))):
            if entry.path.path and entry.size and not entry.is_directory:
                count += 1
        return count

    def read(self, path: str, take: Callable[[bytes], object]) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""
        for response in self._files.readFromFile(self._pb.PathRequest(filesystem=self._handle, path=self._path(path))):
            take(response.buffer)

    def write(self, path: str, pieces: Iterable[bytes]) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""
        self._files.writeToFile(self._write_requests(path, pieces))

    def run_jobs(self, count: int, executable: str) -> int:
        """See :class:`~benchmarks.workers.client.Client`."""
        pb, stub = self._pb, self._schedulers
        scheduler = stub.create(pb.CreateSchedulerRequest(adaptor="local"))
        description = pb.JobDescription(executable=executable)
        jobs = [stub.submitBatchJob(pb.SubmitBatchJobRequest(scheduler=scheduler, description=description)) for _ in range(count)]
        done = [stub.waitUntilDone(pb.WaitRequest(scheduler=scheduler, job=job)) for job in jobs]
        stub.close(scheduler)
        return sum(status.exit_code == 0 for status in done)

    def close(self) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""
        self._files.close(self._handle)
        self._channel.close()

    def _path(self, path: str) -> Any:
        return self._pb.Path(path=path, separator="/")

    def _write_requests(self, path: str, pieces: Iterable[bytes]) -> Iterator[Any]:
        yield self._pb.WriteToFileRequest(filesystem=self._handle, path=self._path(path))
        for piece in pieces:
            yield self._pb.WriteToFileRequest(buffer=piece)
