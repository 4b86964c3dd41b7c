"""What one file system sees of the connection to its server, which others share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from xenon_core.errors import ConnectionLostException, FileSystemClosedException
from xenon_server.filesystems.sftp_names import from_bytes
from xenon_server.filesystems.sftp_session import SftpSession
from xenon_server.filesystems.sftp_sessions import SftpSessions
from xenon_server.ssh.connections import SshLink

__all__ = ["SftpConnection"]

T = TypeVar("T")

_log = logging.getLogger("xenon.server.sftp")

_ENDING = 3.0


class SftpConnection:
    """The sessions to a server, of which it holds a share, and the care for what a lost connection leaves there."""

    def __init__(self, sessions: SftpSessions) -> None:
        self.sessions = sessions
        self._leftovers: set[bytes] = set()
        self._closed = False

    @property
    def link(self) -> SshLink:
        """The connection over SSH."""
        return self.sessions.link

    async def session(self) -> SftpSession:
        """The session, connected again where it was lost; raises FileSystemClosedException, and as :meth:`SftpSessions.main`."""
        if self._closed:
            raise FileSystemClosedException("the file system was closed")
        session = await self.sessions.main()
        while self._leftovers:
            self._remove(session, self._leftovers.pop())
        return session

    async def ask(self, question: Callable[[SftpSession], Awaitable[T]]) -> T:
        """What *question* gives, which changes nothing; asked once more where the connection turns out to have been lost meanwhile."""
        session = await self.session()
        try:
            return await question(session)
        except ConnectionLostException:
            return await question(await self.session())

    async def follow(self, stream: Callable[[SftpSession], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        """The items of *stream*, which changes nothing; begun once more where the connection is found to be lost before the first."""
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
        """Remove a file that nobody shall see, and wait a while for that; it is done by the next session where *session* is lost."""
        if session.is_open:
            await asyncio.wait([self._remove(session, path)], timeout=_ENDING)
        else:
            self._leftovers.add(path)

    async def close(self) -> None:
        """Give up the share."""
        self._closed = True
        for path in self._leftovers:
            _log.warning("%s is left on %s, since the connection was lost", from_bytes(path), self.link.place.target)
        await self.sessions.release()

    def _remove(self, session: SftpSession, path: bytes) -> asyncio.Future[None]:
        removal = session.remove(path)
        removal.add_done_callback(lambda done: self._removed(path, done))
        return removal

    def _removed(self, path: bytes, removal: asyncio.Future[None]) -> None:
        if not removal.cancelled() and isinstance(removal.exception(), ConnectionLostException):
            self._leftovers.add(path)
