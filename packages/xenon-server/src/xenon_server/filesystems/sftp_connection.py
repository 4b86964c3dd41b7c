"""The SFTP sessions of one file system: one for everything, made anew when it is lost, and more while a large file is written."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from xenon_core.errors import ConnectionLostException, FileSystemClosedException, NotConnectedException
from xenon_server.filesystems.sftp_session import MOST_IN_FLIGHT, PACKET, SftpSession
from xenon_server.ssh.connections import SshLink

__all__ = ["SftpConnection"]

T = TypeVar("T")

logger = logging.getLogger("xenon.server.sftp")

_ENDING = 3.0


class SftpConnection:
    """SFTP over an SSH link, which it owns."""

    def __init__(self, link: SshLink) -> None:
        self.link = link
        self._session: SftpSession | None = None
        self._opening = asyncio.Lock()
        self._leftovers: set[bytes] = set()
        self._closed = False

    async def session(self) -> SftpSession:
        """The session, connected again where it was lost; raises NotConnectedException, and what logging in raises."""
        session = self._session
        if session is not None and session.is_open:
            return session
        async with self._opening:
            if self._session is None or not self._session.is_open:
                self._session = await self.another()
                self._remove_leftovers(self._session)
            return self._session

    async def another(self) -> SftpSession:
        """One more session, for the caller to close."""
        if self._closed:
            raise FileSystemClosedException("the file system was closed")
        session = await self.link.subsystem("sftp", SftpSession, window=MOST_IN_FLIGHT, packet=PACKET)
        try:
            await session.start()
        except ConnectionLostException as error:
            reason = f"{self.link.place.target} ended the SFTP session at once; it may not offer SFTP: {error.reason}"
            raise NotConnectedException(reason) from error
        except BaseException:
            await session.close()
            raise
        return session

    async def ask(self, question: Callable[[SftpSession], Awaitable[T]]) -> T:
        """What *question* gives, which changes nothing; asked once more where the connection turns out to have been lost meanwhile."""
        session = await self.session()
        try:
            return await question(session)
        except ConnectionLostException:
            if self._closed:
                raise
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
                if begun or last or self._closed:
                    raise

    async def discard(self, session: SftpSession, *paths: bytes) -> None:
        """Remove files that nobody shall see, and wait for that a while; with the next session where *session* is lost."""
        self._leftovers.update(paths)
        removals = {path: session.remove(path) for path in paths if session.is_open}
        for path, removal in removals.items():
            removal.add_done_callback(lambda future, path=path: self._removed(path, future))  # type: ignore[misc]
        if removals:
            await asyncio.wait(removals.values(), timeout=_ENDING)

    async def close(self) -> None:
        """End the session, and give back the link."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
        await self.link.close()

    def _remove_leftovers(self, session: SftpSession) -> None:
        for path in self._leftovers:
            session.remove(path)
        self._leftovers.clear()

    def _removed(self, path: bytes, removal: asyncio.Future[None]) -> None:
        if removal.cancelled() or isinstance(removal.exception(), ConnectionLostException):
            return
        self._leftovers.discard(path)
