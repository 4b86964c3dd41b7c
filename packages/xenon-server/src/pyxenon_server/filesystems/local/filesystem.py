"""The adaptor ``file``: the files on this machine."""

from __future__ import annotations

import builtins
import contextlib
import errno
import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Self, TypeVar

from typing_extensions import override

from pyxenon_core.errors import InvalidPathException
from pyxenon_core.messages import PathAttributes, PosixFilePermission
from pyxenon_server.adaptors.base import FileSystem, OpenRequest, Progress
from pyxenon_server.adaptors.locations import parse_local
from pyxenon_server.adaptors.properties import size
from pyxenon_server.concurrency import completed
from pyxenon_server.filesystems.common.names import native, shown
from pyxenon_server.filesystems.common.paths import join
from pyxenon_server.filesystems.common.permissions import mode_of, mode_or_usual
from pyxenon_server.filesystems.common.threads import in_thread
from pyxenon_server.filesystems.local import files as local_files
from pyxenon_server.filesystems.local.attributes import attributes_of
from pyxenon_server.filesystems.local.files import obtained
from pyxenon_server.filesystems.local.names import rename_new
from pyxenon_server.filesystems.local.network_mounts import is_far, network_mounts
from pyxenon_server.filesystems.local.system_errors import from_os_error, translated

__all__ = ["LocalFileSystem"]

T = TypeVar("T")

BUFFER_SIZE = size(
    "xenon.adaptors.filesystems.file.bufferSize",
    "64K",
    "Bytes read at a time; a size under 4M counts as 4M.",
)
_LEAST_PIECE = 4 << 20
_LISTED_AT_ONCE = 1000


