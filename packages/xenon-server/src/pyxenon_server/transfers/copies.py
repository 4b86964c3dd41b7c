"""Copies between any two file systems: start, watch, wait for and cancel them. A copy never leaves partial files behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import uuid
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pyxenon_core.errors import (
    ConnectionLostException,
    CopyCancelledException,
    InvalidPathException,
    NoSuchCopyException,
    NoSuchPathException,
    NotConnectedException,
    PathAlreadyExistsException,
    XenonError,
)
from pyxenon_core.messages import CopyOperation, CopyRequestCopyMode, CopyStatus, CopyStatusErrorType, PathAttributes, PosixFilePermission
from pyxenon_server.adaptors.base import FileSystem
from pyxenon_server.adaptors.trees import path_of, walk
from pyxenon_server.concurrency import completed, run_limited
from pyxenon_server.filesystems.common.paths import join, name_of, parent_of

__all__ = ["Copies", "Place"]

_log = logging.getLogger("xenon.server")
# Copies that have ended are kept, so that their status can be queried any number of times.
_REMEMBERED = 10_000
_FILES_AT_ONCE = 64
_EXECUTE = frozenset({PosixFilePermission.OWNER_EXECUTE, PosixFilePermission.GROUP_EXECUTE, PosixFilePermission.OTHERS_EXECUTE})
_OWNERS_ALL = frozenset({PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE, PosixFilePermission.OWNER_EXECUTE})
_OTHERS_READ = PosixFilePermission.OTHERS_READ
_CREATE, _REPLACE, _IGNORE = CopyRequestCopyMode.CREATE, CopyRequestCopyMode.REPLACE, CopyRequestCopyMode.IGNORE


@dataclass(frozen=True)
class Place:
    """An absolute path on a file system."""

    filesystem: FileSystem
    path: str

    def below(self, name: str) -> Place:
        """Return the place called *name* in this directory."""
        return Place(self.filesystem, join(self.path, name))


class Copy:
    """A copy, which starts as soon as it is created."""

    def __init__(self, source: Place, target: Place, mode: CopyRequestCopyMode, recursive: bool) -> None:
        self.identity = f"copy:{uuid.uuid4()}"
        self.source = source
        self.target = target
        self.copied = 0
        self.total = 0
        self.state = "PENDING"
        self.error: XenonError | None = None
        self._mode = mode
        self._recursive = recursive
        self._why_cancelled = "the copy was cancelled"
        self._made: list[Place] = []
        self._task = asyncio.ensure_future(self._run())

    @property
    def done(self) -> bool:
        """True once the copy has ended."""
        return self.state in ("DONE", "FAILED")

    async def wait(self, timeout: float | None) -> None:
        """Wait until the copy has ended or *timeout* seconds have passed."""
        await asyncio.wait({self._task}, timeout=timeout)

    async def cancel(self, why: str = "") -> None:
        """Cancel the copy unless it has ended, and wait until it has cleaned up the target. *why* is reported in its status."""
        self._why_cancelled = why or self._why_cancelled
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self.done:  # cancelled before it started
            self._fail(CopyCancelledException(self._why_cancelled))

    def status(self) -> CopyStatus:
        """Return the copy's status as a message."""
        return CopyStatus(
            copy_operation=CopyOperation(self.identity),
            bytes_copied=self.copied,
            bytes_to_copy=self.total,
            done=self.done,
            running=self.state == "RUNNING",
            state=self.state,
            error_message=_words(self.error) if self.error else "",
            error_type=_error_type(self.error),
        )

    async def _run(self) -> None:
        self.state = "RUNNING"
        try:
            await self._copy()
        except asyncio.CancelledError:
            await completed(self._tidy())
            self._fail(CopyCancelledException(self._why_cancelled))
        except XenonError as error:
            await completed(self._tidy())
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - reported in the status, since nothing awaits this task's result
            _log.exception("copying %s to %s failed", self.source.path, self.target.path)
            self._fail(XenonError(f"{type(error).__name__}: {error}"))
        else:
            self.total = self.copied  # a file may have grown or shrunk during the copy
            self.state = "DONE"

    async def _tidy(self) -> None:
        """Delete the empty directories that this copy created, so that the copy can be retried."""
        for place in reversed(self._made):
            try:
                await place.filesystem.delete(place.path)
            except (NotConnectedException, ConnectionLostException):
                return
            except XenonError:
                continue  # it contains copied files

    def _fail(self, error: XenonError) -> None:
        self.error = error
        self.state = "FAILED"

    async def _copy(self) -> None:
        with _about(self.source.path):
            what = await self.source.filesystem.attributes(self.source.path)
        if what.is_directory and not self._recursive:
            hint = "Copy it with recursive=True"
            raise InvalidPathException(f"{self.source.path} is a directory", adaptor=self.source.filesystem.name, hint=hint)
        if self.source.filesystem is self.target.filesystem and _is_within(self.target.path, self.source.path):
            await self._onto_itself()
        elif what.is_directory:
            await self._directory(what)
        else:
            self.total = what.size if what.is_regular else 0
            await self._entry(what, self.target)

    async def _onto_itself(self) -> None:
        if self.target.path == self.source.path and self._mode == _IGNORE:
            return
        if self.target.path == self.source.path and self._mode == _CREATE:
            raise _exists(self.target)
        raise InvalidPathException(f"{self.source.path} cannot be copied onto or into itself", adaptor=self.target.filesystem.name)

    async def _directory(self, what: PathAttributes) -> None:
        """Copy a directory: survey it first, so that a copy into itself terminates, then create the directories, then copy the files."""
        directories, others = await self._survey()
        await self._make(what, self.target)
        for entry in directories:
            await self._make(entry, self._place_of(entry))
        await run_limited(_FILES_AT_ONCE, (self._entry(entry, self._place_of(entry)) for entry in others))

    async def _survey(self) -> tuple[list[PathAttributes], list[PathAttributes]]:
        """Return the directories below the source, each before its entries, and all other entries."""
        directories: list[PathAttributes] = []
        others: list[PathAttributes] = []
        async with contextlib.aclosing(walk(self.source.filesystem, self.source.path)) as batches:
            async for batch in batches:
                self.total += sum(entry.size for entry in batch if entry.is_regular)
                for entry in batch:
                    (directories if entry.is_directory else others).append(entry)
        return directories, others

    def _place_of(self, entry: PathAttributes) -> Place:
        return self.target.below(path_of(entry)[len(self.source.path.rstrip("/")) + 1 :])

    async def _make(self, what: PathAttributes, place: Place) -> None:
        """Create a directory, or merge into an existing one unless the mode is CREATE."""
        try:
            with _about(place.path):
                await place.filesystem.create_directory(place.path)
        except PathAlreadyExistsException:
            if self._mode == _CREATE:
                raise _exists(place) from None
            if not await _is_directory(place):
                raise _in_the_way(place) from None
        else:
            self._made.append(place)
            if self._is_private(what) and place.filesystem.supports_setting_posix_permissions:
                await place.filesystem.set_permissions(place.path, _OWNERS_ALL.union(what.permissions))

    def _is_private(self, what: PathAttributes) -> bool:
        """Return True if others may not read the entry, so that they must not be able to read the copy either."""
        return self.source.filesystem.supports_reading_posix_permissions and _OTHERS_READ not in what.permissions

    async def _entry(self, what: PathAttributes, target: Place) -> None:
        """Copy a file or a link. Raises InvalidPathException for anything else, which must not be skipped silently."""
        try:
            if what.is_symbolic_link:
                await self._link(path_of(what), target)
            elif what.is_regular:
                await self._file(what, target)
            else:
                reason = f"{path_of(what)} is not a file, a directory or a symbolic link"
                raise InvalidPathException(reason, adaptor=self.source.filesystem.name)
        except PathAlreadyExistsException:
            if self._mode != _IGNORE:
                raise _exists(target) from None
            self.copied += what.size if what.is_regular else 0

    async def _link(self, path: str, target: Place) -> None:
        with _about(path):
            text = await self.source.filesystem.read_symbolic_link(path)
        with _about(target.path):
            try:
                await target.filesystem.create_symbolic_link(target.path, text)
            except PathAlreadyExistsException:
                if self._mode != _REPLACE:
                    raise
                await _replace_by_link(target, text)

    async def _file(self, what: PathAttributes, target: Place) -> None:
        replace, permissions = self._mode == _REPLACE, self._kept_permissions(what, target)
        here = target.filesystem
        if await here.copy_here(self.source.filesystem, path_of(what), target.path, replace, self._progress, permissions):
            return
        async with contextlib.aclosing(self._counted(path_of(what))) as counted:
            with _about(target.path):
                await here.write(target.path, counted, replace=replace, size=what.size, permissions=permissions)

    def _kept_permissions(self, what: PathAttributes, target: Place) -> Sequence[PosixFilePermission] | None:
        """Return the permissions of an executable or private file, which its copy keeps; None for the usual permissions."""
        keep = bool(_EXECUTE.intersection(what.permissions)) or self._is_private(what)
        return what.permissions if keep and target.filesystem.supports_setting_posix_permissions else None

    async def _counted(self, path: str) -> AsyncGenerator[bytes, None]:
        async with contextlib.aclosing(self.source.filesystem.read(path)) as pieces:
            with _about(path):
                async for piece in pieces:
                    yield piece
                    self._progress(len(piece))

    def _progress(self, count: int) -> None:
        self.copied += count


