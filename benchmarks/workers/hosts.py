"""Tasks for ``xenon`` on hosts reached over SSH; each host is given as location, properties, username and key file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter, time
from typing import Any

import xenon
from benchmarks.workers.clients import core
from benchmarks.workers.tasks import Answer, blocks, check, timed

Place = Mapping[str, Any]
_files: dict[str, xenon.FileSystem] = {}


def login(place: Place) -> dict[str, Any]:
    """Return the arguments of a ``create`` that connects to *place*."""
    credential = xenon.CertificateCredential(username=place["username"], certfile=place["key"])
    return {"location": place["location"], "properties": place["properties"], "certificate_credential": credential}


def fetch(_client: Any, place: Place, source: str, target: str, expected: int) -> Answer:
    """Read a file on a host into one on this machine."""
    files = _files_of(place)

    def work() -> int:
        with Path(target).open("xb", buffering=0) as stream:
            return sum(stream.write(piece) for piece in files.read_from_file(source))

    return timed(work, expected)


def send(_client: Any, place: Place, source: str, target: str, expected: int) -> Answer:
    """Write a file on a host from one on this machine."""
    files = _files_of(place)

    def work() -> int:
        files.write_to_file(target, blocks(source))
        return files.get_attributes(target).size

    return timed(work, expected)


def copy(_client: Any, place: Place, command: str, source: str, target: str, expected: int) -> Answer:
    """Copy a file of *expected* bytes, or a tree when that is 0: ``get`` it from the host, ``put`` it there, or ``cp`` it within."""
    files = _files_of(None if command == "put" else place)
    others = _files_of(None if command == "get" else place)

    def work() -> int:
        operation = files.copy(source, others, target, mode=xenon.CopyMode.CREATE, recursive=not expected)
        status = files.wait_until_done(operation)
        if not status.done or status.error_message:
            raise RuntimeError(f"the copy is {status.state}: {status.error_message}")
        return status.bytes_copied

    return timed(work, expected)


def cluster(_client: Any, place: Place, target: str, number: int) -> Answer:
    """Submit jobs to Slurm, all at once, and wait for all of them."""

    async def run() -> Answer:
        async with await core().connect(target) as client, await client.schedulers.create("slurm", **login(place)) as scheduler:
            await scheduler.get_default_queue_name()  # connects
            return await _submit_and_wait(scheduler, number)

    return asyncio.run(run())


async def _submit_and_wait(scheduler: Any, number: int) -> Answer:
    submitted = 0.0

    async def one(index: int) -> int:
        nonlocal submitted
        job = await scheduler.submit_batch_job(xenon.JobDescription(executable="/bin/true", name=f"job-{index}"))
        submitted = perf_counter() - start
        return int((await scheduler.wait_until_done(job)).exit_code)

    began, start = time(), perf_counter()
    codes = await asyncio.gather(*map(one, range(number)))
    seconds = perf_counter() - start
    check("jobs with exit code 0", codes.count(0), number)
    return {"began": began, "seconds": seconds, "submitted": submitted}


def _files_of(place: Place | None) -> xenon.FileSystem:
    key = place["location"] if place else ""
    if key not in _files:
        _files[key] = xenon.FileSystem.create("sftp", **login(place)) if place else xenon.FileSystem.create("file")
    return _files[key]
