"""Reading and writing files of this machine in threads, one piece ahead of whoever is at the other end."""

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
"""Bytes up to which a file is small."""

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
    """Make the file *path* of *data*, as :meth:`FileSystem.write` does; raises OSError, and what *data* raises."""
    async with _in_the_making(path, replace, permissions) as number:
        await _pour(number, data)


async def write_small(path: str, data: AsyncIterator[bytes], replace: bool, permissions: int | None = None) -> None:
    """As :func:`write`, for a file that should be small: in one turn in a thread, which costs more than what is done in it."""
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
    """Copy a file within this machine, all or nothing: the kernel moves the bytes, or shares them. Raises OSError naming the path.

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
    """Let an error that is raised inside tell that it is about *path*."""
    try:
        yield
    except OSError as error:
        error.strerror = f"{error.strerror}: {path}"
        raise


@contextlib.asynccontextmanager
async def _in_the_making(path: str, replace: bool, permissions: int | None, usual: int = 0o666) -> AsyncIterator[int]:
    """The number of a new file, which takes the place of *path* at the end and is gone when that is not reached."""
    making = await obtained(Making.abandon, Making, path, replace, permissions, usual)
    try:
        yield making.number
    except BaseException:
        await completed(in_thread(making.abandon))
        raise
    await completed(in_thread(making.finish))


async def append(path: str, data: AsyncIterator[bytes]) -> None:
    """Add *data* to the end of the file *path*, which must exist; raises OSError, and what *data* raises."""
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
    if not hasher.digest_size:  # the length of which is up to the caller
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
    """Write what has come while the next is fetched: several pieces at once where they come faster than they are written."""
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
    """Wait until the thread is through, whatever comes of it: its file may not be closed under it."""
    if future is None:
        return
    await completed(asyncio.wait({future}))
    if not future.cancelled():
        future.exception()


async def obtained(give_back: Callable[[T], object], function: Callable[..., T], *arguments: Any) -> T:
    """What *function* gives, called in a thread; given back at once when nobody waits for it any more."""
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
    """Make a file of all of its content."""
    making = Making(path, replace, permissions)
    try:
        write_all(making.number, content)
    except BaseException:
        making.abandon()
        raise
    making.finish()


def _begin_to_read(path: str, piece: int, offset: int, length: int | None) -> tuple[int, bytes, int]:
    """Open a file, and return its number, the first piece of the range, and how many bytes of the range may follow.

    They are 0 where the file ends with the first piece, as most files do.
    """
    number = open_file(path, os.O_RDONLY)
    try:
        size = os.fstat(number).st_size
        begin, end = bounds(offset, length, size)
        asked = min(piece, end - begin) if _go_to(number, begin) else 0
        data = os.read(number, asked)
        # Files that the kernel makes up, as in /proc, have no size, and come in pieces as small as they like.
        is_all = len(data) < asked and begin + len(data) == size
        return number, data, 0 if is_all else end - begin - len(data)
    except BaseException:
        os.close(number)
        raise


def _go_to(number: int, offset: int) -> bool:
    """Go to *offset* in an open file; return False when no file of its disk is that long."""
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
