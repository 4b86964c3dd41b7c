"""What a contender is asked to do: each task does its work with a client and answers with numbers."""

from __future__ import annotations

import statistics
import zlib
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

from benchmarks.workers.client import Client
from benchmarks.workers.memory import peak_beyond_start

__all__ = ["TASKS"]

_MIB = 1 << 20
# One piece that is the same every time: the generator holds no more of the file than this.
_PIECE = bytes(range(256)) * (_MIB // 256)


def _exists(client: Client, path: str, calls: int) -> dict[str, float]:
    times = [0.0] * calls
    client.exists(path, times, perf_counter)
    return {"median": statistics.median(times), "p95": statistics.quantiles(times, n=20)[-1]}


def _list_files(client: Client, path: str, expected: int) -> dict[str, float]:
    start = perf_counter()
    count = client.list_files(path)
    seconds = perf_counter() - start
    _check("files listed", count, expected)
    return {"seconds": seconds}


def _read(client: Client, path: str, expected: int) -> dict[str, float]:
    count = _Counter()
    start = perf_counter()
    client.read(path, count.take)
    seconds = perf_counter() - start
    _check("bytes read", count.total, expected)
    return {"seconds": seconds}


def _write(client: Client, path: str, mib: int) -> dict[str, float]:
    start = perf_counter()
    client.write(path, _pieces(mib))
    return {"seconds": perf_counter() - start}


def _read_memory(client: Client, path: str, expected: int) -> dict[str, float]:
    count = _Counter()
    peak = peak_beyond_start(lambda: client.read(path, count.take_and_check))
    _check("bytes read", count.total, expected)
    return {"bytes": peak, "crc": count.crc}


def _write_memory(client: Client, path: str, mib: int) -> dict[str, float]:
    peak = peak_beyond_start(lambda: client.write(path, _pieces(mib)))
    return {"bytes": peak, "crc": _crc_of_pieces(mib)}


def _run_jobs(client: Client, count: int, executable: str) -> dict[str, float]:
    start = perf_counter()
    done = client.run_jobs(count, executable)
    seconds = perf_counter() - start
    _check("jobs done", done, count)
    return {"seconds": seconds}


class _Counter:
    """Takes the bytes of a file and keeps none of them."""

    def __init__(self) -> None:
        self.total = 0
        self.crc = 0

    def take(self, piece: bytes) -> None:
        """Count *piece*."""
        self.total += len(piece)

    def take_and_check(self, piece: bytes) -> None:
        """Count *piece* and add it to the checksum."""
        self.total += len(piece)
        self.crc = zlib.crc32(piece, self.crc)


def _pieces(mib: int) -> Iterator[bytes]:
    for _ in range(mib):
        yield _PIECE


def _crc_of_pieces(mib: int) -> int:
    crc = 0
    for piece in _pieces(mib):
        crc = zlib.crc32(piece, crc)
    return crc


def _check(what: str, count: int, expected: int) -> None:
    if count != expected:
        raise RuntimeError(f"{what}: {count} instead of {expected}")


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "exists": _exists,
    "list": _list_files,
    "read": _read,
    "write": _write,
    "read-memory": _read_memory,
    "write-memory": _write_memory,
    "jobs": _run_jobs,
}