class Copies:
    """The copies of one server, by id."""

    def __init__(self) -> None:
        self._copies: dict[str, Copy] = {}

    def start(self, source: Place, target: Place, mode: CopyRequestCopyMode, recursive: bool) -> CopyOperation:
        """Start a copy. Failures are reported in its status."""
        copy = Copy(source, target, mode, recursive)
        self._copies[copy.identity] = copy
        self._forget()
        return CopyOperation(copy.identity)

    def get(self, filesystem: FileSystem, operation: CopyOperation | None) -> Copy:
        """Return the copy with that id that was started from *filesystem*. Raises NoSuchCopyException."""
        identity = operation.id if operation is not None else ""
        copy = self._copies.get(identity)
        if copy is None or copy.source.filesystem is not filesystem:
            raise NoSuchCopyException(f"this file system has no copy {identity!r}", adaptor=filesystem.name)
        return copy

    async def end(self, filesystem: FileSystem | None = None) -> None:
        """Cancel all copies from or to *filesystem*, or all copies, and forget those that were started from it."""
        ours = [copy for copy in self._copies.values() if filesystem in (None, copy.source.filesystem, copy.target.filesystem)]
        why = "the copy was cancelled, because its source or target file system was closed"
        await asyncio.gather(*(copy.cancel(why) for copy in ours if not copy.done))
        for copy in ours:
            if filesystem in (None, copy.source.filesystem):
                self._copies.pop(copy.identity, None)

    def _forget(self) -> None:
        """Forget the oldest copies that have ended, if there are too many."""
        too_many = len(self._copies) - _REMEMBERED
        if too_many > 0:
            ended = (identity for identity, copy in self._copies.items() if copy.done)
            for identity in list(islice(ended, too_many)):
                del self._copies[identity]