class LocalFileSystem(FileSystem):
    """Files on the machine that the server runs on, with the permissions of the server's user."""

    name = "file"
    description = "The files on the machine that the server runs on, with the permissions of the server's user."
    locations = ("(null)", "(empty string)", "[/workdir]", "driveletter:[/workdir]")
    credentials = ("DefaultCredential",)
    properties = (BUFFER_SIZE,)
    is_local = True
    can_create_symboliclinks = True
    can_read_symboliclinks = True
    is_connectionless = True
    supports_reading_posix_permissions = True
    supports_setting_posix_permissions = True
    supports_rename = True
    can_append = True

    def __init__(self, request: OpenRequest, directory: str) -> None:
        super().__init__(request)
        self._directory = directory
        self._piece = max(_LEAST_PIECE, request.properties[BUFFER_SIZE])
        self._far = network_mounts()

    @classmethod
    @override
    async def open(cls, request: OpenRequest) -> Self:
        return cls(request, parse_local(cls.name, request.location) or shown(os.getcwd()))  # noqa: PTH109 - a string is needed

    @override
    async def start_directory(self) -> str:
        return self._directory

    @override
    async def attributes(self, path: str) -> PathAttributes:
        return await self._call(_attributes, path)

    @override
    async def exists(self, path: str) -> bool:
        return await self._call(_exists, path)

    @override
    async def list(self, path: str) -> AsyncGenerator[Sequence[PathAttributes], None]:
        path = native(path)
        with translated(self.name, path):
            entries = await obtained(_close, _scan, path)
        try:
            while batch := await self._next(path, entries):
                yield batch
        finally:
            entries.close()

    @override
    async def read(self, path: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        path = native(path)
        async with contextlib.aclosing(local_files.read(path, self._piece, offset, length)) as pieces:
            while True:
                with translated(self.name, path):
                    piece = await anext(pieces, b"")
                if not piece:
                    return
                yield piece

    @override
    async def write(
        self,
        path: str,
        data: AsyncIterator[bytes],
        *,
        replace: bool = False,
        size: int = 0,
        permissions: Iterable[PosixFilePermission] | None = None,
    ) -> None:
        path, mode = native(path), mode_or_usual(permissions)
        with translated(self.name, path):
            if not 0 < size <= local_files.SMALL or is_far(path, self._far):
                await local_files.write(path, data, replace, mode)
                return
            if not replace:
                _require_free(path)  # before the content is fetched in vain
            await local_files.write_small(path, data, replace, mode)

    @override
    async def append(self, path: str, data: AsyncIterator[bytes]) -> None:
        path = native(path)
        with translated(self.name, path):
            await local_files.append(path, data)

    @override
    async def create_file(self, path: str) -> None:
        await self._call(_create_file, path)

    @override
    async def create_directory(self, path: str) -> None:
        await self._call(os.mkdir, path)

    @override
    async def delete(self, path: str) -> None:
        await self._call(_delete, path)

    @override
    async def rename(self, source: str, target: str) -> None:
        await self._call(_rename, source, native(target), beside=native(target))

    @override
    async def create_symbolic_link(self, link: str, target: str) -> None:
        await self._call(_link, link, native(target))

    @override
    async def read_symbolic_link(self, path: str) -> str:
        try:
            return shown(await self._call(_read_link, path))
        except InvalidPathException as error:
            raise InvalidPathException(f"{path} is not a symbolic link", adaptor=self.name) from error

    @override
    async def set_permissions(self, path: str, permissions: Iterable[PosixFilePermission]) -> None:
        await self._call(os.chmod, path, mode_of(permissions))

    @override
    async def copy_here(
        self,
        origin: FileSystem,
        source: str,
        target: str,
        replace: bool,
        progress: Progress,
        permissions: Iterable[PosixFilePermission] | None = None,
    ) -> bool:
        if not isinstance(origin, LocalFileSystem):
            return False
        with translated(self.name):
            await local_files.copy(native(source), native(target), replace, progress, mode_or_usual(permissions))
        return True

    @override
    async def checksum(self, path: str, algorithm: str) -> str | None:
        path = native(path)
        with translated(self.name, path):
            return await local_files.checksum(path, algorithm)

    async def _next(self, path: str, entries: Any) -> Sequence[PathAttributes]:
        # One batch at a time: preparing the next one in another thread would only contend for the interpreter lock.
        with translated(self.name, path):
            return await completed(in_thread(_listed, path, entries))

    async def _call(self, function: Callable[..., T], path: str, *arguments: Any, beside: str = "") -> T:
        """Call *function* with *path*: directly for a local disk, which takes microseconds, or in a thread for a network mount."""
        path = native(path)
        try:
            if is_far(path, self._far) or (beside and is_far(beside, self._far)):
                return await in_thread(function, path, *arguments)
            return function(path, *arguments)
        except OSError as error:
            raise from_os_error(error, self.name, path) from error


def _attributes(path: str) -> PathAttributes:
    return attributes_of(path, os.lstat(path))


def _listed(path: str, entries: Any) -> builtins.list[PathAttributes]:
    """Return the attributes of the next entries. Entries that disappear while the directory is read are left out."""
    found = []
    above = join(path, "")
    for entry in islice(entries, _LISTED_AT_ONCE):
        try:
            found.append(attributes_of(above + entry.name, entry.stat(follow_symlinks=False)))
        except FileNotFoundError:
            continue
    return found


def _close(entries: Any) -> None:
    entries.close()


def _link(link: str, target: str) -> None:
    os.symlink(target, link)  # noqa: PTH211 - keeps the text unchanged


def _read_link(path: str) -> str:
    return os.readlink(path)  # noqa: PTH115 - keeps the text unchanged


def _create_file(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))


def _delete(path: str) -> None:
    if stat.S_ISDIR(os.lstat(path).st_mode):
        os.rmdir(path)  # noqa: PTH106 - consistent with the other calls of os
    else:
        os.unlink(path)  # noqa: PTH108 - as above


def _exists(path: str) -> bool:
    """Return True if *path* exists. Raises OSError if that cannot be determined."""
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return False
        raise
    return True


def _require_free(path: str) -> None:
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _scan(path: str) -> Any:
    try:
        return os.scandir(path)
    except NotADirectoryError:
        if os.path.lexists(path):
            raise OSError(errno.EINVAL, os.strerror(errno.ENOTDIR)) from None
        raise


def _rename(source: str, target: str) -> None:
    try:
        rename_new(source, target)
    except FileExistsError as error:
        raise FileExistsError(error.errno, f"{os.strerror(errno.EEXIST)}: {target}") from None
    except FileNotFoundError as error:
        missing = f"the directory of {target}" if os.path.lexists(source) else source
        raise FileNotFoundError(error.errno, f"{os.strerror(errno.ENOENT)}: {missing}") from None
