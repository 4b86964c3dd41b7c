"""Reading and writing files of this machine in threads, one piece ahead of whoever is at the other end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from xenon_server.paths import join, parent_of

__all__ = ["append", "completed", "copy", "in_thread", "read", "write"]

T = TypeVar("T")

# Enough for the reads, writes and listings that two or three copies have under way; metadata of near files needs none.
_THREADS = ThreadPoolExecutor(8, "xenon-files")
_COPIED_AT_ONCE = 8 << 20
_copy_file_range: Callable[[int, int, int], int] | None = getattr(os, "copy_file_range", None)
_NO_COPYING = frozenset({errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF})
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """What *function* gives, called in a thread. It runs to its end even when nobody waits any more."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, function, *arguments)


async def read(path: str, piece: int) -> AsyncIterator[bytes]:
    """The file *path* in pieces of *piece* bytes; raises OSError."""
    number = await in_thread(_open_to_read, path)
    ahead = asyncio.ensure_future(in_thread(os.read, number, piece))
    try:
        while data := await asyncio.shield(ahead):
            ahead = asyncio.ensure_future(in_thread(os.read, number, piece))
            yield data
    finally:
        await _settled(ahead)
        os.close(number)


async def write(path: str, data: AsyncIterator[bytes], replace: bool) -> None:
    """Make the file *path* of *data*, all or nothing; raises OSError, and what *data* raises."""
    async with _in_the_making(path, replace) as number:
        await _pour(number, data)


async def copy(source: str, target: str, replace: bool, progress: Callable[[int], None]) -> None:
    """Copy a file within this machine, all or nothing: the kernel moves the bytes, or shares them. Raises OSError."""
    number = await in_thread(_open_to_read, source)
    try:
        async with _in_the_making(target, replace) as made:
            while count := await completed(in_thread(_copy_range, number, made)):
                progress(count)
    finally:
        os.close(number)


@contextlib.asynccontextmanager
async def _in_the_making(path: str, replace: bool) -> AsyncIterator[int]:
    """A new file under a name of its own, which takes the place of *path* at the end and is gone when that is not reached."""
    await in_thread(_check_target, path, replace)
    temporary = join(parent_of(path), f".xenon-{secrets.token_hex(8)}.part")
    number = await in_thread(os.open, temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            yield number
        finally:
            os.close(number)
        await completed(in_thread(_take_place, temporary, path, replace))
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108 - beside the other calls of os
        raise


async def append(path: str, data: AsyncIterator[bytes]) -> None:
    """Add *data* to the end of the file *path*, which must exist; raises OSError, and what *data* raises."""
    number = await in_thread(os.open, path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        await _pour(number, data)
    finally:
        os.close(number)


async def _pour(number: int, data: AsyncIterator[bytes]) -> None:
    """Write each piece while the next one is fetched."""
    writing: asyncio.Future[None] | None = None
    try:
        async for piece in data:
            if writing is not None:
                await asyncio.shield(writing)
            writing = asyncio.ensure_future(in_thread(_write_all, number, piece))
        if writing is not None:
            await asyncio.shield(writing)
    finally:
        if writing is not None:
            await _settled(writing)


async def _settled(future: asyncio.Future[Any]) -> None:
    """Wait until the thread is through, whatever comes of it: its file may not be closed under it."""
    await completed(asyncio.wait({future}))
    if not future.cancelled():
        future.exception()


async def completed(work: Coroutine[Any, Any, T]) -> T:
    """What *work* gives, waited for to its end even when the waiting is cancelled; then the cancellation is passed on."""
    future = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError as error:
            cancelled = error
        except BaseException:  # noqa: BLE001 - raised below, by result()
            break
    if cancelled is not None:
        future.exception()
        raise cancelled
    return future.result()


def _open_to_read(path: str) -> int:
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.read(number, 0)  # which a directory refuses
    except OSError:
        os.close(number)
        raise
    return number


def _check_target(path: str, replace: bool) -> None:
    if not replace and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114 - beside the other calls of os
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def _copy_range(source: int, target: int) -> int:
    """Copy the next bytes, at most :data:`_COPIED_AT_ONCE`, and give their number: 0 at the end."""
    if _copy_file_range is not None:
        try:
            if count := _copy_file_range(source, target, _COPIED_AT_ONCE):
                return count
        except OSError as error:
            if error.errno not in _NO_COPYING:
                raise
    # Also behind a count of 0, which some kernels give for files that they make up, as in /proc.
    data = os.read(source, 1 << 20)
    _write_all(target, data)
    return len(data)


def _write_all(number: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(number, view) :]


def _take_place(temporary: str, path: str, replace: bool) -> None:
    """Give the complete file its name; without *replace* the name is taken only if nobody has it."""
    if replace:
        os.replace(temporary, path)  # noqa: PTH105 - beside the other calls of os
        return
    try:
        os.link(temporary, path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))  # claims the name
        os.replace(temporary, path)  # noqa: PTH105 - as above
        return
    os.unlink(temporary)  # noqa: PTH108 - as above