def _is_within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory.rstrip('/')}/")


async def _is_directory(place: Place) -> bool:
    try:
        what = await place.filesystem.attributes(place.path)
        if what.is_symbolic_link:
            what = await place.filesystem.attributes(f"{place.path}/.")
    except (NoSuchPathException, InvalidPathException):
        return False
    return what.is_directory


async def _replace_by_link(place: Place, text: str) -> None:
    """Replace the file or link at *place* by a link, and keep it until the link exists. A copy never deletes a directory."""
    with contextlib.suppress(NoSuchPathException):
        if (await place.filesystem.attributes(place.path)).is_directory:
            raise _in_the_way(place)
    made = Place(place.filesystem, join(parent_of(place.path), f".xenon-{secrets.token_hex(8)}.part"))
    await completed(_exchange(made, place, text))


async def _exchange(made: Place, place: Place, text: str) -> None:
    files = place.filesystem
    await files.create_symbolic_link(made.path, text)
    try:
        with contextlib.suppress(NoSuchPathException):
            await files.delete(place.path)
        if files.supports_rename:
            await files.rename(made.path, place.path)
        else:
            await files.create_symbolic_link(place.path, text)
    finally:
        with contextlib.suppress(NoSuchPathException):
            await files.delete(made.path)


def _exists(place: Place) -> PathAlreadyExistsException:
    what = f"{name_of(place.path)!r}" if name_of(place.path) else "the root directory"
    return PathAlreadyExistsException(f"{what} already exists: {place.path}", adaptor=place.filesystem.name)


def _in_the_way(place: Place) -> InvalidPathException:
    hint = "Delete or rename it first, or copy to another path"
    return InvalidPathException(f"{place.path} exists and is of a different type than the source", adaptor=place.filesystem.name, hint=hint)


@contextlib.contextmanager
def _about(path: str) -> Iterator[None]:
    """Add *path* to errors raised inside, to tell which of the many paths of a copy failed."""
    try:
        yield
    except XenonError as error:
        error.about("copy", path)
        raise


def _words(error: XenonError) -> str:
    adaptor = f"{error.adaptor} adaptor: " if error.adaptor else ""
    if error.subject and error.subject not in error.reason:
        adaptor += f"{error.subject}: "
    advice = f". {error.hint}" if error.hint != error.default_hint else ""
    return f"{adaptor}{error.reason}{advice}"


def _error_type(error: XenonError | None) -> CopyStatusErrorType:
    types = (
        (NoSuchPathException, CopyStatusErrorType.NOT_FOUND),
        (CopyCancelledException, CopyStatusErrorType.CANCELLED),
        (PathAlreadyExistsException, CopyStatusErrorType.ALREADY_EXISTS),
        ((NotConnectedException, ConnectionLostException), CopyStatusErrorType.NOT_CONNECTED),
        (XenonError, CopyStatusErrorType.XENON),
    )
    return next((kind for classes, kind in types if isinstance(error, classes)), CopyStatusErrorType.NONE)
