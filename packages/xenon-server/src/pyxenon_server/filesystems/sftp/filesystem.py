"""The adaptor ``sftp``: files on another machine, over SSH."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Self, TypeVar

from typing_extensions import override

from pyxenon_core.errors import (
    DirectoryNotEmptyException,
    IllegalArgumentException,
    InvalidLocationException,
    InvalidPathException,
    PathAlreadyExistsException,
    XenonError,
)
from pyxenon_core.messages import PathAttributes, PosixFilePermission
from pyxenon_server.adaptors.base import FileSystem, OpenRequest, Progress
from pyxenon_server.adaptors.locations import SshLocation, parse_ssh
from pyxenon_server.adaptors.properties import size
from pyxenon_server.filesystems.common.names import from_bytes, native, to_bytes
from pyxenon_server.filesystems.common.permissions import mode_of, mode_or_usual, private_or_usual
from pyxenon_server.filesystems.common.threads import in_thread
from pyxenon_server.filesystems.sftp.attributes import path_attributes
from pyxenon_server.filesystems.sftp.connection import SftpConnection
from pyxenon_server.filesystems.sftp.copying import copy_file, small_content
from pyxenon_server.filesystems.sftp.errors import kind_of, look, missing, why_not_made, why_not_written, xenon_error
from pyxenon_server.filesystems.sftp.id_names import Identity, IdNames
from pyxenon_server.filesystems.sftp.messages import Attributes, Entry, Open, SftpError, Status
from pyxenon_server.filesystems.sftp.reading import is_empty, read_directory, read_file
from pyxenon_server.filesystems.sftp.session import SftpSession
from pyxenon_server.filesystems.sftp.sessions import SftpSessions
from pyxenon_server.filesystems.sftp.writing import append_file, write_file
from pyxenon_server.shells.ssh import SshShell
from pyxenon_server.ssh.settings import SFTP

__all__ = ["SftpFileSystem"]

T = TypeVar("T")

BUFFER_SIZE = size(
    "xenon.adaptors.filesystems.sftp.bufferSize",
    "64K",
    "Bytes that one request reads or writes, limited to the server's maximum; if not given, the server's maximum is used.",
)
_NOT_THERE = (Status.NO_SUCH_FILE, Status.NO_SUCH_PATH)
_ROOT = "root"


class SftpFileSystem(FileSystem):
    """Files on another machine, over SSH, with the permissions of the user who logs in there.

    The connection is shared with all other users of the same location, credential and settings. If it is lost, the next call reconnects.
    """

    name = "sftp"
    description = "Files on another machine, over SFTP. Add jump hosts to the end of the location, each as ' via:host[:port]'."
    locations = ("host[:port][/workdir]",)
    credentials = ("DefaultCredential", "CertificateCredential", "PasswordCredential", "CredentialMap")
    properties = (*SFTP.declared, BUFFER_SIZE)
    can_create_symboliclinks = True
    can_read_symboliclinks = True
    supports_reading_posix_permissions = True
    supports_setting_posix_permissions = True
    supports_rename = True
    can_append = True

    def __init__(self, request: OpenRequest, connection: SftpConnection, buffer_size: int | None = None) -> None:
        super().__init__(request)
        self._connection = connection
        self._shell = SshShell(connection.link, self.name)
        self._buffer_size = buffer_size
        self._directory = ""
        self._id_names = IdNames(Identity(), self._ask_who_i_am)

    @classmethod
    @override
    async def open(cls, request: OpenRequest) -> Self:
        """Open the file system at the location of *request*.

        Raises the errors of connecting over SSH, NotConnectedException if the host does not offer SFTP, and InvalidLocationException if the
        location's working directory does not exist, so that a typo is reported now rather than with the first file.
        """
        given = BUFFER_SIZE.name in request.properties.given
        place = parse_ssh(cls.name, request.location)
        link = await request.resources.ssh.open(cls.name, place, request.credential, SFTP.settings(request.properties))
        filesystem = cls(request, SftpConnection(await SftpSessions.hold(link)), request.properties[BUFFER_SIZE] if given else None)
        try:
            with _translated(to_bytes(place.workdir or ".")):
                await filesystem._begin(place)
        except BaseException:
            await filesystem.close()
            raise
        return filesystem

    @override
    async def close(self) -> None:
        await self._connection.close()

    @override
    async def start_directory(self) -> str:
        return self._directory

    @override
    async def attributes(self, path: str) -> PathAttributes:
        async def ask(session: SftpSession) -> PathAttributes:
            attributes = await session.attributes(raw)
            return (await self._described(session, [(path, Entry(b"", b"", attributes))]))[0]

        raw = _raw(path)
        with _translated(raw):
            return await self._connection.ask(ask)

    @override
    async def exists(self, path: str) -> bool:
        async def ask(session: SftpSession) -> bool:
            try:
                await session.attributes(raw)
            except SftpError as error:
                if error.code not in _NOT_THERE:
                    raise
                return False
            return True

        raw = _raw(path)
        with _translated(raw):
            return await self._connection.ask(ask)

    @override
    async def list(self, path: str) -> AsyncGenerator[Sequence[PathAttributes], None]:
        raw = _raw(path)
        with _translated(raw):
            async with contextlib.aclosing(self._connection.follow(lambda session: self._listed(session, path, raw))) as batches:
                async for batch in batches:
                    yield batch

    @override
    async def read(self, path: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        raw = _raw(path)

        def read(session: SftpSession) -> AsyncGenerator[bytes, None]:
            return read_file(session, raw, self._block(session.read_block), offset, length)

        with _translated(raw):
            async with contextlib.aclosing(self._connection.follow(read)) as pieces:
                async for piece in pieces:
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
        await self._write(path, data, replace, size, mode_or_usual(permissions))

    async def _write(self, path: str, data: AsyncIterator[bytes], replace: bool, size: int, permissions: int | None) -> None:
        raw = _raw(path)
        with _translated(raw):
            block = self._block((await self._connection.session()).write_block)
            await write_file(self._connection, raw, data, block, replace=replace, size=size, permissions=permissions)

    @override
    async def append(self, path: str, data: AsyncIterator[bytes]) -> None:
        raw = _raw(path)
        session = await self._connection.session()
        with _translated(raw):
            try:
                await append_file(session, raw, data, self._block(session.write_block))
            except SftpError as error:
                raise await _why_not_appended(session, error, raw) from error

    @override
    async def create_file(self, path: str) -> None:
        async def make(session: SftpSession) -> None:
            await session.close_handle(await session.open(raw, Open.WRITE | Open.CREATE | Open.EXCLUSIVE))

        raw = _raw(path)
        await self._make(raw, make)

    @override
    async def create_directory(self, path: str) -> None:
        raw = _raw(path)
        await self._make(raw, lambda session: session.make_directory(raw))

    @override
    async def create_symbolic_link(self, link: str, target: str) -> None:
        raw, text = _raw(link), _raw(target)
        await self._make(raw, lambda session: session.make_link(raw, text))

    @override
    async def read_symbolic_link(self, path: str) -> str:
        async def ask(session: SftpSession) -> str:
            try:
                return from_bytes(await session.read_link(raw))
            except SftpError as error:
                if (there := await look(session, raw)) is not None and kind_of(there) != stat.S_IFLNK:
                    raise InvalidPathException(f"{path} is not a symbolic link") from error
                raise

        raw = _raw(path)
        with _translated(raw):
            return await self._connection.ask(ask)

    @override
    async def delete(self, path: str) -> None:
        raw = _raw(path)
        session = await self._connection.session()
        with _translated(raw):
            try:
                await session.remove(raw)
            except SftpError as error:
                there = await look(session, raw)
                if there is None or kind_of(there) != stat.S_IFDIR:
                    raise
                await self._delete_directory(session, raw, error)

    @override
    async def rename(self, source: str, target: str) -> None:
        old, new = _raw(source), _raw(target)
        session = await self._connection.session()
        with _translated(old):
            looking = session.attributes(new)
            await session.attributes(old)
            with contextlib.suppress(SftpError):
                await looking
                raise PathAlreadyExistsException(f"{target} already exists")
            try:
                await session.rename(old, new)
            except SftpError as error:
                raise await _why_not_renamed(session, error, old, new) from error

    @override
    async def set_permissions(self, path: str, permissions: Iterable[PosixFilePermission]) -> None:
        raw = _raw(path)
        session = await self._connection.session()
        with _translated(raw):
            await session.set_mode(raw, mode_of(permissions))

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
        raw, wanted = _raw(target), mode_or_usual(permissions)
        if origin.is_local and (found := await in_thread(small_content, native(source))) is not None:
            content, mode = found
            await self._write(target, _pieces(content), replace, len(content), private_or_usual(mode) if wanted is None else wanted)
            progress(len(content))
            return True
        if not isinstance(origin, SftpFileSystem) or not self._is_on_host_of(origin):
            return False
        with _translated(raw):
            return await copy_file(self._connection, origin._connection, self._shell, _raw(source), raw, replace, progress, wanted)

    async def _begin(self, place: SshLocation) -> None:
        """Determine the working directory and the user."""
        session = await self._connection.session()
        home = await session.real_path(b".")
        owner = session.target_attributes(home)
        directory = await self._working_directory(session, place) if place.workdir else home
        self._directory = from_bytes(directory)
        with contextlib.suppress(SftpError):
            self._id_names.me = _owner_of_home(await owner, self._connection.link.user)

    async def _working_directory(self, session: SftpSession, place: SshLocation) -> bytes:
        raw = _raw(place.workdir)
        words = f"the working directory {place.workdir} of the location"
        try:
            looking = session.target_attributes(raw)
            directory = await session.real_path(raw)
            attributes = await looking
        except SftpError as error:
            if error.code not in _NOT_THERE:
                raise
            hint = "Create it first, or leave it out and use absolute paths"
            raise InvalidLocationException(f"{words} does not exist on {place.target}", hint=hint) from error
        if kind_of(attributes) not in (0, stat.S_IFDIR):
            raise InvalidLocationException(f"{words} is not a directory on {place.target}")
        return directory

    async def _listed(self, session: SftpSession, path: str, raw: bytes) -> AsyncGenerator[Sequence[PathAttributes], None]:
        prefix = path.rstrip("/") + "/"
        async with contextlib.aclosing(read_directory(session, raw)) as batches:
            try:
                async for batch in batches:
                    yield await self._described(session, [(prefix + from_bytes(entry.name), entry) for entry in batch])
            except SftpError as error:
                raise await _why_not_listed(session, error, raw) from error

    async def _described(self, session: SftpSession, found: Sequence[tuple[str, Entry]]) -> Sequence[PathAttributes]:
        """Return messages for the entries *found*; all links are followed concurrently to determine the access rights of their targets."""
        followed = {path: session.target_attributes(_raw(path)) for path, entry in found if kind_of(entry.attributes) == stat.S_IFLNK}
        targets: dict[str, Attributes | None] = {path: entry.attributes for path, entry in found}
        for path, request in followed.items():
            try:
                targets[path] = await request
            except SftpError:
                targets[path] = None
        behind = [Entry(b"", b"", target) for path in followed if (target := targets[path]) is not None]
        await self._id_names.resolve(session, [*(entry for _path, entry in found), *behind])
        return [path_attributes(path, entry.attributes, targets[path], self._id_names) for path, entry in found]

    async def _make(self, path: bytes, make: Callable[[SftpSession], Awaitable[None]]) -> None:
        session = await self._connection.session()
        with _translated(path):
            try:
                await make(session)
            except SftpError as error:
                raise await why_not_made(session, error, path) from error

    async def _delete_directory(self, session: SftpSession, path: bytes, refusal: SftpError) -> None:
        try:
            await session.remove_directory(path)
        except SftpError as error:
            with contextlib.suppress(SftpError):
                if not await is_empty(session, path):
                    raise DirectoryNotEmptyException(f"the directory {from_bytes(path)} is not empty") from error
            raise error from refusal

    async def _ask_who_i_am(self) -> str:
        return (await self._shell.run("id -u; id -G", timeout=10)).stdout.decode()

    def _block(self, allowed: int) -> int:
        return allowed if self._buffer_size is None else min(allowed, self._buffer_size)

    def _is_on_host_of(self, other: SftpFileSystem) -> bool:
        """Return True if *other* is on the same host, with the same user."""
        here, there = self._connection.link, other._connection.link
        return (here.place.target, here.place.via, here.user) == (there.place.target, there.place.via, there.user)


@contextlib.contextmanager
def _translated(path: bytes) -> Iterator[None]:
    """Translate an SftpError raised inside to an exception for callers, and add the adaptor's name."""
    try:
        yield
    except SftpError as error:
        failure = xenon_error(error, path)
        failure.adaptor = SftpFileSystem.name
        raise failure from error
    except XenonError as error:
        error.adaptor = error.adaptor or SftpFileSystem.name
        raise


