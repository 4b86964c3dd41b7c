"""The SFTP sessions to one place, shared by all file systems there: a main session, and more while large files are written."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import ClassVar
from weakref import WeakKeyDictionary

from pyxenon_core.errors import ConnectionLostException, NotConnectedException
from pyxenon_server.filesystems.sftp.session import MOST_IN_FLIGHT, PACKET, SftpSession
from pyxenon_server.ssh.connections import SshLink

__all__ = ["MOST_SESSIONS", "SftpSessions"]

MOST_SESSIONS = 4
"""The limit for each place: a server allows ten sessions on a connection, and commands need some of them."""


@dataclass
class _Slot:
    """A session that is opened on demand, and reopened if it is lost."""

    session: SftpSession | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class SftpSessions:
    """The sessions over one link, which they own. Acquired with :meth:`hold`, and released with :meth:`release`."""

    _all: ClassVar[WeakKeyDictionary[object, SftpSessions]] = WeakKeyDictionary()

    def __init__(self, link: SshLink) -> None:
        self.link = link
        self._holders = 0
        self._slots = [_Slot() for _ in range(MOST_SESSIONS)]

    @classmethod
    async def hold(cls, link: SshLink) -> SftpSessions:
        """Return the sessions to the place of *link*, and take ownership of *link*."""
        sessions = cls._all.get(link.shared)
        if sessions is None:
            sessions = cls._all[link.shared] = cls(link)
        sessions._holders += 1
        if sessions.link is not link:
            await link.close()
        return sessions

    async def release(self) -> None:
        """Release the sessions; the last holder closes them."""
        self._holders -= 1
        if self._holders:
            return
        self._all.pop(self.link.shared, None)
        for slot in self._slots:
            if slot.session is not None:
                await slot.session.close()
        await self.link.close()

    async def main(self) -> SftpSession:
        """Return the main session, reconnecting if it was lost.

        Raises NotConnectedException, InvalidLocationException if the host does not speak SFTP, and the errors of logging in.
        """
        session = self._slots[0].session
        return session if session is not None and session.is_open else await self._open(self._slots[0])

    async def borrow(self, number: int) -> SftpSession:
        """Return session *number*, from 1 to :data:`MOST_SESSIONS` - 1, until :meth:`give_back`. Raises the same errors as :meth:`main`."""
        self._slots[number].users += 1
        try:
            return await self._open(self._slots[number])
        except BaseException:
            self.give_back(number)
            raise

    def give_back(self, number: int) -> None:
        """Give back session *number*; it ends with its last user."""
        slot = self._slots[number]
        slot.users -= 1
        if not slot.users and slot.session is not None:
            slot.session.end()
            slot.session = None

    async def _open(self, slot: _Slot) -> SftpSession:
        async with slot.opening:
            if slot.session is None or not slot.session.is_open:
                slot.session = await self._another()
            return slot.session

    async def _another(self) -> SftpSession:
        session = await self.link.subsystem("sftp", SftpSession, window=MOST_IN_FLIGHT, packet=PACKET)
        try:
            await session.start()
        except ConnectionLostException as error:
            reason = f"{self.link.place.target} ended the SFTP session immediately; it may not offer SFTP: {error.reason}"
            raise NotConnectedException(reason) from error
        except BaseException:
            session.end()
            raise
        return session
