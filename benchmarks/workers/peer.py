"""The peer: pyxenon 3, in an interpreter of its own."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.workers.client import Server
from benchmarks.workers.floor import open_channel

__all__ = ["PeerClient", "open_client"]


def open_client(server: Server) -> PeerClient:
    """A client of *server*.

    pyxenon only reaches servers whose certificate is made out to this machine's name, so it is handed its channel; like its own, that has
    no options.
    """
    xenon: Any = importlib.import_module("xenon")
    state: Any = importlib.import_module("xenon.server").__server__
    stubs: Any = importlib.import_module("xenon.proto.xenon_pb2_grpc")
    state.channel = open_channel(server, ())
    state.file_system_stub = stubs.FileSystemServiceStub(state.channel)
    state.scheduler_stub = stubs.SchedulerServiceStub(state.channel)
    return PeerClient(xenon, state)


class PeerClient:
    """What programs that use pyxenon do."""

    def __init__(self, xenon: Any, state: Any) -> None:
        self._xenon = xenon
        self._state = state
        self._files = xenon.FileSystem.create(adaptor="file")

    def exists(self, path: str, times: list[float], clock: Callable[[], float]) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""
        make_path, exists = self._xenon.Path, self._files.exists
        for number in range(len(times)):
            start = clock()
            if not exists(make_path(path)):
                raise FileNotFoundError(path)
            times[number] = clock() - start

    def list_files(self, path: str) -> int:
        """See :class:`~benchmarks.workers.client.Client`."""
        count = 0
        for entry in self._files.list(self._xenon.Path(path)):
            if entry.path and entry.size and not entry.is_directory:
                count += 1
        return count

    def read(self, path: str, take: Callable[[bytes], object]) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""
        for piece in self._files.read_from_file(self._xenon.Path(path)):
            take(piece)

    def write(self, path: str, pieces: Iterable[bytes]) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""
        self._files.write_to_file(self._xenon.Path(path), pieces)

    def run_jobs(self, count: int, executable: str) -> int:
        """See :class:`~benchmarks.workers.client.Client`."""
        with self._xenon.Scheduler.create(adaptor="local") as scheduler:
            description = self._xenon.JobDescription(executable=executable)
            jobs = [scheduler.submit_batch_job(description) for _ in range(count)]
            return sum(scheduler.wait_until_done(job).exit_code == 0 for job in jobs)

    def close(self) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""
        self._files.close()
        self._state.channel.close()
