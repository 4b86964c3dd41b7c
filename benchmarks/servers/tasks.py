"""What contenders are asked to do: each task does its work and answers with numbers, in seconds and bytes."""

from __future__ import annotations

import asyncio
import os
import stat
import statistics
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import perf_counter, time
from typing import Any

import pyxenon_core
import xenon
from benchmarks.workers.memory import peak_beyond_start
from pyxenon_core import messages, services

__all__ = ["PlainFiles", "Xenon"]

_MIB = 1 << 20
# One piece that is the same every time, so that making it costs nothing.
_PIECE = bytes(range(256)) * (_MIB // 256)
Answer = dict[str, Any]
Place = Mapping[str, Any]
"""How a host is reached: ``location``, ``properties``, ``username`` and the file ``key``."""


class PlainFiles:
    """What Python's own library does with files of this machine."""

    def list(self, path: str, expected: int) -> Answer:
        """Look at the path, the size and the kind of each entry."""

        def look() -> int:
            count = 0
            with os.scandir(path) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    if entry.path and found.st_size and not stat.S_ISDIR(found.st_mode):
                        count += 1
            return count

        return _timed(look, expected)

    def read(self, path: str, expected: int) -> Answer:
        """Read a file in blocks of 1 MiB."""

        def read() -> int:
            count = 0
            with Path(path).open("rb", buffering=0) as stream:
                while piece := stream.read(_MIB):
                    count += len(piece)
            return count

        return _timed(read, expected)

    def write(self, path: str, mib: int) -> Answer:
        """Write a new file in blocks of 1 MiB."""

        def write() -> int:
            with Path(path).open("xb", buffering=0) as stream:
                return sum(stream.write(piece) for piece in _pieces(mib))

        return _timed(write, mib * _MIB)

    def close(self) -> None:
        """There is nothing to close."""


class Xenon:
    """What programs do with ``xenon``, through the server *target*."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._session = xenon.init(target=target)
        self._files = xenon.FileSystem.create("file")
        self._hosts: dict[str, xenon.FileSystem] = {}
        self._schedulers: dict[str, xenon.Scheduler] = {}

    def exists(self, path: str, calls: int) -> Answer:
        """Ask *calls* times whether a file exists."""
        exists, times = self._files.exists, [0.0] * calls
        for number in range(calls):
            start = perf_counter()
            if not exists(path):
                raise FileNotFoundError(path)
            times[number] = perf_counter() - start
        return {"seconds": statistics.median(times)}

    def list(self, path: str, expected: int) -> Answer:
        """Look at the path, the size and the kind of each entry."""

        def look() -> int:
            count = 0
            for entry in self._files.list(path):
                if entry.path and entry.size and not entry.is_directory:
                    count += 1
            return count

        return _timed(look, expected)

    def read(self, path: str, expected: int) -> Answer:
        """Read a file in the pieces in which it comes."""
        return _timed(lambda: sum(map(len, self._files.read_from_file(path))), expected)

    def write(self, path: str, mib: int) -> Answer:
        """Write a new file in pieces of 1 MiB."""

        def write() -> int:
            self._files.write_to_file(path, _pieces(mib))
            return Path(path).stat().st_size

        return _timed(write, mib * _MIB)

    def memory(self, path: str, new: str, mib: int) -> Answer:
        """Read a file and write another; how far memory rises meanwhile."""
        return {"bytes": peak_beyond_start(lambda: (self.read(path, mib * _MIB), self.write(new, mib)))}

    def fetch(self, place: Place, source: str, target: str, expected: int) -> Answer:
        """Read a file of a host into one of this machine."""
        files = self._host(place)

        def fetch() -> int:
            with Path(target).open("xb", buffering=0) as stream:
                return sum(stream.write(piece) for piece in files.read_from_file(source))

        return _timed(fetch, expected)

    def send(self, place: Place, source: str, target: str, expected: int) -> Answer:
        """Write a file of a host from one of this machine."""
        files = self._host(place)

        def send() -> int:
            files.write_to_file(target, _blocks(source))
            return int(files.get_attributes(target).size)

        answer = _timed(send, expected)
        files.delete(target)
        return answer

    def copy_from(self, place: Place, source: str, target: str, expected: int = 0, recursive: bool = False) -> Answer:
        """Copy from a host to this machine."""
        return _timed(lambda: _copy(self._host(place), source, self._files, target, recursive), expected)

    def copy_to(self, place: Place, source: str, target: str, expected: int = 0, recursive: bool = False) -> Answer:
        """Copy from this machine to a host."""
        return _timed(lambda: _copy(self._files, source, self._host(place), target, recursive), expected)

    def copy_there(self, place: Place, source: str, target: str, expected: int) -> Answer:
        """Copy within a host."""
        files = self._host(place)
        answer = _timed(lambda: _copy(files, source, files, target, False), expected)
        files.delete(target)
        return answer

    def job(self, count: int, place: Place | None = None, one_call: bool = False) -> Answer:
        """Run jobs one after the other, on this machine or a host; the mean of their round trips.

        A median would hide that the Java server answers either at once or after a second, as luck has it. With *one_call* the server is
        asked once to wait, as any client of it would, and not in short rounds.
        """
        scheduler = self._scheduler(place)
        wait = self._wait_in_one_call if one_call else xenon.Scheduler.wait_until_done
        description = messages.JobDescription(executable="/bin/true")
        start = perf_counter()
        for _ in range(count):
            _check("exit code", wait(scheduler, scheduler.submit_batch_job(description)).exit_code, 0)
        return {"seconds": (perf_counter() - start) / count}

    def cluster(self, place: Place, count: int) -> Answer:
        """Submit jobs to Slurm, all at once, and wait for all of them."""

        async def run() -> Answer:
            async with await pyxenon_core.connect(self._target) as client:
                created = client.schedulers.create("slurm", place["location"], place["properties"], certificate_credential=_login(place))
                async with await created as scheduler:
                    await scheduler.get_default_queue_name()  # all is connected
                    return await _submit_and_wait(scheduler, count)

        return asyncio.run(run())

    def close(self) -> None:
        """Close all of it."""
        for scheduler in self._schedulers.values():
            scheduler.close()
        for files in (*self._hosts.values(), self._files):
            files.close()
        self._session.close()

    def _wait_in_one_call(self, scheduler: xenon.Scheduler, job: messages.Job) -> messages.JobStatus:
        async def wait() -> messages.JobStatus:
            request = messages.WaitRequest(scheduler=scheduler.core.handle, job=job)
            return await self._session.client.channel.unary_unary(services.SCHEDULER_WAIT_UNTIL_DONE, request)

        return self._session.portal.call(wait())

    def _host(self, place: Place) -> xenon.FileSystem:
        if place["location"] not in self._hosts:
            created = xenon.FileSystem.create("sftp", place["location"], place["properties"], certificate_credential=_login(place))
            self._hosts[place["location"]] = created
        return self._hosts[place["location"]]

    def _scheduler(self, place: Place | None) -> xenon.Scheduler:
        name = "ssh" if place else "local"
        if name not in self._schedulers:
            if place:
                scheduler = xenon.Scheduler.create("ssh", place["location"], place["properties"], certificate_credential=_login(place))
            else:
                scheduler = xenon.Scheduler.create("local")
            self._schedulers[name] = scheduler
        return self._schedulers[name]


async def _submit_and_wait(scheduler: pyxenon_core.Scheduler, count: int) -> Answer:
    submitted = 0.0

    async def one(number: int) -> int:
        nonlocal submitted
        job = await scheduler.submit_batch_job(messages.JobDescription(executable="/bin/true", name=f"job-{number}"))
        submitted = perf_counter() - start
        return (await scheduler.wait_until_done(job)).exit_code

    began, start = time(), perf_counter()
    codes = await asyncio.gather(*map(one, range(count)))
    seconds = perf_counter() - start
    _check("jobs with exit code 0", codes.count(0), count)
    return {"began": began, "seconds": seconds, "submitted": submitted}


def _login(place: Place) -> messages.CertificateCredential:
    return messages.CertificateCredential(username=place["username"], certfile=place["key"])


def _copy(source: xenon.FileSystem, path: str, target: xenon.FileSystem, new: str, recursive: bool) -> int:
    """Copy, and give the bytes."""
    operation = source.copy(path, target, new, mode=messages.CopyRequestCopyMode.CREATE, recursive=recursive)
    status = source.wait_until_done(operation)
    if not status.done or status.error_message:
        raise RuntimeError(f"the copy is {status.state}: {status.error_message}")
    return status.bytes_copied


def _timed(work: Callable[[], int], expected: int) -> Answer:
    """Do *work*, which gives a count to compare with *expected* unless that is 0."""
    start = perf_counter()
    count = work()
    seconds = perf_counter() - start
    if expected:
        _check("count", count, expected)
    return {"seconds": seconds}


def _pieces(mib: int) -> Iterator[bytes]:
    for _ in range(mib):
        yield _PIECE


def _blocks(path: str) -> Iterator[bytes]:
    with Path(path).open("rb", buffering=0) as stream:
        while piece := stream.read(_MIB):
            yield piece


def _check(what: str, count: int, expected: int) -> None:
    if count != expected:
        raise RuntimeError(f"{what}: {count} instead of {expected}")
