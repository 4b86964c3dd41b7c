"""The file system service."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from pyxenon_core import messages
from pyxenon_core.errors import (
    FileSystemClosedException,
    IllegalArgumentException,
    InvalidPathException,
    NoSuchPathException,
    SessionClosedError,
)
from pyxenon_core.services import FileSystemServicer
from pyxenon_server.adaptors import trees
from pyxenon_server.adaptors.base import FileSystem
from pyxenon_server.adaptors.credentials import credential_response
from pyxenon_server.adaptors.resources import Resources
from pyxenon_server.filesystems.common.paths import absolute, checked, name_of, parent_of
from pyxenon_server.services.registry import Registry
from pyxenon_server.transfers.copies import Copies, Copy, Place

__all__ = ["FileSystems", "OpenFileSystem"]

_EMPTY = messages.Empty()
_MODES = frozenset(messages.CopyRequestCopyMode)


@dataclass
class OpenFileSystem:
    """A file system that a client has opened, and the directory against which its relative paths are resolved."""

    filesystem: FileSystem
    directory: str
    copies: Copies

    @property
    def name(self) -> str:
        """The adaptor's name."""
        return self.filesystem.name

    def path(self, path: messages.Path | None, what: str = "path") -> str:
        """Return *path* as an absolute path; *what* names it in errors."""
        return absolute(checked(path, what), self.directory)

    async def close(self) -> None:
        """End the copies of the file system, and close it."""
        try:
            await self.copies.end(self.filesystem)
        finally:
            await self.filesystem.close()


