"""This SDK, synchronously: the package ``xenon``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlencode

import xenon
from benchmarks.workers.client import Server

__all__ = ["SdkClient", "open_client", "target_of"]


def open_client(server: Server) -> SdkClient:
    """A client of *server*."""
    return SdkClient(target_of(server))


def target_of(server: Server) -> str:
    """The target string of *server*."""
    keys = {"ca": server.keys / "server.pem", "cert": server.keys / "client.pem", "key": server.keys / "client.key"}
    return f"grpcs://{server.address}?{urlencode({name: str(path) for name, path in keys.items()})}"


class SdkClient:
    """What programs that use ``xenon`` do."""

    def __init__(self, target: str) -> None:
        self._session = xenon.init(target=target)
        self._files = xenon.FileSystem.create("file")

    def exists(self, path: str, times: list[float], clock: Callable[[], float]) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""
        exists = self._files.exists
        for number in range(len(times)):
            start = clock()
            if not exists(path):
                raise FileNotFoundError(path)
            times[number] = clock() - start

    def list_files(self, path: str) -> int:
        """See :class:`~benchmarks.workers.client.Client`."""
        count = 0
        for entry in self._files.list(path):
            if entry.path and entry.size and not entry.is_directory:
                count += 1
        return count

    def read(self, path: str, take: Callable[[bytes], object]) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""
        for piece in self._files.read_from_file(path):
            take(piece)

    def write(self, path: str, pieces: Iterable[bytes]) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""
        self._files.write_to_file(path, pieces)

    def run_jobs(self, count: int, executable: str) -> int:
        """See :class:`~benchmarks.workers.client.Client`."""
        with xenon.Scheduler.create("local") as scheduler:
            description = xenon.JobDescription(executable=executable)
            jobs = [scheduler.submit_batch_job(description) for _ in range(count)]
            return sum(scheduler.wait_until_done(job).exit_code == 0 for job in jobs)

    def close(self) -> None:
        """See :class:`~benchmarks.workers.client.Client`."""
        self._files.close()
        self._session.close()
