"""Read and write files on this machine in threads, one piece ahead of the consumer or producer."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

from pyxenon_server.concurrency import completed
from pyxenon_server.filesystems.common.permissions import private_or_usual
from pyxenon_server.filesystems.common.ranges import bounds
from pyxenon_server.filesystems.common.threads import in_thread
from pyxenon_server.filesystems.local.copying import Source
from pyxenon_server.filesystems.local.making import Making
from pyxenon_server.filesystems.local.opening import open_file, write_all

__all__ = ["SMALL", "append", "checksum", "copy", "obtained", "read", "write", "write_small"]

T = TypeVar("T")

SMALL = 1 << 20
"""The largest size in bytes of a small file."""

_WRITTEN_AT_ONCE = 1 << 20
_HASHED_AT_ONCE = 8 << 20


async def read(path: str, piece: int, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
    """Read a range of the file *path*, as :meth:`FileSystem.read` does, in pieces of *piece* bytes; raises OSError."""
    number, data, left = await obtained(_give_back, _begin_to_read, path, piece, offset, length)
    ahead: asyncio.Future[bytes] | None = None
    try:
        while data:
            ahead = asyncio.ensure_future(in_thread(os.read, number, min(piece, left))) if left else None
            yield data
            data = await asyncio.shield(ahead) if ahead is not None else b""
            left -= len(data)
    finally:
        try:
            await _settled(ahead)
        finally:
            os.close(number)


async def write(path: str, data: AsyncIterator[bytes], replace: bool, permissions: int | None = None) -> None:
    """Write *data* to the file *path*, as :meth:`FileSystem.write` does. Raises OSError, and errors of *data*."""
    async with _in_the_making(path, replace, permissions) as number:
        await _pour(number, data)


async def write_small(path: str, data: AsyncIterator[bytes], replace: bool, permissions: int | None = None) -> None:
    """Write a file that should be small, as :func:`write` does, but with a single call in a thread, since such calls dominate the cost."""
    begun: list[bytes] = []
    count = 0
    async for piece in data:
        begun.append(piece)
        count += len(piece)
        if count > SMALL:
            await write(path, _continued(begun, data), replace, permissions)
            return
    await completed(in_thread(_make, path, b"".join(begun), replace, permissions))


async def copy(source: str, target: str, replace: bool, progress: Callable[[int], None], permissions: int | None = None) -> None:
    """Copy a file within this machine, all or nothing: the kernel copies the bytes or shares the blocks. Raises OSError naming the path.

    *permissions* are as in :meth:`FileSystem.copy_here`.
    """
    with _naming(source):
        origin = await obtained(Source.close, Source, source)
    try:
        with _naming(target):
            wanted = private_or_usual(origin.permissions) if permissions is None else permissions
            async with _in_the_making(target, replace, wanted, origin.permissions) as made:
                while count := await completed(in_thread(origin.copy_next, made)):
                    progress(count)
    finally:
        origin.close()


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    """Add *path* to the message of an OSError raised inside."""
    try:
        yield
    except OSError as error:
        error.strerror = f"{error.strerror}: {path}"
        raise


@contextlib.asynccontextmanager
async def _in_the_making(path: str, replace: bool, permissions: int | None, usual: int = 0o666) -> AsyncIterator[int]:
    """Provide the descriptor of a new file that replaces *path* on success, and is deleted on failure."""
    making = await obtained(Making.abandon, Making, path, replace, permissions, usual)
    try:
        yield making.number
    except BaseException:
        await completed(in_thread(making.abandon))
        raise
    await completed(in_thread(making.finish))


async def append(path: str, data: AsyncIterator[bytes]) -> None:
    """Append *data* to the file *path*, which must exist. Raises OSError, and errors of *data*."""
    number = await obtained(os.close, open_file, path, os.O_WRONLY | os.O_APPEND)
    try:
        await _pour(number, data)
    except BaseException:
        await completed(in_thread(os.close, number))
        raise
    await completed(in_thread(os.close, number))


async def checksum(path: str, algorithm: str) -> str | None:
    """Return the checksum of the file *path* in hexadecimal digits; None for an unknown *algorithm*. Raises OSError."""
    try:
        hasher = hashlib.new(algorithm, usedforsecurity=False)
    except ValueError:
        return None
    if not hasher.digest_size:  # an algorithm whose digest length the caller must choose
        return None
    number = await obtained(os.close, open_file, path, os.O_RDONLY)
    try:
        while await completed(in_thread(_hash_next, number, hasher)):
            continue
    finally:
        os.close(number)
    return hasher.hexdigest()


def _hash_next(number: int, hasher: hashlib._Hash) -> bool:
    """Add the next bytes of a file to *hasher*; return False at the end."""
    data = os.read(number, _HASHED_AT_ONCE)
    hasher.update(data)
    return bool(data)


async def _pour(number: int, data: AsyncIterator[bytes]) -> None:
    """Write pieces while the next ones are fetched, several at once if they arrive faster than they are written."""
    writing: asyncio.Future[None] | None = None
    begun: list[bytes] = []
    count = 0
    try:
        async for piece in data:
            begun.append(piece)
            count += len(piece)
            if writing is None or writing.done() or count >= _WRITTEN_AT_ONCE:
                if writing is not None:
                    await asyncio.shield(writing)
                writing, begun, count = asyncio.ensure_future(in_thread(_write_pieces, number, begun)), [], 0
        if writing is not None:
            await asyncio.shield(writing)
        if begun:
            writing = asyncio.ensure_future(in_thread(_write_pieces, number, begun))
            await asyncio.shield(writing)
    finally:
        await _settled(writing)


def _write_pieces(number: int, pieces: list[bytes]) -> None:
    for piece in pieces:
        write_all(number, piece)


async def _settled(future: asyncio.Future[Any] | None) -> None:
    """Wait until the thread has finished and ignore its result, because its file must not be closed while it runs."""
    if future is None:
        return
    await completed(asyncio.wait({future}))
    if not future.cancelled():
        future.exception()


async def obtained(give_back: Callable[[T], object], function: Callable[..., T], *arguments: Any) -> T:
    """Call *function* in a thread and return its result; if the caller is cancelled, pass the result to *give_back* instead."""
    work = asyncio.ensure_future(in_thread(function, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        try:
            await _settled(work)
        finally:
            if not work.cancelled() and work.exception() is None:
                give_back(work.result())
        raise


async def _continued(begun: list[bytes], data: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    yield b"".join(begun)
    async for piece in data:
        yield piece


def _make(path: str, content: bytes, replace: bool, permissions: int | None) -> None:
    """Create a file with all of its content."""
    making = Making(path, replace, permissions)
    try:
        write_all(making.number, content)
    except BaseException:
        making.abandon()
        raise
    making.finish()


def _begin_to_read(path: str, piece: int, offset: int, length: int | None) -> tuple[int, bytes, int]:
    """Open a file; return its descriptor, the first piece of the range, and how many bytes of the range may follow.

    That number is 0 if the file ends with the first piece, as most files do.
    """
    number = open_file(path, os.O_RDONLY)
    try:
        size = os.fstat(number).st_size
        begin, end = bounds(offset, length, size)
        asked = min(piece, end - begin) if _go_to(number, begin) else 0
        data = os.read(number, asked)
        # Virtual files, such as those in /proc, report no size and may return arbitrarily short pieces.
        is_all = len(data) < asked and begin + len(data) == size
        return number, data, 0 if is_all else end - begin - len(data)
    except BaseException:
        os.close(number)
        raise


def _go_to(number: int, offset: int) -> bool:
    """Seek to *offset* in an open file; return False if no file on its disk can be that long."""
    if not offset:
        return True
    try:
        os.lseek(number, offset, os.SEEK_SET)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return False
    return True


def _give_back(opened: tuple[int, bytes, int]) -> None:
    os.close(opened[0])