class FileSystems(FileSystemServicer):
    """Answers the calls about file systems.

    Args:
        resources: The resources that the server's adaptors share.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._catalogue = resources.filesystems
        self._open: Registry[OpenFileSystem] = Registry("File system", FileSystemClosedException)
        self._copies = Copies()
        self._ended = False
        self._local: str = ""
        self._opening_local = asyncio.Lock()  # two clients that ask at the same time get the same file system

    async def register(self, filesystem: FileSystem) -> messages.FileSystem:
        """Register an open file system and return its handle; closes the file system if that fails."""
        try:
            directory = absolute(await filesystem.start_directory(), "/")
            return messages.FileSystem(self._open.add(OpenFileSystem(filesystem, directory, self._copies)))
        except BaseException:
            await filesystem.close()
            raise

    def has(self, handle: messages.FileSystem) -> bool:
        """Return True if the file system of *handle* is open."""
        return handle.id in self._open

    async def close_all(self) -> None:
        """End every copy and close every file system; running streams of clients on other event loops end at their next piece."""
        self._ended = True
        try:
            await self._copies.end()
        finally:
            await self._open.close_all()

    # --- adaptors ---

    @override
    async def get_adaptor_descriptions(self, request: messages.Empty, /) -> messages.FileSystemAdaptorDescriptions:
        descriptions = self._catalogue.describe_all(lambda adaptor: adaptor.describe(), _no_description)
        return messages.FileSystemAdaptorDescriptions(descriptions=descriptions)

    @override
    async def get_adaptor_names(self, request: messages.Empty, /) -> messages.AdaptorNames:
        return messages.AdaptorNames(name=self._catalogue.names())

    @override
    async def get_adaptor_description(self, request: messages.AdaptorName, /) -> messages.FileSystemAdaptorDescription:
        return self._catalogue.get(request.name).describe()

    # --- handles ---

    @override
    async def create(self, request: messages.CreateFileSystemRequest, /) -> messages.FileSystem:
        return await self.register(await self._catalogue.open(request, self._resources))

    @override
    async def get_adaptor_name(self, request: messages.FileSystem, /) -> messages.AdaptorName:
        return messages.AdaptorName(name=self._get(request).name)

    @override
    async def get_location(self, request: messages.FileSystem, /) -> messages.Location:
        return messages.Location(location=self._get(request).filesystem.request.location)

    @override
    async def get_credential(self, request: messages.FileSystem, /) -> messages.GetCredentialResponse:
        return credential_response(self._get(request).filesystem.request.credential)

    @override
    async def get_properties(self, request: messages.FileSystem, /) -> messages.Properties:
        return messages.Properties(properties=dict(self._get(request).filesystem.request.properties.given))

    @override
    async def get_path_separator(self, request: messages.FileSystem, /) -> messages.GetPathSeparatorResponse:
        return messages.GetPathSeparatorResponse(separator=self._get(request).filesystem.separator)

    @override
    async def is_open(self, request: messages.FileSystem, /) -> messages.Is:
        return messages.Is(value=await self._get(request).filesystem.is_connected())

    @override
    async def close(self, request: messages.FileSystem, /) -> messages.Empty:
        await self._open.close(request.id)
        return _EMPTY

    @override
    async def local_file_systems(self, request: messages.Empty, /) -> messages.FileSystems:
        async with self._opening_local:
            if self._local not in self._open:
                self._local = (await self.create(messages.CreateFileSystemRequest(adaptor="file", location="/"))).id
            return messages.FileSystems(filesystems=[messages.FileSystem(self._local)])

    @override
    async def list_file_systems(self, request: messages.Empty, /) -> messages.FileSystems:
        return messages.FileSystems(filesystems=[messages.FileSystem(identity) for identity in self._open.ids()])

    # --- directories ---

    @override
    async def get_working_directory(self, request: messages.FileSystem, /) -> messages.Path:
        return messages.Path(path=self._get(request).directory, separator="/")

    @override
    async def set_working_directory(self, request: messages.PathRequest, /) -> messages.Empty:
        opened, path = self._at(request)
        if not await _is_directory(opened.filesystem, path):
            raise InvalidPathException(f"{path} is not a directory", adaptor=opened.name)
        opened.directory = path
        return _EMPTY

    @override
    async def create_directory(self, request: messages.PathRequest, /) -> messages.Empty:
        opened, path = self._at(request)
        await opened.filesystem.create_directory(path)
        return _EMPTY

    @override
    async def create_directories(self, request: messages.PathRequest, /) -> messages.Empty:
        opened, path = self._at(request)
        await trees.create_directories(opened.filesystem, path)
        return _EMPTY

    @override
    async def list(self, request: messages.ListRequest, /) -> AsyncGenerator[messages.PathAttributes, None]:
        opened = self._get(request.filesystem)
        path = opened.path(request.dir, "directory")
        listing = trees.walk(opened.filesystem, path) if request.recursive else opened.filesystem.list(path)
        async with contextlib.aclosing(listing):
            async for batch in listing:
                self._require_running()
                for entry in batch:
                    yield entry

    # --- paths ---

    @override
    async def exists(self, request: messages.PathRequest, /) -> messages.Is:
        opened, path = self._at(request)
        return messages.Is(value=await opened.filesystem.exists(path))

    @override
    async def get_attributes(self, request: messages.PathRequest, /) -> messages.PathAttributes:
        opened, path = self._at(request)
        return await opened.filesystem.attributes(path)

    @override
    async def create_symbolic_link(self, request: messages.CreateSymbolicLinkRequest, /) -> messages.Empty:
        opened = self._get(request.filesystem)
        target = checked(request.target, "target")
        if not target:
            raise IllegalArgumentException("cannot create a symbolic link: its target is empty", adaptor=opened.name)
        await opened.filesystem.create_symbolic_link(opened.path(request.link, "link"), absolute(target, opened.directory))
        return _EMPTY

    @override
    async def read_symbolic_link(self, request: messages.PathRequest, /) -> messages.Path:
        opened, path = self._at(request)
        target = await opened.filesystem.read_symbolic_link(path)
        return messages.Path(path=absolute(target, parent_of(path)), separator="/")

    @override
    async def rename(self, request: messages.RenameRequest, /) -> messages.Empty:
        opened = self._get(request.filesystem)
        source, target = opened.path(request.source, "source"), opened.path(request.target, "target")
        if source == target:
            await opened.filesystem.attributes(source)  # raises NoSuchPathException if it does not exist
            return _EMPTY
        await opened.filesystem.rename(source, target)
        return _EMPTY

    @override
    async def delete(self, request: messages.DeleteRequest, /) -> messages.Empty:
        opened, path = self._at(request)
        _require_deletable(opened, checked(request.path, "path"), path)
        if request.recursive:
            await opened.filesystem.delete_tree(path)
        else:
            await opened.filesystem.delete(path)
        return _EMPTY

    @override
    async def set_posix_file_permissions(self, request: messages.SetPosixFilePermissionsRequest, /) -> messages.Empty:
        opened, path = self._at(request)
        await opened.filesystem.set_permissions(path, request.permissions)
        return _EMPTY

    # --- content ---

    @override
    async def create_file(self, request: messages.PathRequest, /) -> messages.Empty:
        opened, path = self._at(request)
        await opened.filesystem.create_file(path)
        return _EMPTY

    @override
    async def read_from_file(self, request: messages.PathRequest, /) -> AsyncGenerator[messages.ReadFromFileResponse, None]:
        opened, path = self._at(request)
        async with contextlib.aclosing(opened.filesystem.read(path)) as pieces:
            async for piece in pieces:
                self._require_running()
                yield messages.ReadFromFileResponse(buffer=piece)

    @override
    async def write_to_file(self, requests: AsyncIterator[messages.WriteToFileRequest], /) -> messages.Empty:
        head = await anext(requests, None)
        if head is None:
            return _EMPTY  # an empty stream names no file, so there is nothing to create
        opened, path = self._at(head)
        async with contextlib.aclosing(self._content(head, requests)) as content:
            await opened.filesystem.write(path, content, size=head.size)
        return _EMPTY

    @override
    async def append_to_file(self, requests: AsyncIterator[messages.AppendToFileRequest], /) -> messages.Empty:
        head = await _head(requests)
        opened, path = self._at(head)
        async with contextlib.aclosing(self._content(head, requests)) as content:
            await opened.filesystem.append(path, content)
        return _EMPTY

    # --- copies ---

    @override
    async def copy(self, request: messages.CopyRequest, /) -> messages.CopyOperation:
        origin, destination = self._get(request.filesystem), self._get(request.destination_filesystem)
        source = Place(origin.filesystem, origin.path(request.source, "source"))
        target = Place(destination.filesystem, destination.path(request.destination, "destination"))
        if request.mode not in _MODES:
            raise IllegalArgumentException(f"there is no copy mode {int(request.mode)}", adaptor=origin.name)
        return self._copies.start(source, target, request.mode, request.recursive)

    @override
    async def cancel(self, request: messages.CopyOperationRequest, /) -> messages.CopyStatus:
        copy = self._copy(request)
        await copy.cancel()
        return copy.status()

    @override
    async def get_status(self, request: messages.CopyOperationRequest, /) -> messages.CopyStatus:
        return self._copy(request).status()

    @override
    async def wait_until_done(self, request: messages.WaitUntilDoneRequest, /) -> messages.CopyStatus:
        copy = self._copy(request)
        await copy.wait(request.timeout / 1000 if request.timeout else None)
        return copy.status()

    # --- shared helpers ---

    async def _content(self, head: Any, requests: AsyncIterator[Any]) -> AsyncGenerator[bytes, None]:
        if head.buffer:
            yield head.buffer
        async for request in requests:
            self._require_running()
            if request.buffer:
                yield request.buffer
        self._require_running()

    def _require_running(self) -> None:
        if self._ended:
            raise SessionClosedError("the server was closed")

    def _get(self, handle: messages.FileSystem | None) -> OpenFileSystem:
        return self._open.get(handle.id if handle is not None else "")

    def _at(self, request: Any) -> tuple[OpenFileSystem, str]:
        opened = self._get(request.filesystem)
        return opened, opened.path(request.path)

    def _copy(self, request: Any) -> Copy:
        return self._copies.get(self._get(request.filesystem).filesystem, request.copy_operation)


def _no_description(name: str, reason: str) -> messages.FileSystemAdaptorDescription:
    return messages.FileSystemAdaptorDescription(name=name, description=reason)


def _require_deletable(opened: OpenFileSystem, given: str, path: str) -> None:
    """Raise InvalidPathException for the root and for a path that ends in ``.`` or ``..``, which ``rm`` refuses too."""
    if name_of(given.rstrip("/")) in ("", ".", ".."):
        reason = f"cannot delete {path} as {given!r}: the path must end in the name of a file or directory"
        raise InvalidPathException(reason, adaptor=opened.name)


async def _is_directory(filesystem: FileSystem, path: str) -> bool:
    """Return True if *path* is a directory or a link to one; raises NoSuchPathException if it does not exist."""
    try:
        return (await filesystem.attributes(f"{path.rstrip('/')}/.")).is_directory
    except NoSuchPathException:
        # Below a regular file nothing exists, and some file systems report just that.
        await filesystem.attributes(path)
        return False


async def _head(requests: AsyncIterator[Any]) -> Any:
    """Return the first request of a stream, which says where the content belongs."""
    async for request in requests:
        return request
    raise IllegalArgumentException("the stream of requests was empty: its first request must name a file system and a path")
