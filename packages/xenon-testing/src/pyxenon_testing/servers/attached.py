"""Let programs use a server that was started from a terminal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pyxenon_testing.client import DEFAULT_TARGET, TARGET_VARIABLE, Client
from pyxenon_testing.servers.server import Server
from pyxenon_testing.servers.terminal import NamedServer

if TYPE_CHECKING:
    import pyxenon

__all__ = ["attach_server"]

_clients: dict[str, ProgramClient] = {}


class ProgramClient(Client):
    """A client that uses the program's own session, which the program closes; a closed session is opened again."""

    def session(self) -> pyxenon.Session:
        """Return the open session, or open one.

        Raises :class:`~pyxenon_core.errors.SessionError` if the program has opened one that does not know the servers' host keys.
        """
        import pyxenon
        from pyxenon.session import current_session
        from pyxenon_core.errors import SessionError

        try:
            session = current_session()
        except SessionError:
            return pyxenon.init(target=self.target)
        if session.target != self.target:
            hint = "Open no session before, or open it with xenon.init(target=server.client.target) for the server that attach() returns"
            raise SessionError(f"the open session, {session.target}, does not know the host keys of servers for tests", hint=hint)
        return session


def attach_server(name: str, target: str | None = None) -> Server:
    """Return the server that was started under *name*: see :func:`pyxenon_testing.attach`."""
    named = NamedServer(name)
    chosen = target or os.environ.get(TARGET_VARIABLE) or DEFAULT_TARGET
    # One client for all servers, because a program has one session, whose home must have the host keys of all of them.
    client = _clients.setdefault(chosen, ProgramClient(chosen, named.folder / "home"))
    found = named.find(client)
    if found is None:
        raise named.not_running()
    return found[0]
