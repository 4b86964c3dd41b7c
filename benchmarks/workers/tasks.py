"""The tasks that any contender can do: each works with a client and answers with numbers, in seconds and bytes."""

from __future__ import annotations

import platform
import statistics
import sys
import zlib
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.workers.sampling import peak_beyond_start

Answer = dict[str, Any]
_MIB = 1 << 20
# Every piece is the same one: the generator holds no more of the file than this, and making it costs nothing.
_PIECE = bytes(range(256)) * (_MIB // 256)
_PACKAGES = ("grpcio", "protobuf", "betterproto2", "h2", "asyncssh", "cryptography", "pyxenon")
_jobs: dict[str, Any] = {}


def versions(_client: Any) -> Answer:
    """Return the versions of Python and of the packages that the contender uses."""
    installed = {distribution.metadata["Name"]: distribution.version for distribution in metadata.distributions()}
    found = {name: installed[name] for name in _PACKAGES if name in installed}
    implementation: Any = sys.modules.get("google.protobuf.internal.api_implementation")
    return {"python": platform.python_version(), **found, **({"protobuf is": implementation.Type()} if implementation else {})}


def exists(client: Any, path: str, number: int) -> Answer:
    """Ask *number* times whether a file exists."""
    times = [0.0] * number
    client.exists(path, times)
    return {"seconds": statistics.median(times), "p95": statistics.quantiles(times, n=20)[-1]}


def count(client: Any, path: str, expected: int) -> Answer:
    """List a directory."""
    return timed(lambda: client.count(path), expected)


def read(client: Any, path: str) -> Answer:
    """Read a file without keeping its content."""
    sizes: list[int] = []

    def work() -> int:
        client.read(path, lambda piece: sizes.append(len(piece)))
        return sum(sizes)

    return timed(work, Path(path).stat().st_size)


def write(client: Any, path: str, mib: int) -> Answer:
    """Write a new file in pieces of 1 MiB."""
    Path(path).unlink(missing_ok=True)

    def work() -> int:
        client.write(path, (_PIECE for _ in range(mib)))
        return Path(path).stat().st_size

    return timed(work, mib * _MIB)


def memory(client: Any, source: str = "", target: str = "", mib: int = 0) -> Answer:
    """Read a file, write another, or both; return how far memory rises meanwhile."""
    crc = expected = 0

    def take(piece: bytes) -> None:
        nonlocal crc
        crc = zlib.crc32(piece, crc)

    def work() -> None:
        if source:
            client.read(source, take)
        if target:
            write(client, target, mib)

    taken = peak_beyond_start(work)
    for block in blocks(source) if source else ():
        expected = zlib.crc32(block, expected)
    check("checksum of what was read", crc, expected)
    return {"bytes": taken}


def jobs(client: Any, number: int) -> Answer:
    """Submit jobs one after the other, then wait for them in the same order."""

    def work() -> int:
        submit, wait = client.jobs(None)
        return sum(wait(job) == 0 for job in [submit() for _ in range(number)])

    return timed(work, number)


def job(client: Any, number: int, place: Any = None) -> Answer:
    """Run jobs one after the other, on this machine or a host, and return the mean of their round trips.

    A median would hide that the Java server answers either at once or after a second, by chance.
    """
    submit, wait = _jobs[str(place)] = _jobs.get(str(place)) or client.jobs(place)
    start = perf_counter()
    for _ in range(number):
        check("exit code", wait(submit()), 0)
    return {"seconds": (perf_counter() - start) / number}


def timed(work: Callable[[], int], expected: int) -> Answer:
    """Time *work*, which returns a count to compare with *expected* unless that is 0."""
    start = perf_counter()
    number = work()
    seconds = perf_counter() - start
    if expected:
        check("count", number, expected)
    return {"seconds": seconds, "count": number}


def blocks(path: str) -> Iterator[bytes]:
    """Read a file in blocks of 1 MiB."""
    with Path(path).open("rb", buffering=0) as stream:
        while piece := stream.read(_MIB):
            yield piece


def check(what: str, number: int, expected: int) -> None:
    """Raise RuntimeError when a number is not as expected."""
    if number != expected:
        raise RuntimeError(f"{what}: {number} instead of {expected}")
