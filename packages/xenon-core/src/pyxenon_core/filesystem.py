"""File systems of the asynchronous API."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from typing_extensions import override

from pyxenon_core import messages
from pyxenon_core._generated.filesystem import FileSystemMethods, FileSystems
from pyxenon_core.channels.base import was_accepted
from pyxenon_core.errors import FileSystemClosedException, FileTooLargeError, XenonError
from pyxenon_core.handle import Closing
from pyxenon_core.paths import StrPath, path_text
from pyxenon_core.streams import ByteSource, Kept, closing, pieces

__all__ = ["FileSystem", "FileSystems"]

# xenon-grpc sends a file as one message, which must be smaller than 2 GiB.
MESSAGE_LIMIT = (1 << 31) - 1


class FileSystem(Closing[messages.FileSystem], FileSystemMethods):
    """A file system: files and directories, local or remote. Use it in ``async with``: it is closed at the end."""

    _closed_error = FileSystemClosedException

    @override
    async def read_from_file(self, path: StrPath) -> AsyncIterator[bytes]:
        try:
            async with closing(super().read_from_file(path)) as read:
                async for piece in read:
                    yield piece
        except XenonError as error:
            too_large = await self._too_large(path)
            if too_large is None:
                raise  # an exception must not be its own cause
            raise too_large from error

    @override
    async def write_to_file(self, path: StrPath, data_stream: ByteSource, size: int = 0) -> None:
        if self._channel.all_or_nothing:
            await super().write_to_file(path, data_stream, size)
            return
        source = Kept(pieces(self._channel, data_stream))
        try:
            await super().write_to_file(path, source, size)
        except XenonError:
            source.raise_failure()
            raise
        except (KeyboardInterrupt, asyncio.CancelledError) as interrupt:
            if was_accepted(interrupt):
                await self._take_back(path)
            raise
        if source.failure is not None:
            await self._take_back(path)
            source.raise_failure()

    @override
    async def append_to_file(self, path: StrPath, data_stream: ByteSource) -> None:
        source = Kept(pieces(self._channel, data_stream))
        await super().append_to_file(path, source)
        source.raise_failure()

    async def _take_back(self, path: StrPath) -> None:
        """Delete the file that the server has just created from incomplete data, so that nobody takes it for complete."""
        with contextlib.suppress(XenonError):
            await self.delete(path)

    async def _too_large(self, path: StrPath) -> XenonError | None:
        """Return the error to raise instead of that of a failed read if the file is larger than the server can send."""
        try:
            size = (await self.get_attributes(path)).size
        except XenonError:
            return None
        if size <= MESSAGE_LIMIT:
            return None
        reason = f"the file has {size} bytes, and this server sends a file as one message of at most {MESSAGE_LIMIT} bytes"
        hint = "Copy it to a path of this machine instead, with copy() to a file system of the adaptor 'file', and read it there"
        return FileTooLargeError(reason, hint=hint).about("read_from_file", repr(path_text(path)))
