"""One file system's view of the connection to its server, which it shares with others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from pyxenon_core.errors import ConnectionLostException, FileSystemClosedException
from pyxenon_server.filesystems.common.names import from_bytes
from pyxenon_server.filesystems.sftp.errors import look
from pyxenon_server.filesystems.sftp.messages import SftpError
from pyxenon_server.filesystems.sftp.session import SftpSession
from pyxenon_server.filesystems.sftp.sessions import SftpSessions
from pyxenon_server.ssh.connections import SshLink

__all__ = ["SftpConnection"]

T = TypeVar("T")

_log = logging.getLogger("xenon.server.sftp")

_ENDING = 3.0


class SftpConnection:
    """A share of the sessions to a server, and the cleanup of files that a lost connection leaves behind there."""

    def __init__(self, sessions: SftpSessions) -> None:
        self.sessions = sessions
        self._leftovers: set[bytes] = set()
        self._kept: dict[bytes, bytes] = {}
        self._closed = False

    @property
    def link(self) -> SshLink:
        """The SSH connection."""
        return self.sessions.link

    async def session(self) -> SftpSession:
        """Return the main session, reconnecting if it was lost. Raises FileSystemClosedException, and as :meth:`SftpSessions.main`."""
        if self._closed:
            raise FileSystemClosedException("the file system was closed")
        session = await self.sessions.main()
        if self._kept:
            await self._give_back(session)
        while self._leftovers:
            self._remove(session, self._leftovers.pop())
        return session

    async def ask(self, question: Callable[[SftpSession], Awaitable[T]]) -> T:
        """Return the result of *question*, which must be read-only, and retry it once if the connection is lost."""
        session = await self.session()
        try:
            return await question(session)
        except ConnectionLostException:
            return await question(await self.session())

    async def follow(self, stream: Callable[[SftpSession], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        """Yield the items of *stream*, which must be read-only, and restart it once if the connection is lost before the first item."""
        begun = False
        for last in (False, True):
            try:
                async with contextlib.aclosing(stream(await self.session())) as items:
                    async for item in items:
                        begun = True
                        yield item
                return
            except ConnectionLostException:
                if begun or last:
                    raise

    async def discard(self, session: SftpSession, path: bytes) -> None:
        """Delete a temporary file, waiting at most a few seconds; if *session* is lost, the next session deletes it."""
        if session.is_open:
            await asyncio.wait([self._remove(session, path)], timeout=_ENDING)
        else:
            self._leftovers.add(path)

    def keep(self, name: bytes, path: bytes) -> None:
        """Record that the file from *path* is called *name* until it is replaced."""
        self._kept[name] = path

    def forget(self, name: bytes) -> None:
        """Drop the record of *name*, which is not needed any more."""
        self._kept.pop(name, None)

    async def restore(self, session: SftpSession, renaming: asyncio.Future[None] | None) -> None:
        """Rename kept files back once *renaming* has ended, waiting a few seconds at most; if *session* is lost, the next one does it."""
        if session.is_open:
            await asyncio.wait([asyncio.ensure_future(self._give_back(session, renaming))], timeout=_ENDING)

    async def close(self) -> None:
        """Release the sessions."""
        self._closed = True
        for name, path in self._kept.items():
            _log.warning("the file %s on %s is now called %s", from_bytes(path), self.link.place.target, from_bytes(name))
        for path in self._leftovers:
            _log.warning("the temporary file %s is left on %s: the connection was lost", from_bytes(path), self.link.place.target)
        await self.sessions.release()

    async def _give_back(self, session: SftpSession, renaming: asyncio.Future[None] | None = None) -> None:
        """Rename kept files back to their original names, or delete those whose name is taken, because they have been replaced."""
        if renaming is not None:
            await asyncio.wait([renaming])
        kept, self._kept = self._kept, {}
        for name, path in kept.items():
            try:
                there = await look(session, path)
                with contextlib.suppress(SftpError):
                    await (session.rename(name, path) if there is None else session.remove(name))
            except ConnectionLostException:
                self._kept[name] = path

    def _remove(self, session: SftpSession, path: bytes) -> asyncio.Future[None]:
        removal = session.remove(path)
        removal.add_done_callback(lambda done: self._removed(path, done))
        return removal

    def _removed(self, path: bytes, removal: asyncio.Future[None]) -> None:
        if not removal.cancelled() and isinstance(removal.exception(), ConnectionLostException):
            self._leftovers.add(path)
