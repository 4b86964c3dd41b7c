"""The names of user and group ids on a server, and the ids of the logged-in user."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from pyxenon_core.errors import XenonError
from pyxenon_server.filesystems.common.names import from_bytes
from pyxenon_server.filesystems.sftp.messages import Attributes, Entry, SftpError
from pyxenon_server.filesystems.sftp.session import SftpSession

__all__ = ["Identity", "IdNames"]

logger = logging.getLogger("xenon.server.sftp")

# In the format of «ls -l»: -rw-r--r--    1 xenon    users        4096 Nov 24 18:14 name
_LONGNAME = re.compile(rb"\S{10,11} +(?:\d+|\?) +(\S+) +(\S+) +(\d+) ")
_ROOT = 0

Ask = Callable[[], Awaitable[str]]


@dataclass(frozen=True)
class Identity:
    """The ids of the logged-in user.

    Attributes:
        user: The user id; None if unknown.
        groups: The ids of the groups that the user is known to be in.
        is_whole: True if the user id is certain and *groups* is complete.
    """

    user: int | None = None
    groups: frozenset[int] = frozenset()
    is_whole: bool = False

    def rights(self, attributes: Attributes) -> int:
        """Return the user's access rights as three bits: 4 to read, 2 to write, 1 to execute or to enter."""
        mode = attributes.mode or 0
        if self.user == _ROOT:
            return 6 | (1 if mode & 0o111 else 0)
        if self.user is None or attributes.uid is None or attributes.uid == self.user:
            return mode >> 6 & 7
        return (mode >> 3 if attributes.gid in self.groups else mode) & 7

    def is_doubtful(self, attributes: Attributes) -> bool:
        """Return True if :meth:`rights` may be wrong, because not all groups are known."""
        mode = attributes.mode or 0
        if self.is_whole or attributes.uid is None:
            return False
        if self.user is None:
            return (mode >> 6 & 7) != (mode & 7) or (mode >> 3 & 7) != (mode & 7)
        return attributes.uid != self.user and attributes.gid not in self.groups and (mode >> 3 & 7) != (mode & 7)


@dataclass
class IdNames:
    """The known names of users and groups on one server.

    Attributes:
        me: The ids of the logged-in user, as far as known.
        ask: Runs ``id -u; id -G`` on the server and returns its output; raises a XenonError if it cannot.
    """

    me: Identity
    ask: Ask
    _users: dict[int, str] = field(default_factory=dict)
    _groups: dict[int, str] = field(default_factory=dict)

    def owner(self, attributes: Attributes) -> str:
        """Return the name of the owner; the user id if the name is unknown, or an empty string if the id is unknown, too."""
        return _named(self._users, attributes.uid)

    def group(self, attributes: Attributes) -> str:
        """Return the name of the group; the group id if the name is unknown, or an empty string if the id is unknown, too."""
        return _named(self._groups, attributes.gid)

    async def resolve(self, session: SftpSession, entries: Iterable[Entry]) -> None:
        """Look up the names of all ids in *entries*, and the user's own ids if access rights depend on them."""
        found = list(entries)
        for entry in found:
            self._learn(entry)
        await self._learn_names(session, found)
        if not self.me.is_whole and any(self.me.is_doubtful(entry.attributes) for entry in found):
            await self._learn_who_i_am()

    def _learn(self, entry: Entry) -> None:
        """Take the names from the ``ls -l`` text of *entry*, unless it cannot be parsed reliably."""
        attributes = entry.attributes
        if attributes.uid is None or attributes.gid is None or (attributes.uid in self._users and attributes.gid in self._groups):
            return
        match = _LONGNAME.match(entry.longname)
        if match and int(match[3]) == attributes.size:
            self._users.setdefault(attributes.uid, from_bytes(match[1]))
            self._groups.setdefault(attributes.gid, from_bytes(match[2]))

    async def _learn_names(self, session: SftpSession, entries: list[Entry]) -> None:
        """Ask the server for the missing names, in one request. If it does not support this, ids are shown instead."""
        users = {number for entry in entries if (number := entry.attributes.uid) is not None} - self._users.keys()
        groups = {number for entry in entries if (number := entry.attributes.gid) is not None} - self._groups.keys()
        if not users and not groups:
            return
        try:
            names = await session.names_of(users, groups)
        except SftpError:
            return
        if names is not None:
            self._users.update((number, from_bytes(name) or str(number)) for number, name in zip(users, names[0], strict=False))
            self._groups.update((number, from_bytes(name) or str(number)) for number, name in zip(groups, names[1], strict=False))

    async def _learn_who_i_am(self) -> None:
        """Ask for the user id and all groups. Ask only once: a server that does not allow commands will not allow them later."""
        try:
            user, *groups = (int(word) for word in (await self.ask()).split())
            self.me = Identity(user, frozenset(groups), is_whole=True)
        except (ValueError, XenonError) as error:
            logger.info("the user's groups are unknown, because the server does not run commands: %s", error)
            self.me = Identity(self.me.user, self.me.groups, is_whole=True)


def _named(names: dict[int, str], number: int | None) -> str:
    return "" if number is None else names.get(number) or str(number)
