"""What one file system sees of the connection to its server, which others share."""

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
    """The sessions to a server, of which it holds a share, and the care for what a lost connection leaves there."""

    def __init__(self, sessions: SftpSessions) -> None:
        self.sessions = sessions
        self._leftovers: set[bytes] = set()
        self._kept: dict[bytes, bytes] = {}
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
        if self._kept:
            await self._give_back(session)
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

    def keep(self, name: bytes, path: bytes) -> None:
        """Know that what was at *path* is called *name* until something else is there."""
        self._kept[name] = path

    def forget(self, name: bytes) -> None:
        """What is called *name* is not needed any more."""
        self._kept.pop(name, None)

    async def restore(self, session: SftpSession, renaming: asyncio.Future[None] | None) -> None:
        """Give what is kept its name back once *renaming* is over, and wait a while; the next session does so where *session* is lost."""
        if session.is_open:
            await asyncio.wait([asyncio.ensure_future(self._give_back(session, renaming))], timeout=_ENDING)

    async def close(self) -> None:
        """Give up the share."""
        self._closed = True
        for name, path in self._kept.items():
            _log.warning("What was at %s on %s is called %s now", from_bytes(path), self.link.place.target, from_bytes(name))
        for path in self._leftovers:
            _log.warning("%s is left on %s, since the connection was lost", from_bytes(path), self.link.place.target)
        await self.sessions.release()

    async def _give_back(self, session: SftpSession, renaming: asyncio.Future[None] | None = None) -> None:
        """Rename what is kept to what it was called; where something has that name by now, it has been replaced."""
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