def _raw(path: str) -> bytes:
    try:
        return to_bytes(path)
    except UnicodeEncodeError as error:
        raise IllegalArgumentException(f"the path {path!r} cannot be encoded: {error.reason}", adaptor=SftpFileSystem.name) from None


def _owner_of_home(home: Attributes, user: str) -> Identity:
    """Assume that the user is the owner of the home directory, unless that is root, who may own the home of somebody else."""
    if home.uid is None or (home.uid == 0 and user != _ROOT):
        return Identity()
    return Identity(home.uid, frozenset() if home.gid is None else frozenset({home.gid}))


async def _pieces(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content


async def _why_not_listed(session: SftpSession, error: SftpError, path: bytes) -> XenonError:
    """Find out why *path* could not be listed: OpenSSH reports a regular file as not existing."""
    try:
        there = await session.target_attributes(path)
    except SftpError:
        return xenon_error(error, path)
    if kind_of(there) not in (0, stat.S_IFDIR):
        return InvalidPathException(f"{from_bytes(path)} is not a directory")
    return xenon_error(error, path)


async def _why_not_appended(session: SftpSession, error: SftpError, path: bytes) -> XenonError:
    there = await look(session, path)
    if there is not None and kind_of(there) == stat.S_IFDIR:
        return InvalidPathException(f"{from_bytes(path)} is a directory, not a file")
    return await why_not_written(session, error, path)


async def _why_not_renamed(session: SftpSession, error: SftpError, source: bytes, target: bytes) -> XenonError:
    if await look(session, source) is None:
        return missing(source)
    return await why_not_made(session, error, target)
